package transport

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Socket is a connected stream socket, of which one of a unix domain carries files. It reads and writes with recvmsg and
// sendmsg that never block, and waits as waiter does.
type Socket struct {
	waiter
	fileless bool // no file is received
}

// NewSocket takes the socket fd over.
func NewSocket(fd int) (*Socket, error) {
	s := &Socket{}
	if err := s.take(fd, fd); err != nil {
		return nil, err
	}
	return s, nil
}

// RefuseFiles makes a peer that passes a file break a rule. The file is never this
// process's, which therefore does not have to close it. It is called before Recv.
func (s *Socket) RefuseFiles() { s.fileless = true }

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

// message is what one recvmsg or sendmsg takes. Messages are pooled: an idle
// socket needs none.
type message struct {
	hdr  unix.Msghdr
	iovs [maxIOV]unix.Iovec
	oob  [maxOOB]byte // of recvmsg
}

const (
	maxIOV = 256

	// maxRights is how many file descriptors the kernel lets one write carry
	// (SCM_MAX_FD).
	maxRights = 253
	maxOOB    = unix.SizeofCmsghdr + maxRights*4 + 4 // aligned
)

var messages = sync.Pool{New: func() any { return new(message) }}

// over is bufs as a message without control data.
func over(bufs [][]byte) *message {
	m := messages.Get().(*message)
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
	return m
}

// free gives m back, without what it points to.
func (m *message) free() {
	clear(m.iovs[:m.hdr.Iovlen])
	m.hdr = unix.Msghdr{}
	messages.Put(m)
}

// Recv is of mux.Transport.
func (s *Socket) Recv(bufs [][]byte) (int, []*os.File, error) {
	m := over(bufs)
	defer m.free()
	if !s.fileless {
		m.hdr.Control = &m.oob[0]
		m.hdr.SetControllen(len(m.oob))
	}
	n, errno := s.message(unix.SYS_RECVMSG, m, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err := received("recvmsg", n, errno); err != nil {
		return 0, nil, err
	}
	var files []*os.File
	var err error
	if m.hdr.Controllen > 0 {
		files, err = parseRights(m.oob[:m.hdr.Controllen])
	}
	switch {
	case m.hdr.Flags&unix.MSG_CTRUNC == 0:
	case s.fileless:
		err = frame.Violated("fds", "file descriptors, of which none is taken here")
	case err == nil:
		err = errLost
	}
	return n, files, err
}

// received is what a read that must not block has come to.
func received(call string, n int, errno syscall.Errno) error {
	switch {
	case errno == unix.EAGAIN:
		return mux.ErrAgain
	case errno == 0 && n == 0, isLoss(errno):
		return io.EOF
	case errno != 0:
		return os.NewSyscallError(call, errno)
	}
	return nil
}

// isLoss reports whether errno says that the peer has gone, or cannot be reached.
func isLoss(errno syscall.Errno) bool {
	switch errno {
	case unix.ECONNRESET, unix.ECONNABORTED, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN:
		return true
	}
	return false
}

// sent is what a write that must not block has come to.
func sent(call string, n int, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, mux.ErrAgain
	}
	return 0, os.NewSyscallError(call, errno)
}

// errLost is this side's fault, not the peer's: Recv has room for all that one
// write may carry.
var errLost = errors.New("file descriptors were lost on the way: this process has too many open files")

func (s *Socket) message(call uintptr, m *message, flags uintptr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.Syscall(call, uintptr(s.in), uintptr(unsafe.Pointer(&m.hdr)), flags)
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
	m := over(bufs)
	defer m.free()
	if len(files) > 0 {
		return s.sendFiles(m, files)
	}
	return s.sendMessage(m)
}

func (s *Socket) sendMessage(m *message) (int, error) {
	n, errno := s.message(unix.SYS_SENDMSG, m, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return sent("sendmsg", n, errno)
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

// CloseSend tells the other side that nothing more comes.
func (s *Socket) CloseSend() error {
	return os.NewSyscallError("shutdown", unix.Shutdown(s.out, unix.SHUT_WR))
}
