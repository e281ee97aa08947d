package core

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// openListed opens a regular file for reading. No link is followed on the way to
// it: who may write to one of its directories cannot have another file read.
func openListed(name string) (*os.File, error) {
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/", Err: err}
	}
	defer unix.Close(root)
	// O_NONBLOCK: to open a FIFO must not wait for its other end.
	return openBeneath(root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, unix.S_IFREG)
}

// openBeneath opens what is at a path below the directory dir without following
// any link, and checks what it is.
func openBeneath(dir int, name string, flags int, kind uint32) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags) | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(dir, strings.TrimPrefix(name, "/"), &how)
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: name, Err: err}
	}
	file := os.NewFile(uintptr(fd), name)
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		file.Close()
		return nil, &os.PathError{Op: "fstat", Path: name, Err: err}
	}
	if s.Mode&unix.S_IFMT != kind {
		file.Close()
		return nil, fmt.Errorf("%s is not what it should be: its type is %#o, not %#o", name, s.Mode&unix.S_IFMT, kind)
	}
	return file, nil
}
