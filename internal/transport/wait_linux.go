package transport

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell is an eventfd that ends a ppoll. It is made when somebody first waits.
type bell struct{ fd atomic.Int32 }

const noEvent = -1

// make makes the bell, unless it is there. It is for the one that waits.
func (b *bell) make() (int, error) {
	if fd := int(b.fd.Load()); fd != noEvent {
		return fd, nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return noEvent, os.NewSyscallError("eventfd", err)
	}
	b.fd.Store(int32(fd))
	return fd, nil
}

// ring wakes who waits with it; with nobody there yet it does nothing.
func (b *bell) ring() {
	if fd := int(b.fd.Load()); fd != noEvent {
		one := [8]byte{7: 0, 0: 1}
		unix.Write(fd, one[:])
	}
}

// silence undoes ring.
func (b *bell) silence() {
	var buf [8]byte
	unix.Read(int(b.fd.Load()), buf[:])
}

func (b *bell) close() {
	if fd := int(b.fd.Load()); fd != noEvent {
		unix.Close(fd)
	}
}

// Poll is of mux.Transport. Go's poller is told to forget the socket.
func (s *Socket) Poll() error {
	s.drop()
	event, err := s.poll.make()
	if err != nil {
		return err
	}
	if s.woken.Swap(false) || s.stopped.Load() {
		return nil
	}
	fds := [2]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(event), Events: unix.POLLIN}}
	_, err = poll(fds[:], 0)
	if fds[1].Revents != 0 && !s.stopped.Load() {
		s.poll.silence()
		s.woken.Store(false) // before a Wake that comes now, which rings again
	}
	return err
}

// poll waits until one of fds is ready, or d has passed; 0 is for ever.
func poll(fds []unix.PollFd, d time.Duration) (ready bool, err error) {
	var limit *unix.Timespec
	if d > 0 {
		ts := unix.NsecToTimespec(int64(d))
		limit = &ts
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(limit)), 0, 0, 0)
		switch errno {
		case 0:
			return n > 0, nil
		case unix.EINTR:
		default:
			return false, os.NewSyscallError("ppoll", errno)
		}
	}
}

// isReady reports whether fd is ready, or has ended.
func isReady(fd uintptr, events int16) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	n, _, _ := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), 1, uintptr(unsafe.Pointer(&unix.Timespec{})), 0, 0, 0)
	return n != 0
}

// Wake is of mux.Transport.
func (s *Socket) Wake() {
	s.woken.Store(true)
	s.poll.ring()
}

// patience is how long PollSend holds a thread: a peer that reads makes room
// sooner, and one that does not must not keep one.
const patience = 10 * time.Millisecond

// PollSend is of mux.Transport.
func (s *Socket) PollSend() error {
	event, err := s.stop.make()
	if err != nil || s.stopped.Load() {
		return err
	}
	ready, err := poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}, {Fd: int32(event), Events: unix.POLLIN}}, patience)
	if err != nil || ready {
		return err
	}
	f, err := s.dup()
	if err != nil {
		return err
	}
	defer f.Close()
	s.send.Store(f)
	defer s.send.Store(nil)
	if s.stopped.Load() {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return ended(raw.Write(func(fd uintptr) bool { return isReady(fd, unix.POLLOUT) }))
}

// ended is err, unless it is how a wait is ended from outside.
func ended(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// dup is another descriptor of the socket, for Go's poller, which forgets it when
// it is closed.
func (s *Socket) dup() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "link"), nil
}

// Park is of mux.Transport. The socket is known to Go's poller only meanwhile:
// it would wake a thread for each message else, also while somebody is in Poll.
func (s *Socket) Park() error {
	f, err := s.dup()
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = s.wait(f)
	return err
}

// Rest is of mux.Transport.
func (s *Socket) Rest() (err error) {
	if s.kept == nil {
		if s.kept, err = s.dup(); err != nil {
			return err
		}
	}
	unparked, err := s.wait(s.kept)
	if unparked {
		s.drop() // its deadline has passed, or is about to
	}
	return err
}

// drop forgets what Rest has kept.
func (s *Socket) drop() {
	if s.kept != nil {
		s.kept.Close()
		s.kept = nil
	}
}

// wait waits with Go's poller until f can be read from, or Unpark.
func (s *Socket) wait(f *os.File) (unparked bool, err error) {
	s.parked.Store(f)
	defer s.parked.Store(nil)
	if s.unpark.Swap(false) || s.stopped.Load() {
		return true, nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	err = raw.Read(func(fd uintptr) bool { return isReady(fd, unix.POLLIN) })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.unpark.Store(false)
		return true, nil
	}
	return false, err
}

// Unpark is of mux.Transport.
func (s *Socket) Unpark() {
	s.unpark.Store(true)
	if f := s.parked.Load(); f != nil {
		f.SetReadDeadline(time.Unix(1, 0)) // fails when Park has just ended by itself
	}
}

// Stop is of mux.Transport.
func (s *Socket) Stop() {
	s.stopped.Store(true)
	s.poll.ring()
	s.stop.ring()
	if f := s.send.Load(); f != nil {
		f.SetWriteDeadline(time.Unix(1, 0)) // fails when PollSend has just ended by itself
	}
	s.Unpark()
}

// Close is of mux.Transport.
func (s *Socket) Close() error {
	s.drop()
	s.poll.close()
	s.stop.close()
	return os.NewSyscallError("close", unix.Close(s.fd))
}
