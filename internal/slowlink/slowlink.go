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
	"github.com/outwork-go/outwork/internal/transport"
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
func Pair(ab, ba *Line) (a, b mux.Transport) { return transport.Ends(ab, ba) }

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
		transport.Nudge(l.writable)
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
		transport.Nudge(l.readable)
	}
}

var errFiles = errors.New("files cannot cross it")

// Ready implements transport.Way.
func (l *Line) Ready() (readable, writable chan struct{}) { return l.readable, l.writable }

// Send implements transport.Way.
func (l *Line) Send(bufs [][]byte, files []*os.File) (n int, err error) {
	if len(files) > 0 {
		return 0, errFiles
	}
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

// Recv implements transport.Way.
func (l *Line) Recv(bufs [][]byte) (n int, files []*os.File, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.renudge()
	if len(l.arrived) == 0 {
		if l.closed && !l.cut && len(l.queue) == 0 {
			return 0, nil, io.EOF
		}
		return 0, nil, mux.ErrAgain
	}
	for _, b := range bufs {
		k := copy(b, l.arrived)
		l.arrived = l.arrived[k:]
		n += k
	}
	return n, nil, nil
}

// Renudge implements transport.Way.
func (l *Line) Renudge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renudge()
}

func (l *Line) renudge() {
	if len(l.arrived) > 0 || l.closed && !l.cut {
		transport.Nudge(l.readable)
	}
}

// Shut implements transport.Way.
func (l *Line) Shut(bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	transport.Nudge(l.readable)
	transport.Nudge(l.writable)
}
