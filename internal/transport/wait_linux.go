package transport

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter is the half of a Transport that waits, for one descriptor to read from
// and one to write to, which may be the same. It waits with ppoll(2) on them and
// an eventfd: Go's poller would put a thread's wake-up before each read
// (RATIONALE.md has the figures). Only Park, for links at rest, uses Go's poller.
type waiter struct {
	in, out int
	stopped atomic.Bool

	poll   bell // wakes Poll
	woken  atomic.Bool
	unpark atomic.Bool
	parked atomic.Pointer[os.File] // while in Park or Rest
	kept   *os.File                // of the last Rest: known to Go's poller; who reads owns it
	send   atomic.Pointer[os.File] // while PollSend is with Go's poller
	stop   bell                    // wakes PollSend
}

// take makes a waiter ready. It takes both descriptors over, unless it fails.
func (w *waiter) take(in, out int) error {
	for _, fd := range []int{in, out} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	w.in, w.out = in, out
	w.poll.fd.Store(noEvent)
	w.stop.fd.Store(noEvent)
	return nil
}

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

// Poll is of mux.Transport. Go's poller is told to forget the descriptor.
func (w *waiter) Poll() error {
	w.drop()
	event, err := w.poll.make()
	if err != nil && !starved(err) {
		return err
	}
	if w.woken.Swap(false) || w.stopped.Load() {
		return nil
	}
	if err != nil {
		return briefly(w.in, unix.POLLIN)
	}
	fds := [2]unix.PollFd{{Fd: int32(w.in), Events: unix.POLLIN}, {Fd: int32(event), Events: unix.POLLIN}}
	_, err = poll(fds[:], 0)
	if fds[1].Revents != 0 && !w.stopped.Load() {
		w.poll.silence()
		w.woken.Store(false) // before a Wake that comes now, which rings again
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
func (w *waiter) Wake() {
	w.woken.Store(true)
	w.poll.ring()
}

// patience is how long PollSend holds a thread: a peer that reads makes room
// sooner, and one that does not must not keep one.
const patience = 10 * time.Millisecond

// PollSend is of mux.Transport.
func (w *waiter) PollSend() error {
	event, err := w.stop.make()
	if w.stopped.Load() {
		return nil
	}
	if starved(err) {
		return briefly(w.out, unix.POLLOUT)
	}
	if err != nil {
		return err
	}
	ready, err := poll([]unix.PollFd{{Fd: int32(w.out), Events: unix.POLLOUT}, {Fd: int32(event), Events: unix.POLLIN}}, patience)
	if err != nil || ready {
		return err
	}
	f, err := polled(w.out)
	if starved(err) {
		return nil // it has waited for a while, and is called again
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w.send.Store(f)
	defer w.send.Store(nil)
	if w.stopped.Load() {
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

// polled is another descriptor of what fd is, for Go's poller, which forgets it
// when it is closed.
func polled(fd int) (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), "link"), nil
}

// starved reports whether err is that no more descriptors are to be had. A link does not break of that:
// it waits in short polls meanwhile, which occupy a thread each, and return before anything has happened.
func starved(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// briefly waits until fd is ready, for patience at most.
func briefly(fd int, events int16) error {
	_, err := poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, patience)
	return err
}

// parkBriefly is Park without a descriptor for Go's poller.
func (w *waiter) parkBriefly() error {
	if w.unpark.Swap(false) || w.stopped.Load() {
		return nil
	}
	return briefly(w.in, unix.POLLIN)
}

// Park is of mux.Transport. The descriptor is known to Go's poller only meanwhile:
// it would wake a thread for each message else, also while somebody is in Poll.
func (w *waiter) Park() error {
	f, err := polled(w.in)
	if starved(err) {
		return w.parkBriefly()
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = w.wait(f)
	return err
}

// Rest is of mux.Transport.
func (w *waiter) Rest() (err error) {
	if w.kept == nil {
		w.kept, err = polled(w.in)
		if starved(err) {
			return w.parkBriefly()
		}
		if err != nil {
			return err
		}
	}
	unparked, err := w.wait(w.kept)
	if unparked {
		w.drop() // its deadline has passed, or is about to
	}
	return err
}

// drop forgets what Rest has kept.
func (w *waiter) drop() {
	if w.kept != nil {
		w.kept.Close()
		w.kept = nil
	}
}

// wait waits with Go's poller until f can be read from, or Unpark.
func (w *waiter) wait(f *os.File) (unparked bool, err error) {
	w.parked.Store(f)
	defer w.parked.Store(nil)
	if w.unpark.Swap(false) || w.stopped.Load() {
		return true, nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	err = raw.Read(func(fd uintptr) bool { return isReady(fd, unix.POLLIN) })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.unpark.Store(false)
		return true, nil
	}
	return false, err
}

// Unpark is of mux.Transport.
func (w *waiter) Unpark() {
	w.unpark.Store(true)
	if f := w.parked.Load(); f != nil {
		f.SetReadDeadline(time.Unix(1, 0)) // fails when Park has just ended by itself
	}
}

// Stop is of mux.Transport.
func (w *waiter) Stop() {
	w.stopped.Store(true)
	w.poll.ring()
	w.stop.ring()
	if f := w.send.Load(); f != nil {
		f.SetWriteDeadline(time.Unix(1, 0)) // fails when PollSend has just ended by itself
	}
	w.Unpark()
}

// Close is of mux.Transport.
func (w *waiter) Close() error {
	w.drop()
	w.poll.close()
	w.stop.close()
	err := unix.Close(w.in)
	if w.out != w.in && w.out != noFD {
		err = errors.Join(err, unix.Close(w.out))
	}
	return os.NewSyscallError("close", err)
}
