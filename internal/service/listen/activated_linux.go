package listen

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Activated is the socket that systemd passed to this process, or nil when it
// passed none. It is called once, early: the variables that tell of it are unset,
// so that no other process believes them.
func Activated(c Config) (*Listener, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	files := passed()
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("systemd passed %d sockets, and this daemon serves one: leave one ListenStream= in the socket unit", len(files))
	}
	l, err := activated(int(files[0].Fd()), &c)
	if err != nil {
		return nil, fmt.Errorf("the socket %q that systemd passed: %w", files[0].Name(), err)
	}
	return l, nil
}

func activated(given int, c *Config) (*Listener, error) {
	path, err := listensAt(given)
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(uintptr(given), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	l, err := newListener(fd, path, c, func() error { return nil })
	if err != nil {
		unix.Close(fd)
	}
	return l, err
}

// listensAt is the path of a unix stream socket that listens; others are
// refused.
func listensAt(fd int) (string, error) {
	for _, test := range []struct {
		option, want int
		complaint    string
	}{
		{unix.SO_DOMAIN, unix.AF_UNIX, "is not a unix socket: set ListenStream= to a path"},
		{unix.SO_TYPE, unix.SOCK_STREAM, "is not a stream socket: use ListenStream="},
		{unix.SO_ACCEPTCONN, 1, "does not listen: set Accept=no"},
	} {
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, test.option)
		if err != nil {
			return "", fmt.Errorf("is no socket: %w", err)
		}
		if got != test.want {
			return "", errors.New(test.complaint)
		}
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "", os.NewSyscallError("getsockname", err)
	}
	addr, ok := sa.(*unix.SockaddrUnix)
	if !ok || !strings.HasPrefix(addr.Name, "/") {
		return "", errors.New("has no path: whoever is in the same network namespace could take the place of an abstract one")
	}
	return addr.Name, nil
}
