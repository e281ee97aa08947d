package listen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
)

// Listener is a listening socket. Accept is for one goroutine; Close and what
// becomes of a Conn are for any.
type Listener struct {
	path   string
	file   *os.File
	remove func() error // takes the socket off its path
	places *places
	spare  *reserve

	mu      sync.Mutex // of notices, which Close tells the last of
	notices *notices

	closing atomic.Bool
	once    sync.Once
	closed  error // what Close returns
}

// newListener takes over fd, which listens. remove is called once, by Close.
func newListener(fd int, path string, c *Config, remove func() error) (*Listener, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &Listener{path: path, remove: remove, places: newPlaces(c, affordable(c.Connections)), notices: newNotices(c.Notice)}
	l.file = os.NewFile(uintptr(fd), path)
	l.spare = newReserve(reserveFor(c))
	return l, nil
}

// reserveFor is how many descriptors are held in reserve: none where root has no
// privilege.
func reserveFor(c *Config) int {
	if c.OwnUserOnly {
		return 0
	}
	return reserveFiles
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Connections is how many there may be at once.
func (l *Listener) Connections() int { return l.places.total }

// What file descriptors are for. A hostile client holds more than those of its
// connection: 32 that it passed and that wait for their frames or calls, and those
// of calls that wait for their turn. So many for each would leave few clients; when
// they run out, the reserve lets root in.
const (
	filesPerConnection = 5  // socket, two eventfds, a duplicate at rest, a pidfd
	filesElse          = 64 // the daemon's own, the reserve's among them
)

// affordable is how many connections of those that are wanted the process may
// have file descriptors for.
func affordable(wanted int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return wanted
	}
	most := (min(limit.Cur, 1<<30) - min(limit.Cur, filesElse)) / filesPerConnection
	return max(1, min(wanted, int(most)))
}

// Close stops listening and, unless the socket is systemd's, takes it off its
// path. Connections stay; those that nobody has accepted are lost, but systemd
// keeps them for the daemon's next start.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.closing.Store(true)
		l.closed = errors.Join(l.remove(), l.file.Close())
		l.spare.close()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.notices.flush(l.notices.now())
	})
	return l.closed
}

// Accept waits for a client that is not refused. It fails with ctx's error, with
// ErrClosed, or when the socket itself fails, which does not pass.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	wait := shortWait
	for {
		fd, err := l.next(ctx)
		switch {
		case err == nil:
			if c := l.welcome(fd); c != nil {
				return c, nil
			}
			wait = shortWait
		case l.closing.Load():
			return nil, ErrClosed
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case passes(err):
			l.notice(NoFiles, everyone, err)
			l.pause(ctx, wait)
			wait = min(2*wait, longWait)
		default:
			return nil, fmt.Errorf("accept on %s: %w", l.path, err)
		}
	}
}

// How long Accept waits for a file descriptor, at first and at most, unless a
// connection ends.
const (
	shortWait = 10 * time.Millisecond
	longWait  = time.Second
)

// passes reports a shortage that may pass.
func passes(err error) bool {
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func (l *Listener) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.places.freed:
	case <-ctx.Done():
	}
}

// next accepts whoever comes, until ctx ends.
func (l *Listener) next(ctx context.Context) (fd int, err error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		l.file.SetReadDeadline(time.Unix(1, 0))
		close(over)
	})
	waited := raw.Read(func(listening uintptr) bool {
		fd, err = l.admit(int(listening))
		return err != unix.EAGAIN
	})
	if !stop() {
		<-over
		l.file.SetReadDeadline(time.Time{})
	}
	if waited != nil {
		return 0, waited
	}
	return fd, os.NewSyscallError("accept4", err)
}

// admit accepts whoever comes next, by a descriptor of the reserve when there is
// no other. Without a descriptor the kernel does not say whether anybody is there.
func (l *Listener) admit(listening int) (int, error) {
	fd, err := accept(listening)
	if err == unix.EMFILE && !waits(listening) {
		return -1, unix.EAGAIN
	}
	for err == unix.EMFILE && l.spare.drop() {
		fd, err = accept(listening)
	}
	if err != nil {
		l.spare.restore()
	}
	return fd, err
}

// accept takes no notice of clients that are gone already.
func accept(listening int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listening, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != unix.EINTR && err != unix.ECONNABORTED {
			return fd, err
		}
	}
}

// waits reports whether anybody waits to be accepted, or that cannot be told.
func waits(listening int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(listening), Events: unix.POLLIN}}, 0)
	return err != nil || n > 0
}

// welcome is the connection on fd, or nil when it is refused.
func (l *Listener) welcome(fd int) *Conn {
	uid, err := ident.UID(fd)
	if err != nil {
		l.refuse(fd, Unknown, everyone, err)
		return nil
	}
	short := !l.spare.refill()
	if short && uid != 0 {
		l.refuse(fd, NoFiles, everyone, os.NewSyscallError("accept4", unix.EMFILE))
		return nil
	}
	if reason := l.places.take(uid); reason != 0 {
		l.refuse(fd, reason, uid, nil)
		return nil
	}
	if short {
		l.spare.release()
	}
	peer, err := ident.Of(fd)
	if err != nil {
		l.places.give(uid)
		l.refuse(fd, Unknown, uid, err)
		return nil
	}
	return &Conn{Peer: peer, fd: fd, places: l.places}
}

func (l *Listener) refuse(fd int, reason Reason, uid uint32, err error) {
	unix.Close(fd)
	l.spare.restore()
	l.notice(reason, uid, err)
}

func (l *Listener) notice(reason Reason, uid uint32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notices.add(reason, uid, err)
}
