package listen

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/filekind"
	"github.com/outwork-go/outwork/internal/ident"
)

// spot is where a socket goes: a name in an open directory, under the lock.
type spot struct {
	path, name string // as it was asked for; in the directory
	real       string // without symlinks
	dir        int
	lock       *lock
}

// Own makes a socket and listens on it. The package's doc says what stands in
// its way.
func Own(c Config) (*Listener, error) {
	if err := checkPath(c.Path); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	l, err := own(&c)
	if _, ok := errors.AsType[*InUseError](err); err != nil && !ok {
		return nil, fmt.Errorf("listen on %s: %w", c.Path, err)
	}
	return l, err
}

func own(c *Config) (*Listener, error) {
	gid, err := groupOf(c.Group)
	if err != nil {
		return nil, err
	}
	s, err := occupy(c.Path)
	if err != nil {
		return nil, err
	}
	l, err := s.listen(c, gid)
	if err != nil {
		return nil, errors.Join(err, s.leave())
	}
	return l, nil
}

// groupOf is the number of a group that is given by name or number, -1 for "".
func groupOf(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("the socket's group: %w: create it: groupadd --system %s", err, group)
	}
	return strconv.Atoi(g.Gid)
}

// occupy takes the lock of the spot for a socket.
func occupy(path string) (*spot, error) {
	s := &spot{path: path, name: filepath.Base(path)}
	dir, real, err := openDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	s.dir, s.real = dir, filepath.Join(real, s.name)
	if err = checkPath(s.real); err == nil {
		s.lock, err = takeLock(dir, path, s.name+lockSuffix)
	}
	if err != nil {
		unix.Close(dir)
		return nil, err
	}
	return s, nil
}

func (s *spot) leave() error {
	return errors.Join(s.lock.release(), os.NewSyscallError("close", unix.Close(s.dir)))
}

// listen puts a listening socket in place.
func (s *spot) listen(c *Config, gid int) (*Listener, error) {
	stale, err := s.stale()
	if err != nil {
		return nil, err
	}
	if err := s.clear(); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	made, err := s.bind(fd, c, gid)
	if err == nil {
		err = s.place(stale)
	}
	if err != nil {
		unix.Close(fd)
		return nil, errors.Join(err, s.clear())
	}
	l, err := newListener(fd, s.path, c, func() error { return errors.Join(s.remove(made), s.leave()) })
	if err != nil {
		unix.Close(fd)
		return nil, errors.Join(err, s.remove(made))
	}
	return l, nil
}

// stat is what lies under a name, nil for nothing.
func (s *spot) stat(name string) (*unix.Stat_t, error) {
	var st unix.Stat_t
	switch err := unix.Fstatat(s.dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err {
	case nil:
		return &st, nil
	case unix.ENOENT:
		return nil, nil
	default:
		return nil, fmt.Errorf("stat %s: %w", name, err)
	}
}

// stale is the stale socket in the way, nil when there is nothing, or the error
// that tells what else there is.
func (s *spot) stale() (*unix.Stat_t, error) {
	st, err := s.stat(s.name)
	if st == nil || err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, fmt.Errorf("there is %s in the socket's place: remove it if it is of no use, or choose another path", filekind.OfStat(st.Mode).Words())
	}
	if st.Uid != uint32(os.Geteuid()) {
		return nil, fmt.Errorf("there is a socket of %s in the socket's place: remove it, or choose another path", ident.User(st.Uid))
	}
	return st, s.deserted()
}

// deserted fails unless nobody listens on the socket that is there.
func (s *spot) deserted() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	switch err := unix.Connect(fd, &unix.SockaddrUnix{Name: s.real}); err {
	case unix.ECONNREFUSED:
		return nil
	case nil, unix.EAGAIN:
		return errors.New("another program listens there, without the lock file of this daemon's: stop it, or choose another path")
	default:
		return fmt.Errorf("there is a socket, and whether anybody listens on it cannot be told: connect: %w", err)
	}
}

// clear removes what a start that was cut short left under the new name.
func (s *spot) clear() error {
	st, err := s.stat(s.name + newSuffix)
	if st == nil || err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK || st.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("there is %s of %s at %s%s: remove it", filekind.OfStat(st.Mode).Words(), ident.User(st.Uid), s.path, newSuffix)
	}
	return os.NewSyscallError("unlinkat", unix.Unlinkat(s.dir, s.name+newSuffix, 0))
}

// bind makes the socket under the new name, and lets it listen when all else is
// done: nobody can connect before.
func (s *spot) bind(fd int, c *Config, gid int) (*unix.Stat_t, error) {
	name := s.name + newSuffix
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: s.real + newSuffix}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if gid >= 0 {
		if err := unix.Fchownat(s.dir, name, -1, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return nil, fmt.Errorf("give the socket to the group %s: %w", c.Group, err)
		}
	}
	if err := unix.Fchmodat(s.dir, name, uint32(c.Mode.Perm()), 0); err != nil {
		return nil, os.NewSyscallError("fchmodat", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return s.stat(name)
}

// place renames the socket, over nothing but the stale one.
func (s *spot) place(stale *unix.Stat_t) error {
	if stale == nil {
		return s.rename(unix.RENAME_NOREPLACE)
	}
	if err := s.rename(unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	if old, err := s.stat(s.name + newSuffix); err != nil || old == nil || !same(old, stale) {
		return errors.Join(errors.New("the socket that was there was replaced meanwhile"), err, s.rename(unix.RENAME_EXCHANGE))
	}
	return s.clear()
}

func (s *spot) rename(flags uint) error {
	err := unix.Renameat2(s.dir, s.name+newSuffix, s.dir, s.name, flags)
	if err != nil {
		return fmt.Errorf("put the socket in place: %w", os.NewSyscallError("renameat2", err))
	}
	return nil
}

// remove takes the socket away, unless it is not the one that was made.
func (s *spot) remove(made *unix.Stat_t) error {
	st, err := s.stat(s.name)
	if st == nil || err != nil || !same(st, made) {
		return err
	}
	return os.NewSyscallError("unlinkat", unix.Unlinkat(s.dir, s.name, 0))
}
