package transport

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/mux"
)

// pipes are two plain streams of bytes, one for each direction. They carry no
// files.
type pipes struct{ waiter }

// NewPipes is a Transport that reads from r and writes to w: pipes, or whatever
// else can be waited for. Files cannot cross it. It takes both over, also when it
// fails, and makes them non-blocking, which a process that shares one of them (its
// standard input, say) notices too.
func NewPipes(r, w *os.File) (mux.Transport, error) {
	defer r.Close()
	defer w.Close()
	in, err := dupFD(r)
	if err != nil {
		return nil, err
	}
	out, err := dupFD(w)
	if err != nil {
		unix.Close(in)
		return nil, err
	}
	p := &pipes{}
	if err := p.take(in, out); err != nil {
		unix.Close(in)
		unix.Close(out)
		return nil, err
	}
	return p, nil
}

// Stdio are two pipes for a process's standard input and output, and r and w what they
// lead to, as NewPipes takes them.
func Stdio() (r, w, stdin, stdout *os.File, err error) {
	if stdin, w, err = os.Pipe(); err != nil {
		return nil, nil, nil, nil, err
	}
	if r, stdout, err = os.Pipe(); err != nil {
		stdin.Close()
		w.Close()
		return nil, nil, nil, nil, err
	}
	return r, w, stdin, stdout, nil
}

// Recv is of mux.Transport.
func (p *pipes) Recv(bufs [][]byte) (int, []*os.File, error) {
	m := over(bufs)
	defer m.free()
	n, errno := m.transfer(unix.SYS_READV, p.in)
	if err := received("readv", n, errno); err != nil {
		return 0, nil, err
	}
	return n, nil, nil
}

// Send is of mux.Transport. That nobody reads any more is EPIPE: Go lets SIGPIPE
// end a process for its standard output alone.
func (p *pipes) Send(bufs [][]byte, files []*os.File) (int, error) {
	if len(files) > 0 {
		return 0, errPlain
	}
	m := over(bufs)
	defer m.free()
	n, errno := m.transfer(unix.SYS_WRITEV, p.out)
	return sent("writev", n, errno)
}

// transfer is a readv or writev of m's bytes.
func (m *message) transfer(call uintptr, fd int) (int, syscall.Errno) {
	for {
		n, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&m.iovs[0])), uintptr(m.hdr.Iovlen))
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// CloseSend tells the other side that nothing more comes. It is for who sends.
func (p *pipes) CloseSend() error {
	if p.out == noFD || p.out == p.in {
		return nil
	}
	fd := p.out
	p.out = noFD
	return os.NewSyscallError("close", unix.Close(fd))
}

// noFD is a descriptor that was closed.
const noFD = -1
