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

// guards says what is wrong with a directory that the file is below: somebody
// else's, or one in which everybody may rename and remove the files of others. One
// in which a group may, as in Ubuntu's /var/log, is good enough: what is put there
// in the place of a directory belongs to whoever did, and is refused then.
func guards(path string, st *unix.Stat_t) error {
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("directory %s belongs to uid %d, who may take its files away: chown or move it", path, st.Uid)
	case st.Mode&unix.S_IWOTH != 0 && st.Mode&unix.S_ISVTX == 0:
		return fmt.Errorf("directory %s has mode %#o, so that everybody may take its files away: chmod o-w", path, st.Mode&0o777)
	}
	return nil
}

// keeps says what is wrong with the file's own directory: the members of a group
// may rename and remove the file. Root's group may, and for a process that is not
// root's, the group that it makes files for.
func keeps(path string, st *unix.Stat_t) error {
	own := os.Geteuid() != 0 && int(st.Gid) == os.Getegid()
	if st.Mode&unix.S_IWGRP == 0 || st.Mode&unix.S_ISVTX != 0 || st.Gid == 0 || own {
		return nil
	}
	return fmt.Errorf("directory %s has mode %#o, so that group %d may take its files away: chmod g-w, or choose a directory below it", path, st.Mode&0o777, st.Gid)
}
