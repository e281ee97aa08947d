package confine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A grant is a file, a folder or a device that the process sees where it is, with what its mount
// forbids and what Landlock allows.
type grant struct {
	path     string
	forbid   uint64 // MOUNT_ATTR_…
	access   uint64 // LANDLOCK_ACCESS_FS_…
	optional bool   // it may be missing
	fd       int    // a copy of its mount, that is nowhere yet
	folder   bool
}

// usual are the devices that programs count on.
var usual = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// libraries are what a program that is not static is loaded with, where there are such.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"}

// granted are all that p gives, folders before what is in them, and what the program that is
// started needs itself.
func (p *Policy) granted(own []string) (all []grant) {
	const still, plain = unix.MOUNT_ATTR_RDONLY, unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	runs, run := uint64(unix.MOUNT_ATTR_NOEXEC), uint64(0)
	if p.Subprocesses || p.Level == Contained {
		runs, run = 0, landExecute
	}
	for _, path := range p.ReadOnly {
		all = append(all, grant{path: filepath.Clean(path), forbid: still | plain | runs, access: landRead | run})
	}
	for _, path := range p.ReadWrite {
		all = append(all, grant{path: filepath.Clean(path), forbid: plain | runs, access: landRead | landChange | landV2 | landV3 | run})
	}
	for _, path := range own {
		all = append(all, grant{path: path, forbid: still | plain, access: landRead | landExecute, optional: true})
	}
	if p.Subprocesses || p.Level == Contained || p.Exec != nil {
		for _, path := range usual {
			all = append(all, p.device(path, true))
		}
	}
	for _, path := range p.Devices {
		all = append(all, p.device(path, false))
	}
	// Of two for one path the first in this order is below the second.
	slices.SortStableFunc(all, func(a, b grant) int { return cmp.Compare(a.path, b.path) })
	return all
}

func (p *Policy) device(path string, optional bool) grant {
	return grant{
		path: filepath.Clean(path), forbid: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC, optional: optional,
		access: unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | landV3 | landV5,
	}
}

// take copies the mounts of grants, as they are to be.
func take(all []grant) ([]grant, error) {
	taken := all[:0:0]
	for _, g := range all {
		fd, err := unix.OpenTree(unix.AT_FDCWD, g.path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if g.optional && isErrno(err, unix.ENOENT, unix.EACCES) {
			continue
		}
		if err != nil {
			return taken, fmt.Errorf("grant %s: %w", g.path, err)
		}
		g.fd = fd
		taken = append(taken, g)
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: g.forbid}); err != nil {
			return taken, fmt.Errorf("grant %s: %w", g.path, err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return taken, fmt.Errorf("grant %s: %w", g.path, err)
		}
		g.folder = st.Mode&unix.S_IFMT == unix.S_IFDIR
		taken[len(taken)-1] = g
	}
	return taken, nil
}

// drop closes copies.
func drop(all []grant) {
	for _, g := range all {
		unix.Close(g.fd)
	}
}

// attach puts a copy where the original is in the old view. In an empty tree it makes the place.
func (g *grant) attach() error {
	if err := g.place(); err != nil {
		return fmt.Errorf("make a place for %s: %w", g.path, err)
	}
	if err := unix.MoveMount(g.fd, "", unix.AT_FDCWD, g.path, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
		return fmt.Errorf("grant %s: %w", g.path, err)
	}
	return nil
}

func (g *grant) place() error {
	if _, err := os.Stat(g.path); err == nil {
		return nil
	}
	if g.folder {
		return os.MkdirAll(g.path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(g.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(g.path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		err = f.Close()
	}
	return err
}

// private makes what is mounted here from now on invisible elsewhere.
func private() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts its own: %w", err)
	}
	return nil
}

// freeze makes one mount read-only.
func freeze(path string) error {
	err := unix.MountSetattr(unix.AT_FDCWD, path, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC})
	return wrap("make "+path+" read-only", err)
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// empty mounts a small file system in memory.
func empty(path string) error {
	return wrap("cover "+path, unix.Mount("outwork", path, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=1m,nr_inodes=4k"))
}

// nothing leaves the process, whose mounts are private, a view of what is granted, at its path, and nothing else.
// It stays in its folder if that is there, being granted or on the way to what is: relative paths go on to mean what
// they did.
func nothing(all []grant) error {
	defer unix.Umask(unix.Umask(0o022))
	here, _ := os.Getwd()
	all, err := take(all)
	defer drop(all)
	if err != nil {
		return err
	}
	const over = "/proc" // there is one everywhere, and it is not needed any more
	if err := empty(over); err != nil {
		return err
	}
	if err := unix.Chdir(over); err != nil {
		return wrap("enter the new root", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return wrap("change the root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return wrap("leave the old root", err)
	}
	for i := range all {
		if err := all[i].attach(); err != nil {
			return err
		}
	}
	if err := enter(here); err != nil {
		return err
	}
	return freeze("/")
}

// enter makes a folder the working one, or / if it is not there.
func enter(folder string) error {
	if folder == "" || unix.Chdir(folder) != nil {
		return wrap("enter /", unix.Chdir("/"))
	}
	return nil
}

// everything leaves the process the view that there is, read-only but for what is granted,
// and without what the kernel tells there of others: /proc is its own, /sys and /dev are empty
// but for the usual and the granted.
func everything(all []grant, pids bool) error {
	defer unix.Umask(unix.Umask(0o022))
	here, _ := os.Getwd()
	all, err := take(slices.DeleteFunc(slices.Clone(all), func(g grant) bool { return visible(g, all) }))
	defer drop(all)
	if err != nil {
		return err
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}); err != nil {
		return wrap("make everything read-only", err)
	}
	if err := ownProc(pids); err != nil {
		return err
	}
	for _, path := range []string{"/sys", "/dev"} {
		if err := empty(path); err != nil && !isErrno(err, unix.ENOENT) {
			return err
		}
	}
	for i := range all {
		if err := all[i].attach(); err != nil {
			return err
		}
	}
	for name, to := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		_ = os.Symlink("/proc/self/fd"+to, "/dev/"+name) // there may be no /dev at all
	}
	for _, path := range []string{"/sys", "/dev"} {
		if err := freeze(path); err != nil && !isErrno(err, unix.ENOENT) {
			return err
		}
	}
	return enter(here)
}

// visible reports whether a grant is in the whole view anyway: one that is only to be read, where
// nothing is covered, and nothing that it lies in is to be written.
func visible(g grant, all []grant) bool {
	covered := slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, g.within)
	return g.still() && !covered && !slices.ContainsFunc(all, func(o grant) bool { return !o.still() && g.within(o.path) })
}

// still reports whether it is only to be read.
func (g grant) still() bool { return g.forbid&unix.MOUNT_ATTR_RDONLY != 0 }

// within reports whether it is that folder, or in it.
func (g grant) within(folder string) bool {
	return g.path == folder || strings.HasPrefix(g.path, strings.TrimSuffix(folder, "/")+"/")
}

// ownProc covers /proc by one of this pid namespace, or by nothing where there is none or the
// kernel allows no other: in a container, parts of the host's are covered, and a fresh one would
// show them.
func ownProc(pids bool) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	err := error(unix.EPERM)
	if pids {
		err = unix.Mount("proc", "/proc", "proc", flags, "")
	}
	if err == nil || isErrno(err, unix.ENOENT) {
		return nil
	}
	if err := empty("/proc"); err != nil {
		return err
	}
	return freeze("/proc")
}
