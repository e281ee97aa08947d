package audit

import (
	"fmt"
	"os"

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

// guarded refuses a directory in which everybody may rename and remove the files
// of others.
func guarded(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
		return fmt.Errorf("directory %s has mode %#o, so that everybody may take its files away: chmod o-w", dir, info.Mode().Perm())
	}
	return nil
}
