// Package slowlink is a link as the tests of pacing want it: both ends in this process,
// and between them a line of a given rate and delay with a long queue in front of it, as
// ssh has. It blocks on channels and timers alone, so that it is exact and takes no time
// under testing/synctest. It is linked into tests alone.
package slowlink

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
)

// Line is one direction. Its fields may be set before anything is sent.
type Line struct {
	Delay  time.Duration // from one end to the other
	Buffer int           // bytes that wait for the line at most

	rate float64 // bytes a second

	mu       sync.Mutex // guards what follows
	queue    []byte
	busy     bool // a piece is on its way onto the line
	arrived  []byte
	total    int64
	closed   bool
	cut      bool // nothing arrives any more
	readable chan struct{}
	writable chan struct{}
}

// SSHBuffer is how many bytes wait in ssh's window and the kernel's buffers.
const SSHBuffer = 2 << 20

// NewLine is one of rate bytes a second, with a delay one way and a buffer of SSHBuffer.
func NewLine(rate float64, delay time.Duration) *Line {
	return &Line{Delay: delay, Buffer: SSHBuffer, rate: rate, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

// Cut loses what is under way, and all that is sent later. Nobody is told, nor that an
// end is closed.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
}

// Arrived is how many bytes have come to the other end since the beginning.
func (l *Line) Arrived() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// Pair are two ends: what a sends goes over ab, what b sends over ba.
func Pair(ab, ba *Line) (a, b mux.Transport) { return newEnd(ba, ab), newEnd(ab, ba) }

// piece is how much leaves at once, in bytes: a packet, or more where that would be too
// many timers.
func (l *Line) piece() int { return min(len(l.queue), max(1500, int(l.rate/5000))) }

// pump lets the next piece leave. The lock is held.
func (l *Line) pump() {
	if l.busy || len(l.queue) == 0 {
		return
	}
	l.busy = true
	p := append([]byte(nil), l.queue[:l.piece()]...)
	time.AfterFunc(time.Duration(float64(len(p))/l.rate*1e9), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy = false
		l.queue = l.queue[len(p):]
		nudge(l.writable)
		time.AfterFunc(l.Delay, func() { l.arrive(p) })
		l.pump()
	})
}

func (l *Line) arrive(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.arrived = append(l.arrived, p...)
		l.total += int64(len(p))
		nudge(l.readable)
	}
}

func (l *Line) send(bufs [][]byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed && !l.cut {
		return 0, io.ErrClosedPipe
	}
	for _, b := range bufs {
		k := min(len(b), l.Buffer-len(l.queue))
		l.queue = append(l.queue, b[:k]...)
		n += k
	}
	l.pump()
	if n == 0 {
		return 0, mux.ErrAgain
	}
	return n, nil
}

func (l *Line) recv(bufs [][]byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.renudge()
	if len(l.arrived) == 0 {
		if l.closed && !l.cut && len(l.queue) == 0 {
			return 0, io.EOF
		}
		return 0, mux.ErrAgain
	}
	for _, b := range bufs {
		k := copy(b, l.arrived)
		l.arrived = l.arrived[k:]
		n += k
	}
	return n, nil
}

// renudge makes the next wait return when it should: nudges are not counted.
func (l *Line) renudge() {
	if len(l.arrived) > 0 || l.closed && !l.cut {
		nudge(l.readable)
	}
}

func (l *Line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	nudge(l.readable)
	nudge(l.writable)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

type end struct {
	in, out      *Line
	wake, unpark chan struct{}
	stop         chan struct{}
	once         sync.Once
}

func newEnd(in, out *Line) *end {
	return &end{in: in, out: out, wake: make(chan struct{}, 1), unpark: make(chan struct{}, 1), stop: make(chan struct{})}
}

var errFiles = errors.New("files cannot cross it")

func (e *end) Recv(bufs [][]byte) (int, []*os.File, error) {
	n, err := e.in.recv(bufs)
	return n, nil, err
}

func (e *end) Send(bufs [][]byte, files []*os.File) (int, error) {
	if len(files) > 0 {
		return 0, errFiles
	}
	return e.out.send(bufs)
}

func (e *end) Poll() error { return e.await(e.wake) }

func (e *end) Park() error {
	err := e.await(e.unpark)
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.in.renudge()
	return err
}

func (e *end) Rest() error { return e.Park() }

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
	e.out.close()
	e.in.close()
	return nil
}
