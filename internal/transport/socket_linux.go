package transport

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/mux"
)

// Socket is a connected unix stream socket. It reads and writes with recvmsg and
// sendmsg that never block, and waits with ppoll(2) on the socket and an eventfd:
// Go's poller would put a thread's wake-up before each read (RATIONALE.md has the
// figures). Only Park, for links at rest, uses Go's poller.
type Socket struct {
	fd      int
	event   int // an eventfd: wakes Poll
	stopped atomic.Bool
	sendEvt atomic.Int32 // an eventfd for PollSend, made when first needed; -1: none

	parked atomic.Pointer[os.File] // while in Park
	unpark atomic.Bool

	// Recv's and Send's own, reused.
	recv, send message
	recvOOB    []byte
}

// message is what one recvmsg or sendmsg takes.
type message struct {
	hdr  unix.Msghdr
	iovs [maxIOV]unix.Iovec
}

const maxIOV = 256

// NewSocket takes the socket fd over.
func NewSocket(fd int) (*Socket, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	s := &Socket{fd: fd, event: event}
	s.sendEvt.Store(-1)
	s.recvOOB = make([]byte, unix.CmsgSpace(maxRights*4))
	return s, nil
}

// SocketPair returns one end as a Socket, and the other as a file to give away.
func SocketPair() (*Socket, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	s, err := NewSocket(fds[0])
	if err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, err
	}
	return s, os.NewFile(uintptr(fds[1]), "link"), nil
}

func (m *message) set(bufs [][]byte) {
	n := 0
	for _, b := range bufs {
		if len(b) > 0 && n < maxIOV {
			m.iovs[n].Base = &b[0]
			m.iovs[n].SetLen(len(b))
			n++
		}
	}
	m.hdr.Iov = &m.iovs[0]
	m.hdr.SetIovlen(n)
}

func (m *message) clear() {
	for i := range m.iovs[:m.hdr.Iovlen] {
		m.iovs[i].Base = nil
	}
}

// Recv is of mux.Transport.
func (s *Socket) Recv(bufs [][]byte) (int, []*os.File, error) {
	m := &s.recv
	m.set(bufs)
	m.hdr.Control = &s.recvOOB[0]
	m.hdr.SetControllen(len(s.recvOOB))
	n, errno := s.message(unix.SYS_RECVMSG, m, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	m.clear()
	switch {
	case errno == unix.EAGAIN:
		return 0, nil, mux.ErrAgain
	case errno == unix.ECONNRESET:
		return 0, nil, io.EOF
	case errno != 0:
		return 0, nil, os.NewSyscallError("recvmsg", errno)
	case n == 0:
		return 0, nil, io.EOF
	}
	var files []*os.File
	var err error
	if m.hdr.Controllen > 0 {
		files, err = parseRights(s.recvOOB[:m.hdr.Controllen])
	}
	if err == nil && m.hdr.Flags&unix.MSG_CTRUNC != 0 {
		err = errLost
	}
	return n, files, err
}

// errLost is this side's fault, not the peer's: Recv has room for all that one
// write may carry.
var errLost = errors.New("file descriptors were lost on the way: this process has too many open files")

// maxRights is how many file descriptors the kernel lets one write carry
// (SCM_MAX_FD).
const maxRights = 253

func (s *Socket) message(call uintptr, m *message, flags uintptr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.Syscall(call, uintptr(s.fd), uintptr(unsafe.Pointer(&m.hdr)), flags)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

func parseRights(oob []byte) (files []*os.File, err error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range msgs {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue // another kind of control message
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// Send is of mux.Transport.
func (s *Socket) Send(bufs [][]byte, files []*os.File) (int, error) {
	m := &s.send
	m.set(bufs)
	m.hdr.Control = nil
	m.hdr.SetControllen(0)
	if len(files) > 0 {
		return s.sendFiles(m, files)
	}
	return s.sendMessage(m)
}

func (s *Socket) sendMessage(m *message) (int, error) {
	n, errno := s.message(unix.SYS_SENDMSG, m, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	m.clear()
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, mux.ErrAgain
	}
	return 0, os.NewSyscallError("sendmsg", errno)
}

// sendFiles holds the files open while their numbers are used.
func (s *Socket) sendFiles(m *message, files []*os.File) (n int, err error) {
	fds := make([]int, 0, len(files))
	var next func(i int) error
	next = func(i int) error {
		if i == len(files) {
			oob := unix.UnixRights(fds...)
			m.hdr.Control = &oob[0]
			m.hdr.SetControllen(len(oob))
			n, err = s.sendMessage(m)
			m.hdr.Control = nil
			return nil
		}
		raw, err := files[i].SyscallConn()
		if err != nil {
			return err
		}
		var inner error
		if err := raw.Control(func(fd uintptr) {
			fds = append(fds, int(fd))
			inner = next(i + 1)
		}); err != nil {
			return err
		}
		return inner
	}
	if err := next(0); err != nil {
		return 0, err
	}
	return n, err
}

// Poll is of mux.Transport.
func (s *Socket) Poll() error {
	fds := [2]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(s.event), Events: unix.POLLIN}}
	if s.stopped.Load() {
		return nil
	}
	err := poll(fds[:])
	if fds[1].Revents != 0 && !s.stopped.Load() {
		var b [8]byte
		unix.Read(s.event, b[:])
	}
	return err
}

func poll(fds []unix.PollFd) error {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), 0, 0, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return os.NewSyscallError("ppoll", errno)
		}
	}
}

// Wake is of mux.Transport.
func (s *Socket) Wake() { ring(s.event) }

func ring(event int) {
	one := [8]byte{7: 0, 0: 1}
	unix.Write(event, one[:])
}

// PollSend is of mux.Transport.
func (s *Socket) PollSend() error {
	event := int(s.sendEvt.Load())
	if event < 0 {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			return os.NewSyscallError("eventfd", err)
		}
		event = fd
		s.sendEvt.Store(int32(fd))
	}
	if s.stopped.Load() {
		return nil
	}
	return poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}, {Fd: int32(event), Events: unix.POLLIN}})
}

// Park is of mux.Transport. The socket is known to Go's poller only meanwhile:
// it would wake a thread for each message else, also while somebody is in Poll.
func (s *Socket) Park() error {
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	f := os.NewFile(uintptr(fd), "link")
	defer f.Close()
	s.parked.Store(f)
	defer s.parked.Store(nil)
	if s.unpark.Swap(false) || s.stopped.Load() {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Read(func(fd uintptr) bool {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, _, _ := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), 1, uintptr(unsafe.Pointer(&unix.Timespec{})), 0, 0, 0)
		return n != 0
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.unpark.Store(false)
		return nil
	}
	return err
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
	ring(s.event)
	if event := s.sendEvt.Load(); event >= 0 {
		ring(int(event))
	}
	s.Unpark()
}

// Close is of mux.Transport.
func (s *Socket) Close() error {
	unix.Close(s.event)
	if event := s.sendEvt.Load(); event >= 0 {
		unix.Close(int(event))
	}
	return os.NewSyscallError("close", unix.Close(s.fd))
}
