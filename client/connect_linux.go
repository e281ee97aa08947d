package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// connect is a connection to the service at path, whose user it has checked.
func (d Dialer) connect(ctx context.Context, path, address string) (mux.Transport, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, os.NewSyscallError("socket", err))
	}
	if err := queue(ctx, fd, path); err != nil {
		unix.Close(fd)
		return nil, unconnected(path, address, err)
	}
	t, err := d.trusted(fd, address)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return t, nil
}

func (d Dialer) trusted(fd int, address string) (mux.Transport, error) {
	uid, err := ident.UID(fd)
	if err != nil {
		return nil, fmt.Errorf("dial %s: who serves there: %w", address, err)
	}
	if uid != uint32(d.UID) {
		return nil, &ImpostorError{Address: address, UID: uid, Want: uint32(d.UID)}
	}
	return transport.NewSocket(fd)
}

// How long to wait for a place in a full queue: before trying again, at first
// and at most, and in all. The kernel offers no better way to one that does not
// want to block.
const (
	shortQueue = time.Millisecond
	longQueue  = 50 * time.Millisecond
	allQueue   = 10 * time.Second
)

// queue connects fd, and waits while too many others do.
func queue(ctx context.Context, fd int, path string) error {
	ctx, cancel := context.WithTimeout(ctx, allQueue)
	defer cancel()
	for wait := shortQueue; ; wait = min(2*wait, longQueue) {
		switch err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err {
		case unix.EINTR:
		case unix.EAGAIN:
			select {
			case <-ctx.Done():
				return fmt.Errorf("too many others are connecting: %w: %w", syscall.EAGAIN, ctx.Err())
			case <-time.After(wait):
			}
		default:
			return os.NewSyscallError("connect", err)
		}
	}
}

// unconnected says what to do about err.
func unconnected(path, address string, err error) error {
	const start = "start it, with systemctl or with the program's own command for that"
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "there is no socket, so its daemon does not run: " + start
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "nobody listens on the socket, so its daemon does not run any more: " + start
	case errors.Is(err, fs.ErrPermission):
		hint = forWhom(path)
	default:
		return fmt.Errorf("%s: %w", at(address), err)
	}
	return fmt.Errorf("%s: %w: %s", at(address), err, hint)
}

// forWhom says who may connect to the socket at path.
func forWhom(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "this user may not look into the socket's directory"
	}
	owner := ident.User(st.Uid)
	if st.Mode&0o020 == 0 {
		return fmt.Sprintf("the socket is for %s alone (mode %#o)", owner, st.Mode&0o777)
	}
	group := ident.GroupName(st.Gid)
	if group == "" {
		group = fmt.Sprint("with gid ", st.Gid)
	}
	return fmt.Sprintf("the socket is for %s and the group %s (mode %#o): join it, and log in again", owner, group, st.Mode&0o777)
}
