package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
)

// openDir opens the directory of a socket, and is its path without symlinks. It
// is one in which nobody but root and this user can replace what these two own.
func openDir(dir string) (fd int, real string, err error) {
	real, err = filepath.EvalSymlinks(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, "", fmt.Errorf("the directory %s is not there: create it, or let systemd do so (RuntimeDirectory=): %w", dir, err)
	case err != nil:
		return 0, "", err
	}
	fd, err = unix.Open(real, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, "", &fs.PathError{Op: "open", Path: real, Err: err}
	}
	if err := checkUpwards(fd, real); err != nil {
		unix.Close(fd)
		return 0, "", err
	}
	return fd, real, nil
}

// checkUpwards checks the directory fd, which is at path, and all above it. It
// leaves fd open.
func checkUpwards(fd int, path string) error {
	for at, opened := fd, -1; ; path = filepath.Dir(path) {
		err := checkDir(at, path)
		if err != nil || path == "/" {
			return errors.Join(err, closeIf(opened))
		}
		up, err := unix.Openat(at, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		closeIf(opened)
		if err != nil {
			return &fs.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
		}
		at, opened = up, up
	}
}

func closeIf(fd int) error {
	if fd < 0 {
		return nil
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

func checkDir(fd int, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if own := uint32(os.Geteuid()); st.Uid != 0 && st.Uid != own {
		return fmt.Errorf("the directory %s belongs to %s, who could put another socket in its place: let it belong to %s", path, ident.User(st.Uid), ident.User(own))
	}
	if st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0 {
		return fmt.Errorf("others may write to the directory %s (mode %#o), and put another socket in its place: chmod go-w %[1]s", path, st.Mode&0o7777)
	}
	return nil
}
