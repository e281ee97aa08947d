package core

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// openListed opens a regular file for reading. No link is followed on the way to
// it: who may write to one of its directories cannot have another file read.
func openListed(name string) (*os.File, error) {
	dir, err := openDirectory(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	// O_NONBLOCK: to open a FIFO must not wait for its other end.
	return openIn(dir, path.Base(name), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, unix.S_IFREG)
}

// openDirectory opens a directory, given by an absolute path without "..", one
// step after the other, so that none is a link. openat2(2) would do so at once,
// but is not there in a unit with RestrictSUIDSGID=: that filter cannot see
// which mode a file is created with.
func openDirectory(name string) (*os.File, error) {
	dir, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	for step := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if step == "" {
			continue
		}
		next, err := openIn(dir, step, unix.O_RDONLY|unix.O_DIRECTORY, unix.S_IFDIR)
		dir.Close()
		if err != nil {
			return nil, err
		}
		dir = next
	}
	return dir, nil
}

// openIn opens what has a name in a directory, if it is no link, and checks what
// it is.
func openIn(dir *os.File, name string, flags int, kind uint32) (*os.File, error) {
	full := path.Join(dir.Name(), name)
	fd, err := unix.Openat(int(dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: full, Err: err}
	}
	file := os.NewFile(uintptr(fd), full)
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		file.Close()
		return nil, &os.PathError{Op: "fstat", Path: full, Err: err}
	}
	if s.Mode&unix.S_IFMT != kind {
		file.Close()
		return nil, fmt.Errorf("%s is not what it should be: its type is %#o, not %#o", full, s.Mode&unix.S_IFMT, kind)
	}
	return file, nil
}
