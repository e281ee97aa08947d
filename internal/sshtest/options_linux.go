package sshtest

// Password is the password of deploy and root where Options.Password says that they
// have one.
const Password = "correct horse"

// passwordHash is Password as crypt(3) writes it, by SHA-512.
const passwordHash = "$6$outwork$JpN8x6CrnLI0.9IVk6cNCx5fFmDqvl4RHkmtAveedQNpFGiLy9.YupuNT6m9bczbN52.lqJlOTyVf7WSTqkwx0"

// Sudo is what the user deploy may do by sudo: anything, as anybody, or nothing.
type Sudo int

const (
	SudoNone       Sudo = iota // deploy is not in sudoers
	SudoNoPassword             // without being asked
	SudoPassword               // after giving [Password], each time
)

// Options is what a machine is like. The zero value has the users root and deploy, who
// log in with a key, /bin/sh as their shell, no sudo for deploy, and loopback.
type Options struct {
	// Name is its host name and the alias in its ssh configuration; "m" and a number
	// that is new in this process by default.
	Name string

	// Shell is the login shell of deploy, a path; /bin/sh by default.
	Shell string

	// Noise is a line that deploy's shells print when sshd starts them, whichever
	// shell it is, before they run a command.
	Noise string

	// Banner is what sshd shows before the login.
	Banner string

	// Password gives deploy and root [Password] as theirs. Without it they have none,
	// and any is wrong.
	Password bool

	// NoKeys makes sshd take passwords and nothing else.
	NoKeys bool

	// Sudo is what deploy may do; Sudoers are further lines of sudoers, such as
	// "Defaults requiretty".
	Sudo    Sudo
	Sudoers []string

	// SSHD are lines of sshd_config that win over those of this package, such as
	// "MaxSessions 1".
	SSHD []string

	// Umask is that of sshd and what it starts; sshd adds 022 to it.
	Umask int

	// Files are files and what they hold, by absolute path. One that starts with "#!"
	// is executable; those in deploy's home belong to deploy.
	Files map[string]string

	// Without are programs that the machine lacks: names, or patterns of path.Match,
	// of files in the directories of PATH.
	Without []string

	// Busybox leaves the machine no other programs than those of busybox, and sudo.
	// Busybox's shell runs what it knows itself: Without hides nothing from it.
	Busybox bool

	// Mounts are file systems of their own, in memory, at directories.
	Mounts []Mount

	// Network gives the machine a network of its own, reached through a pair of
	// interfaces, so that it can be cut off.
	Network bool

	// hidden is a machine in whose network the other end of the pair is.
	hidden *Machine
}

// Mount is an empty file system in memory. It has the owner and mode of the directory
// that it is put over.
type Mount struct {
	Dir    string
	Size   int64 // bytes, whole pages of 4 KiB; 0 for much
	NoExec bool  // nothing in it can be executed
}
