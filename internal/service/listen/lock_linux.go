package listen

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/filekind"
	"github.com/outwork-go/outwork/internal/ident"
)

// lock is a lock file whose lock this process holds. Nobody else may open the
// file: whoever can may hold a lock on it.
type lock struct {
	dir  int
	name string
	file *os.File
}

// lockTries bounds how often a lock file may be gone when it has been opened and
// locked: its owner ended in between.
const lockTries = 100

// takeLock takes the lock of the socket at path, whose directory is open as dir.
func takeLock(dir int, path, name string) (*lock, error) {
	for range lockTries {
		l, err := tryLock(dir, path, name)
		if l != nil || err != nil {
			return l, err
		}
	}
	return nil, fmt.Errorf("the lock file %s%s comes and goes", path, lockSuffix)
}

// tryLock is nil, without an error, when the lock file was removed meanwhile.
func tryLock(dir int, path, name string) (*lock, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err == unix.ELOOP {
		return nil, fmt.Errorf("the lock file %s%s is a symlink: remove it", path, lockSuffix)
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock file %s%s: %w", path, lockSuffix, err)
	}
	l := &lock{dir, name, os.NewFile(uintptr(fd), path+lockSuffix)}
	held, err := l.hold(path)
	if err != nil || !held {
		l.file.Close()
		return nil, err
	}
	return l, nil
}

func (l *lock) hold(path string) (bool, error) {
	fd := int(l.file.Fd())
	var st, now unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != uint32(os.Geteuid()) || st.Mode&0o077 != 0 {
		return false, fmt.Errorf("%s is not a lock file of this daemon's: it is %s of %s, mode %#o: remove it",
			l.file.Name(), filekind.OfStat(st.Mode).Words(), ident.User(st.Uid), st.Mode&0o7777)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return false, &InUseError{path, l.holder()}
	} else if err != nil {
		return false, os.NewSyscallError("flock", err)
	}
	err := unix.Fstatat(l.dir, l.name, &now, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || !same(&st, &now) {
		return false, nil
	}
	return true, l.write()
}

// holder is the process that the lock file names.
func (l *lock) holder() int {
	var buf [20]byte
	n, _ := l.file.ReadAt(buf[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}

func (l *lock) write() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// release removes the file, which is this process's as long as it holds the
// lock.
func (l *lock) release() error {
	err := os.NewSyscallError("unlinkat", unix.Unlinkat(l.dir, l.name, 0))
	return errors.Join(err, l.file.Close())
}

// same reports whether two are one file.
func same(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }
