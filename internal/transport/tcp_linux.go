package transport

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/mux"
)

// tcp is a Socket that is a TCP connection.
type tcp struct {
	Socket
	lost   bool       // of who reads
	mu     sync.Mutex // guards what follows
	closed bool
}

// NewTCP is a Transport of c, which it takes over and closes, also when it fails: Go's
// poller must not know of it. It carries no files. That the peer cannot be reached any
// more is io.EOF, as its end is. Stop may be called at any time, even after Close.
func NewTCP(c TCPConn) (mux.Transport, error) {
	defer c.Close()
	if err := c.SetNoDelay(true); err != nil {
		return nil, err
	}
	fd, err := dupFD(c)
	if err != nil {
		return nil, err
	}
	t := &tcp{}
	if err := t.take(fd, fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return t, nil
}

// Send is of mux.Transport.
func (t *tcp) Send(bufs [][]byte, files []*os.File) (int, error) {
	if len(files) > 0 {
		return 0, errPlain
	}
	return t.Socket.Send(bufs, nil)
}

// Recv is of mux.Transport.
func (t *tcp) Recv(bufs [][]byte) (int, []*os.File, error) {
	m := over(bufs)
	defer m.free()
	n, errno := t.message(unix.SYS_RECVMSG, m, unix.MSG_DONTWAIT)
	t.lost = isLoss(errno)
	if err := received("recvmsg", n, errno); err != nil {
		return 0, nil, err
	}
	return n, nil, nil
}

// Lost reports whether the end that Recv has told of was none: the connection was reset,
// or found dead. Half of a message before that is nobody's fault. It is for who reads.
func (t *tcp) Lost() bool { return t.lost }

// Abort makes Close reset the connection.
func (t *tcp) Abort() {
	unix.SetsockoptLinger(t.in, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Stop is of mux.Transport. Who drops a connection for being late cannot know whether it
// is being closed: a descriptor's number may be another file's by then.
func (t *tcp) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.Socket.Stop()
	}
}

// Drop is Stop for a connection that nobody is to go on with: it ends, so that who reads
// learns of it at once.
func (t *tcp) Drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.Socket.Stop()
		unix.Shutdown(t.in, unix.SHUT_RDWR)
	}
}

// Close is of mux.Transport.
func (t *tcp) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return t.Socket.Close()
}
