package audit

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// trusted says what is wrong with a file that records are to be added to.
func trusted(path string, st *unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s is not a regular file", path)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d, not to uid %d: chown or move it", path, st.Uid, os.Geteuid())
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s has mode %#o, so that others may write it: chmod go-w", path, st.Mode&0o7777)
	}
	return nil
}

// guarded refuses a directory that is not this user's or root's, or in which
// everybody may rename and remove the files of others, and one below such.
func guarded(dir string) error {
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for ; ; path = filepath.Dir(path) {
		if err := guards(path); err != nil || path == filepath.Dir(path) {
			return err
		}
	}
}

func guards(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("directory %s belongs to uid %d, who may take its files away: chown or move it", dir, st.Uid)
	case st.Mode&unix.S_IWOTH != 0 && st.Mode&unix.S_ISVTX == 0:
		return fmt.Errorf("directory %s has mode %#o, so that everybody may take its files away: chmod o-w", dir, st.Mode&0o777)
	}
	return nil
}
