// Package transport has the bytes that package mux runs over: Pair, both ends of
// which are in this process, and Socket, a unix socket whose other end is
// another process's. Each keeps the promises of mux.Transport.
package transport

import (
	"io"
	"os"
	"sync"

	"github.com/outwork-go/outwork/internal/mux"
)

// PairBuffer is how many bytes one direction of a Pair holds.
const PairBuffer = 256 << 10

// Pair returns two ends of a link in memory. It blocks on channels alone, so that
// testing/synctest knows when all is at rest.
func Pair() (a, b mux.Transport) {
	ab, ba := newPipe(), newPipe()
	return newEnd(ba, ab), newEnd(ab, ba)
}

// pipe is one direction.
type pipe struct {
	mu       sync.Mutex
	buf      []byte
	files    []*os.File
	closed   bool // by either end
	readable chan struct{}
	writable chan struct{}
}

func newPipe() *pipe {
	return &pipe{readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

type end struct {
	in, out      *pipe
	wake, unpark chan struct{}
	stop         chan struct{}
	once         sync.Once
}

func newEnd(in, out *pipe) *end {
	return &end{in: in, out: out, wake: make(chan struct{}, 1), unpark: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (e *end) Recv(bufs [][]byte) (n int, files []*os.File, err error) {
	p := e.in
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.buf) == 0 {
		if p.closed {
			return 0, nil, io.EOF
		}
		return 0, nil, mux.ErrAgain
	}
	for _, b := range bufs {
		k := copy(b, p.buf)
		p.buf = p.buf[k:]
		n += k
	}
	files, p.files = p.files, nil
	if len(p.buf) == 0 {
		p.buf = nil
	} else {
		nudge(p.readable)
	}
	nudge(p.writable)
	return n, files, nil
}

func (e *end) Send(bufs [][]byte, files []*os.File) (n int, err error) {
	p := e.out
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	if len(p.buf) >= PairBuffer {
		return 0, mux.ErrAgain
	}
	dups, err := dupFiles(files)
	if err != nil {
		return 0, err
	}
	p.files = append(p.files, dups...)
	for _, b := range bufs {
		k := min(len(b), PairBuffer-len(p.buf))
		p.buf = append(p.buf, b[:k]...)
		n += k
	}
	nudge(p.readable)
	return n, nil
}

func (e *end) Poll() error { return e.await(e.wake) }
func (e *end) Park() error { return e.await(e.unpark) }

func (e *end) await(wake chan struct{}) error {
	select {
	case <-e.in.readable:
	case <-wake:
	case <-e.stop:
	}
	return nil
}

func (e *end) Wake()   { nudge(e.wake) }
func (e *end) Unpark() { nudge(e.unpark) }

func (e *end) PollSend() error {
	select {
	case <-e.out.writable:
	case <-e.stop:
	}
	return nil
}

func (e *end) Stop() { e.once.Do(func() { close(e.stop) }) }

func (e *end) Close() error {
	e.out.shut(false)
	e.in.shut(true)
	return nil
}

// shut ends a direction; its reader may still take what is there, unless the
// reader is who ends it.
func (p *pipe) shut(reader bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if reader {
		for _, f := range p.files {
			f.Close()
		}
		p.files, p.buf = nil, nil
	}
	nudge(p.readable)
	nudge(p.writable)
}

// dupFiles duplicates files, all or none.
func dupFiles(files []*os.File) (dups []*os.File, err error) {
	for _, f := range files {
		d, err := dup(f)
		if err != nil {
			for _, d := range dups {
				d.Close()
			}
			return nil, err
		}
		dups = append(dups, d)
	}
	return dups, nil
}
