package tree

import (
	"fmt"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// noWait is for opening what may have become a pipe.
const noWait = syscall.O_NONBLOCK

// nameless is a spool that vanishes when its process does.
type nameless struct {
	root *os.Root
	dir  *os.File
	at   string
	f    *os.File
}

// openFiles is the folder in which the kernel shows this process's own.
const openFiles = "/proc/self/fd"

// shows reports whether there is that folder.
var shows = sync.OnceValue(func() bool {
	_, err := os.Stat(openFiles)
	return err == nil
})

// newSpool is a file to be written in dir.
func newSpool(root *os.Root, at string) (spool, error) {
	if !shows() {
		return newNamed(root, at)
	}
	dir, err := root.Open(at)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil { // not every file system can; what else is wrong comes again
		dir.Close()
		return newNamed(root, at)
	}
	return &nameless{root, dir, at, os.NewFile(uintptr(fd), at)}, nil
}

func (s *nameless) file() *os.File { return s.f }

// path is where the kernel shows the file.
func (s *nameless) path() string { return fmt.Sprintf("%s/%d", openFiles, s.f.Fd()) }

func (s *nameless) setTime(t time.Time) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, s.path(), twice(t), 0)
}

// keep names the file, and renames it at once: there is no linking over another.
func (s *nameless) keep(name string) error {
	temp := tempName()
	if err := unix.Linkat(unix.AT_FDCWD, s.path(), int(s.dir.Fd()), temp, unix.AT_SYMLINK_FOLLOW); err != nil {
		return err
	}
	err := unix.Renameat(int(s.dir.Fd()), temp, int(s.dir.Fd()), path.Base(name))
	if err != nil {
		unix.Unlinkat(int(s.dir.Fd()), temp, 0)
	}
	return err
}

func (s *nameless) drop() {
	s.f.Close()
	s.dir.Close()
}

// setLinkTime sets a link's own time of change, which nothing depends on.
func setLinkTime(root *os.Root, name string, t time.Time) {
	where, last := base(name)
	dir, err := root.Open(orHere(where))
	if err != nil {
		return
	}
	defer dir.Close()
	_ = unix.UtimesNanoAt(int(dir.Fd()), last, twice(t), unix.AT_SYMLINK_NOFOLLOW)
}

// twice is t as the times of access and change.
func twice(t time.Time) []unix.Timespec {
	spec := unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
	return []unix.Timespec{spec, spec}
}

// syncFolder has the disk keep the names in a folder, where it can.
func syncFolder(dir *os.File) error {
	if err := dir.Sync(); err != nil && !isUnsupported(err) {
		return err
	}
	return nil
}

func isUnsupported(err error) bool {
	return bare(err) == syscall.EINVAL || bare(err) == syscall.ENOTSUP
}
