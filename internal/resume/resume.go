// Package resume is a stream of bytes both ways that outlives the connections that carry
// it: what a connection has lost when it was cut, the next one carries again, exactly once
// and in order. PROTOCOL.md (Links over TCP, Lasting stream) has its records, states and
// verdicts.
//
// It dials nothing: who does is told of a cut (State), and brings the next connection
// (Freeze, Attach). A connection that dies without a word is found by its silence.
package resume

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
)

// Config is of a Conn.
type Config struct {
	// Silence is how long nothing may come before a connection is given up; 0 is no limit.
	Silence time.Duration
	// Redial is how long the Conn lasts without a connection once it has had one, and after
	// Freeze.
	Redial time.Duration
}

// Conn is one end of the stream, as a mux.Transport that carries no files. Its other
// methods are safe for concurrent use. It goes through these states:
//
//	new ──▶ joined ◀──▶ cut ──▶ over
//	           └──────────────────▲
//
// While it is cut, what is sent is kept, MaxUnacked bytes at most.
type Conn struct {
	cfg Config

	received atomic.Uint64 // bytes of the stream
	arrivals atomic.Uint64 // reads that brought something
	waiting  atomic.Int32  // who wait for something to read
	hushed   atomic.Bool   // this side is to be silent
	paused   atomic.Bool   // the other side is

	now   atomic.Pointer[line] // the connection; nil: none
	joins atomic.Uint64        // how many connections there have been
	poll  token                // wakes Poll
	park  token                // wakes Park and Rest
	room  token                // wakes PollSend: there is room again
	stop  chan struct{}        // closed by Stop
	done  chan struct{}        // closed when err is set

	mu       sync.Mutex // guards what follows
	out      outbound
	pushing  bool // a goroutine pushes
	err      error
	why      error         // of the last cut
	frozen   bool          // Attach is to follow
	before   *line         // the last that was cut
	changed  chan struct{} // closed, and made anew, when there is another state
	patience *time.Timer   // ends the Conn when nobody brings a connection
	pulse    mux.Pulse
	gaps     uint64 // of the pulses before
	pulser   *time.Timer
	looked   time.Time
	sent     uint64 // pushes
	stopOnce sync.Once
	pushers  sync.WaitGroup
}

// token makes a present or the next wait end.
type token chan struct{}

func (t token) nudge() {
	select {
	case t <- struct{}{}:
	default:
	}
}

// take reports whether there was one.
func (t token) take() bool {
	select {
	case <-t:
		return true
	default:
		return false
	}
}

// New is a Conn that has no connection yet; its time runs from the first on.
func New(cfg Config) *Conn {
	c := &Conn{
		cfg: cfg, poll: make(token, 1), park: make(token, 1), room: make(token, 1),
		stop: make(chan struct{}), done: make(chan struct{}), changed: make(chan struct{}),
	}
	c.pulser = time.AfterFunc(time.Hour, c.look)
	c.pulser.Stop()
	return c
}

// LostError is a Conn that nobody has brought another connection in time.
type LostError struct {
	After time.Duration
	Err   error // why the last connection was cut
}

func (e *LostError) Error() string {
	if errors.Is(e.Err, io.EOF) {
		return fmt.Sprintf("its connection ended, and did not come back within %v", e.After)
	}
	return fmt.Sprintf("its connection was cut (%v), and did not come back within %v", e.Err, e.After)
}

// Unwrap is why the last connection was cut.
func (e *LostError) Unwrap() error { return e.Err }

// EndError is a Conn that the other side has ended on purpose. It is io.EOF too.
type EndError struct{ Reason string }

func (e *EndError) Error() string {
	if e.Reason == "" {
		return "the other side ended it"
	}
	return fmt.Sprintf("the other side ended it: %q", e.Reason)
}

// Unwrap is io.EOF.
func (e *EndError) Unwrap() error { return io.EOF }

// Recv is of mux.Transport.
func (c *Conn) Recv(bufs [][]byte) (int, []*os.File, error) {
	for !c.isStopped() { // also where records without DATA come without end
		l := c.now.Load()
		if !l.use() {
			return 0, nil, c.absent()
		}
		n, r, err := l.in.read(l.t, bufs)
		switch { // while l is used: Freeze waits for that, and the next connection knows more than an ACK of l's
		case err != nil:
		case n > 0:
			c.received.Add(uint64(n))
		default:
			c.take(r)
		}
		l.leave()
		c.heard(l)
		switch {
		case err != nil:
			if err = c.broke(l, err); err != nil {
				return 0, nil, err
			}
		case n > 0:
			c.acknowledge(2 * ackEvery)
			return n, nil, nil
		}
	}
	return 0, nil, c.absent()
}

// absent is why there is no connection to read from: mux.ErrAgain when one may come.
func (c *Conn) absent() error {
	if err := c.Err(); err != nil {
		return err
	}
	return mux.ErrAgain
}

// broke is what an error of l's comes to; nil: there is another connection, or none.
func (c *Conn) broke(l *line, err error) error {
	if errors.Is(err, mux.ErrAgain) {
		return err
	}
	c.cut(l, err)
	return nil
}

// take takes in a record that is not DATA.
func (c *Conn) take(r record) {
	switch r.kind {
	case end:
		c.Fail(&EndError{r.text})
	case ack, ask:
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.out.ack(r.count); err != nil {
			c.fail(err)
			return
		}
		c.room.nudge()
		if r.kind == ask {
			c.tell(ack)
		}
	}
}

// acknowledge tells the other side what has come, when that is much: at once when it is
// more than that, and else before this side waits, unless what is sent takes it along.
func (c *Conn) acknowledge(most uint64) {
	if c.received.Load()-c.out.told.Load() < most {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(ack)
}
