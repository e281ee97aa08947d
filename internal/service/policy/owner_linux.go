package policy

import (
	"fmt"
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/filekind"
)

// writable are the permissions to write of all but the owner. Those that an ACL
// gives show in the group's.
const writable = unix.S_IWGRP | unix.S_IWOTH

// checkFile refuses a policy file that anybody but its owner could have written.
func checkFile(file *os.File, owner uint32) error {
	st, err := stat(file)
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%s is %s and no regular file: remove it", printable(file.Name()), filekind.OfStat(st.Mode).Words())
	}
	return checkOwner(file.Name(), st, owner)
}

// checkDir refuses a directory in which others could put something in the place
// of what is looked for. Above the policy's own, a sticky one is as good: there
// nobody can move what belongs to another.
func checkDir(dir *os.File, owner uint32, last bool) error {
	st, err := stat(dir)
	if err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
	case unix.S_IFLNK:
		return linkError(dir.Name())
	default:
		return fmt.Errorf("%s is %s and no directory, as policies want one: move it away, or give the service another name", printable(dir.Name()), filekind.OfStat(st.Mode).Words())
	}
	if !last && st.Mode&unix.S_ISVTX != 0 {
		st.Mode &^= writable
	}
	return checkOwner(dir.Name(), st, owner)
}

func stat(file *os.File) (*unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: file.Name(), Err: err}
	}
	return &st, nil
}

// checkOwner refuses what does not belong to root or owner, or what others may
// write.
func checkOwner(name string, st *unix.Stat_t, owner uint32) error {
	mode := fmt.Sprintf("owned by uid %d, mode %04o", st.Uid, st.Mode&0o7777)
	switch {
	case st.Uid != 0 && st.Uid != owner:
		return fmt.Errorf("%s is %s, and must be owned by uid %d: look at what it says, then run \"chown %[3]d %[4]s\"",
			printable(name), mode, owner, shellWord(name))
	case st.Mode&writable != 0:
		return fmt.Errorf("%s is %s: others may write it: look at what it says, then run \"chmod go-w %s\"",
			printable(name), mode, shellWord(name))
	}
	return nil
}

// shellWord is a path as a shell takes it for one word. One that a terminal would
// not show as it is has no such word, and is quoted as in Go.
func shellWord(name string) string {
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return printable(name)
	case strings.ContainsAny(name, " '\"\\$`&;|<>()*?[]#~!{}"):
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
