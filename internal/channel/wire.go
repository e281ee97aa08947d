package channel

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

const (
	// readBuffer is what one read takes, in bytes: many records of TLS, and more than
	// one of the largest of the record layer.
	readBuffer = 128 << 10

	// sealAtOnce is how many bytes of plaintext Send seals before it pushes them out: half
	// of the most that a mux.Conn writes, and its headers, which are to need no push of
	// their own.
	sealAtOnce = 129 << 10

	// mostPending bounds what is sealed and not out: beside what Send has sealed, what
	// TLS answers by itself, in bytes.
	mostPending = sealAtOnce + 16<<10
)

// Buffers are pooled: a channel has one only while there is something in it.
var (
	readBuffers    = sync.Pool{New: func() any { return new([readBuffer]byte) }}
	pendingBuffers = sync.Pool{New: func() any { return new([mostPending]byte) }}
)

// wire is what a layer reads from and writes to: the transport underneath, with a buffer
// each way.
type wire struct {
	t mux.Transport

	// For who reads.
	buf      []byte            // what is received and not read
	home     *[readBuffer]byte // where buf lies, unless it is nil
	pinned   bool              // the layer holds what lies in home
	vec      [1][]byte         // recv's own
	patience patience

	mu      sync.Mutex         // guards what follows: TLS writes while it reads
	pending []byte             // what is sealed and not out
	sealed  *[mostPending]byte // where pending lies
	out     [1][]byte          // push's own
	room    patience
}

// errDry says that a layer needs more bytes than the wire holds. For crypto/tls it is a
// net.Error that passes: it keeps its state, and its Read may be called again.
var errDry error = dry{}

type dry struct{}

func (dry) Error() string   { return "no whole record is there" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }

// patience counts waits that were in vain. A Transport does not tell that it was stopped;
// but then no wait waits.
type patience int

const mostVain = 100

var errStopped = fmt.Errorf("the connection was stopped: %w", io.ErrClosedPipe)

func (p *patience) lose() error {
	if *p++; *p > mostVain {
		return errStopped
	}
	return nil
}

// recv is one Recv into b.
func (w *wire) recv(b []byte) (int, error) {
	w.vec[0] = b
	n, files, err := w.t.Recv(w.vec[:])
	w.vec[0] = nil
	if err == nil {
		err = refuse(files)
	}
	if n > 0 {
		w.patience = 0
	}
	return n, err
}

// recvWait is recv that blocks. It occupies no thread: who has not said who it is may be
// one of thousands.
func (w *wire) recvWait(b []byte) (int, error) {
	for {
		n, err := w.recv(b)
		if !errors.Is(err, mux.ErrAgain) {
			return n, err
		}
		if err := w.patience.lose(); err != nil {
			return 0, err
		}
		if err := w.t.Park(); err != nil {
			return 0, err
		}
	}
}

// fill reads once behind what is there. mux.ErrAgain: nothing came.
func (w *wire) fill() error {
	if w.home == nil {
		w.home = readBuffers.Get().(*[readBuffer]byte)
	}
	have := copy(w.home[:], w.buf)
	n, err := w.recv(w.home[have:])
	w.buf = w.home[:have+n]
	return err
}

// settle gives the buffer back when nothing is in it.
func (w *wire) settle() {
	if len(w.buf) == 0 && w.home != nil && !w.pinned {
		readBuffers.Put(w.home)
		w.home, w.buf = nil, nil
	}
}

// lost reports whether the connection did not end, but was reset or found dead.
func (w *wire) lost() bool {
	t, ok := w.t.(interface{ Lost() bool })
	return ok && t.Lost()
}

// slim gives the buffer back, and keeps what is in it: a part of a record that may be long
// in coming.
func (w *wire) slim() {
	if w.home == nil {
		return
	}
	rest := append([]byte(nil), w.buf...)
	readBuffers.Put(w.home)
	w.home, w.buf = nil, rest
}

// sendWait sends b. It blocks.
func (w *wire) sendWait(b []byte) error {
	for len(b) > 0 {
		n, err := w.t.Send([][]byte{b}, nil)
		switch {
		case err == nil:
			w.room = 0
		case errors.Is(err, mux.ErrAgain):
			err = w.awaitRoom()
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// awaitRoom waits until more may be sent.
func (w *wire) awaitRoom() error {
	w.mu.Lock()
	err := w.room.lose()
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.t.PollSend()
}

// growLocked is what is pending, with room for n bytes more behind it.
func (w *wire) growLocked(n int) ([]byte, error) {
	if w.sealed == nil {
		w.sealed = pendingBuffers.Get().(*[mostPending]byte)
		w.pending = w.sealed[:0]
	}
	if free := cap(w.pending) - len(w.pending); free < n {
		w.pending = w.sealed[:copy(w.sealed[:], w.pending)]
	}
	if cap(w.pending)-len(w.pending) < n {
		return nil, errFlood
	}
	return w.pending, nil
}

// errFlood is the fault of who makes TLS answer, and does not read.
var errFlood = frame.Violated("tls", "the other side makes this one answer without end, and does not read")

// push sends what is pending. mux.ErrAgain: not all of it.
func (w *wire) push() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) > 0 {
		w.out[0] = w.pending
		n, err := w.t.Send(w.out[:], nil)
		w.out[0] = nil
		if err != nil {
			return err
		}
		w.room = 0
		w.pending = w.pending[n:]
	}
	if w.sealed != nil {
		pendingBuffers.Put(w.sealed)
		w.sealed, w.pending = nil, nil
	}
	return nil
}

// isPending reports whether something is sealed and not out.
func (w *wire) isPending() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pending) > 0
}
