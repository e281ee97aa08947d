package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// dir is an open directory. What is done in it is done there, whatever others put
// at its path meanwhile.
type dir struct {
	fd   int
	path string
}

// openDir opens the directory of a file, and makes what is missing of it. It goes
// down from the root, a name at a time, and refuses what guards and keeps refuse
// before it goes on. The caller closes it.
func openDir(path string) (*dir, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	d := &dir{fd, "/"}
	if err := d.descend(strings.FieldsFunc(path, func(r rune) bool { return r == '/' })); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// resolve is path without symbolic links, as far as it is there. Whoever changes
// it after that is found out by enter.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || path == "/" {
		return real, err
	}
	up, err := resolve(filepath.Dir(path))
	return filepath.Join(up, filepath.Base(path)), err
}

func (d *dir) descend(names []string) error {
	for _, name := range names {
		if err := d.check(guards); err != nil {
			return err
		}
		if err := d.enter(name); err != nil {
			return err
		}
	}
	return errors.Join(d.check(guards), d.check(keeps))
}

// enter goes on to the directory of that name, which it makes if it is missing.
func (d *dir) enter(name string) error {
	next := filepath.Join(d.path, name)
	fd, err := d.lookup(name)
	if err == unix.ENOENT {
		if err := unix.Mkdirat(d.fd, name, dirMode); err != nil && err != unix.EEXIST {
			return &fs.PathError{Op: "mkdir", Path: next, Err: err}
		}
		fd, err = d.lookup(name)
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: next, Err: err}
	}
	d.close()
	d.fd, d.path = fd, next
	return nil
}

func (d *dir) lookup(name string) (int, error) {
	return unix.Openat(d.fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func (d *dir) check(refuses func(path string, st *unix.Stat_t) error) error {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: d.path, Err: err}
	}
	return refuses(d.path, &st)
}

// open opens a file in it. A FIFO must not block that, nor a terminal become this
// process's.
func (d *dir) open(name string) (*os.File, error) {
	const flags = unix.O_RDWR | unix.O_APPEND | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	path := filepath.Join(d.path, name)
	for {
		fd, err := unix.Openat(d.fd, name, flags, fileMode)
		if err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		if err != unix.EINTR {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func (d *dir) close() { unix.Close(d.fd) }
