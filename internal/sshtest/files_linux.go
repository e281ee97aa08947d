package sshtest

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	home      = "/home/deploy"
	deployUID = 1000 // as in setup.sh
)

// binDirs are the directories of PATH, without links to one another.
var binDirs = []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin"}

// goRace is what the race detector is told, on machines as here: processes that are built with
// it end a second later otherwise.
const goRace = "GORACE"

// tree writes files of a machine before it is one. Links do not lead it out.
type tree struct {
	root *os.Root
	err  error // the first: after it nothing is done
}

// put writes a file, and makes its directory.
func (f *tree) put(name string, mode os.FileMode, text string) {
	rel := strings.TrimPrefix(name, "/")
	f.do(func() error { return f.root.MkdirAll(path.Dir(rel), 0o755) })
	f.do(func() error { return f.root.WriteFile(rel, []byte(text), mode) })
	f.do(func() error { return f.root.Chmod(rel, mode) })
	if strings.HasPrefix(name, home+"/") {
		f.give(rel)
	}
}

// give gives deploy a file and the directories up to the home.
func (f *tree) give(rel string) {
	for ; "/"+rel != home; rel = path.Dir(rel) {
		f.do(func() error { return f.root.Chown(rel, deployUID, deployUID) })
	}
}

func (f *tree) do(act func() error) {
	if f.err == nil {
		f.err = act()
	}
}

// fill writes the files of the machine, into the root of its first process.
func (m *Machine) fill() error {
	root, err := os.OpenRoot(m.Path("/"))
	if err != nil {
		return err
	}
	defer root.Close()
	f := &tree{root: root}
	f.devices(m.Path("/dev"))
	f.accounts(m.options)
	f.names(m)
	f.without(m.options.Without)
	f.noise(m.options.Noise)
	for name, text := range m.options.Files {
		f.put(name, modeOf(text), text)
	}
	f.put("/run/sshtest/sshd_config", 0o644, m.sshdConfig())
	if f.err != nil {
		return f.err
	}
	return m.keys(f)
}

// modeOf makes executable what a kernel can execute.
func modeOf(text string) os.FileMode {
	if strings.HasPrefix(text, "#!") {
		return 0o755
	}
	return 0o644
}

// devices makes the devices that each program may expect.
func (f *tree) devices(dir string) {
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		f.device(path.Join(dir, name), unix.Mkdev(1, minor))
	}
	f.device(path.Join(dir, "tty"), unix.Mkdev(5, 0))
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		f.do(func() error { return f.root.Symlink(target, "dev/"+name) })
	}
}

// device makes a device that all may use.
func (f *tree) device(name string, number uint64) {
	f.do(func() error {
		if err := unix.Mknod(name, unix.S_IFCHR|0o666, int(number)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return os.Chmod(name, 0o666)
	})
}

// accounts writes who there is, and what sudo and su let them do.
func (f *tree) accounts(o Options) {
	password := "*" // with "!" sshd would take the account for locked
	if o.Password {
		password = passwordHash
	}
	f.put("/etc/passwd", 0o644, strings.Join([]string{
		"root:x:0:0:root:/root:/bin/sh",
		"daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
		"sshd:x:105:65534::/run/sshd:/usr/sbin/nologin",
		"deploy:x:1000:1000:deploy:" + home + ":" + o.Shell,
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	}, "\n"))
	f.put("/etc/group", 0o644, "root:x:0:\ndaemon:x:1:\ntty:x:5:\nshadow:x:42:\ndeploy:x:1000:\nnogroup:x:65534:\n")
	f.put("/etc/shadow", 0o600, fmt.Sprintf(
		"root:%[1]s:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\nsshd:*:20000:0:99999:7:::\n"+
			"deploy:%[1]s:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n", password))
	f.put("/etc/sudoers", 0o440, o.sudoers())
	// Without the seconds that a wrong password costs elsewhere.
	const unix = "auth required pam_unix.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n"
	for _, name := range []string{"sudo", "sudo-i"} {
		f.put("/etc/pam.d/"+name, 0o644, unix)
	}
	f.put("/etc/pam.d/su", 0o644, "auth sufficient pam_rootok.so\n"+unix)
}

func (o Options) sudoers() string {
	lines := []string{
		`Defaults env_reset, timestamp_timeout=0, secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"`,
		`Defaults env_keep += "` + goRace + `"`,
		"root ALL=(ALL:ALL) ALL",
	}
	switch o.Sudo {
	case SudoNone:
	case SudoNoPassword:
		lines = append(lines, "deploy ALL=(ALL:ALL) NOPASSWD: ALL")
	case SudoPassword:
		lines = append(lines, "deploy ALL=(ALL:ALL) ALL")
	}
	return strings.Join(append(lines, o.Sudoers...), "\n") + "\n"
}

// names writes the machine's own name and keeps it from asking for others: sudo looks
// its host up.
func (f *tree) names(m *Machine) {
	f.put("/etc/hostname", 0o644, m.Host+"\n")
	f.put("/etc/hosts", 0o644, "127.0.0.1 localhost "+m.Host+"\n")
	f.put("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
	f.do(func() error {
		err := f.root.Remove("etc/resolv.conf")
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
}

// noise makes each shell print a line when sshd starts it: bash reads its file then,
// and for those that read none there is sshd's own.
func (f *tree) noise(line string) {
	if line == "" {
		return
	}
	print := "echo '" + strings.ReplaceAll(line, "'", `'\''`) + "'\n"
	for _, name := range []string{".bashrc", ".cshrc", ".zshenv", ".config/fish/config.fish"} {
		f.put(home+"/"+name, 0o644, print)
	}
	f.put(home+"/.ssh/rc", 0o644, print)
}

// without takes programs away.
func (f *tree) without(patterns []string) {
	if len(patterns) == 0 {
		return
	}
	for _, dir := range binDirs {
		f.do(func() error {
			opened, err := f.root.Open(dir)
			if err != nil {
				return err
			}
			defer opened.Close()
			names, err := opened.Readdirnames(-1)
			if err != nil {
				return err
			}
			for _, name := range names {
				if matches(patterns, name) {
					f.do(func() error { return f.root.Remove(path.Join(dir, name)) })
				}
			}
			return nil
		})
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// sshdConfig is the configuration of sshd, of which the first line about a thing wins.
func (m *Machine) sshdConfig() string {
	lines := slices.Clone(m.options.SSHD)
	if m.options.Banner != "" {
		lines = append(lines, "Banner /run/sshtest/banner")
	}
	if of := os.Getenv(goRace); of != "" {
		lines = append(lines, "SetEnv "+goRace+"="+of)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	settings := map[string]string{
		"ListenAddress": m.Addr, "Port": fmt.Sprint(m.Port), "PidFile": "none",
		"HostKey": "/run/sshtest/host_key", "AuthorizedKeysFile": "/run/sshtest/authorized_keys",
		"PermitRootLogin": "yes", "PubkeyAuthentication": yes[!m.options.NoKeys],
		"PasswordAuthentication":       yes[m.options.Password || m.options.NoKeys],
		"KbdInteractiveAuthentication": "no", "UsePAM": "no", "UseDNS": "no",
		"LogLevel": "VERBOSE", "MaxStartups": "200", "Subsystem": "sftp internal-sftp",
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		lines = append(lines, name+" "+settings[name])
	}
	return strings.Join(lines, "\n") + "\n"
}

// keys makes the keys of the host and of its users, and writes them and who may use
// them.
func (m *Machine) keys(f *tree) error {
	hostPrivate, hostPublic, err := newKey()
	if err != nil {
		return err
	}
	private, public, err := newKey()
	if err != nil {
		return err
	}
	m.aliases = []alias{{
		name: m.Host, address: m.Addr, port: m.Port, keyAlias: m.Host,
		identity: m.Path("/run/sshtest/id"), knownHosts: m.Path("/run/sshtest/known_hosts"),
		noKeys: m.options.NoKeys,
	}}
	m.Config = m.Path("/run/sshtest/config")
	f.put("/run/sshtest/banner", 0o644, m.options.Banner)
	f.put("/run/sshtest/host_key", 0o600, string(hostPrivate))
	f.put("/run/sshtest/authorized_keys", 0o644, public+"\n")
	f.put("/run/sshtest/id", 0o600, string(private))
	f.put("/run/sshtest/known_hosts", 0o644, m.Host+" "+hostPublic+"\n")
	f.put("/run/sshtest/config", 0o644, configText(m.aliases))
	return f.err
}
