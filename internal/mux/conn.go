package mux

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Handler is the layer above a Conn.
type Handler interface {
	// Handle takes one event. Events come one at a time and in order, from
	// whichever goroutine reads, which holds no lock: while it blocks nothing is read,
	// but what is queued is written. An error ends the link, and closes the event's
	// files.
	Handle(Event) error
	// Closed is called once, in a goroutine of its own, when the link has ended.
	Closed(error)
}

// Conn drives a State over a Transport.
//
// There is one right to read. A goroutine that waits (Wait) takes it when
// nobody has it, and reads and handles whatever comes, for everybody, until its
// own wait is over; then it passes the right to another that waits. So a lone
// caller is woken by the kernel itself, and no goroutine stands between. The
// right is in one of these states:
//
//	free   nobody reads; if that lasts for a tick, an idle goroutine parks until
//	       something comes, or on a serving Conn a goroutine serves
//	held   its holder reads
//	lent   its holder runs a handler's function (Lend); whoever needs the right takes it,
//	       and so does a new serving goroutine when the function is still running after a tick
//
// In the same way there is one right to write: whoever finds it free writes what
// all have queued. Who reads writes before it waits; while a handler keeps it from that,
// a tick does.
//
// Files that are given to a Conn to be sent are its own from then on, whether or
// not they are sent.
type Conn struct {
	t    Transport
	h    Handler
	done chan struct{}

	mu      sync.Mutex // guards what follows
	s       *State
	err     error
	closed  bool
	running int        // goroutines of this Conn
	quiet   *sync.Cond // running fell, or closed became true

	// The right to read.
	right   right
	holder  uint64 // counts takings of the right: who holds it
	lender  uint64 // the holder whose loan the present holder took over; 0: none
	serving bool   // somebody reads also when nobody waits: handlers' functions run here
	polling bool   // the holder waits for something to read
	woke    bool   // somebody who was parked has been woken since a serving goroutine last looked
	leader  *Waiter
	never   Waiter // the serving goroutine's: its wait is never over
	parked  waiters
	asleep  waiters   // wait, and do not read meanwhile
	slots   []*Waiter // wait for a stream
	emptied []*Waiter // wait until there is none
	waits   uint64    // counts waits that a context may end; from 1
	burying bool      // a goroutine closes what the State has shed
	idler   bool      // the idle goroutine runs
	idling  bool      // and is wanted
	acts    uint64    // changes of the right, for the tick
	seen    uint64    // acts at the last tick
	ticking bool
	ticker  *time.Timer
	begun   watch // what the peer has
	stalls  *time.Timer
	hot     bool      // of a guarded Conn: something is likely to come soon
	resting bool      // the holder waits in Rest
	rested  time.Time // when something last came to one that rested
	heat    uint64    // counts what came
	cooled  uint64    // heat when cool last looked
	cooler  *time.Timer
	pulse   Pulse
	looked  time.Time
	pulser  *time.Timer

	// The right to write.
	writing bool
	full    bool // the transport is; the writer waits in PollSend
	batch   Batch
	wrote   *sync.Cond // after each write
	out     uint64     // counts writes that took something
	hush    hush
	broken  error // the peer takes nothing any more; what it said is still read

	rd reader // the holder's
}

// ErrClosed ends what runs on a Conn that this side closed.
var ErrClosed = errors.New("the link is closed")

// NewConn starts a link over t, which it owns. A serving Conn is read from also
// when nobody waits, within two ticks at most, and runs handlers' functions in
// the reader (Lend).
func NewConn(t Transport, s *State, h Handler, serving bool) *Conn {
	c := &Conn{t: t, h: h, s: s, done: make(chan struct{}), serving: serving}
	c.quiet, c.wrote = sync.NewCond(&c.mu), sync.NewCond(&c.mu)
	c.waits = 1
	c.ticker = stopped(c.tick)
	c.stalls = stopped(c.stall)
	c.cooler = stopped(c.cool)
	c.pulser = stopped(c.look)
	c.rd.maxFiles, c.rd.greeted = s.maxFiles(), s.Met
	if !s.limits.Guarded {
		c.rd.buf = make([]byte, readBuffer)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if serving {
		c.serveNow()
	} else {
		c.freeRight()
	}
	return c
}

// stopped is a timer that does not run.
func stopped(f func()) *time.Timer {
	t := time.AfterFunc(time.Hour, f)
	t.Stop()
	return t
}

// Done is closed when the link has ended. From then on no memory that was given
// to be sent is read.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the link has ended, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Update runs f on the State, under the lock, then writes what f queued.
func (c *Conn) Update(f func(*State)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	f(c.s)
	c.freeSlots() // the peer may allow more streams now
	c.flush(true)
	return nil
}

// Users are the Users of the streams that this side has opened and that are not
// over.
func (c *Conn) Users() []any {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := make([]any, 0, c.s.own)
	for id, st := range c.s.streams {
		if c.s.opened(id) {
			users = append(users, st.User)
		}
	}
	return users
}

// Live is how many streams of this side are not over.
func (c *Conn) Live() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.own
}

// Stream is the stream of that number while it is open, or nil.
func (c *Conn) Stream(id uint32) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.streams[id]
}

// Quiet waits until no stream of this side is open.
func (c *Conn) Quiet(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.s.own > 0 && c.err == nil {
		var w Waiter
		c.emptied = append(c.emptied, &w)
		err := c.wait(ctx, &w)
		c.emptied = without(c.emptied, &w)
		if err != nil {
			return err
		}
	}
	return c.err
}

// Go runs f in a goroutine that Close waits for.
func (c *Conn) Go(f func()) {
	c.mu.Lock()
	c.spawn(f)
	c.mu.Unlock()
}

// spawn is Go with the lock held. (A sync.WaitGroup would not do: goroutines
// may be started while Close waits.)
func (c *Conn) spawn(f func()) {
	c.running++
	go func() {
		defer func() {
			c.mu.Lock()
			c.running--
			c.quiet.Broadcast()
			c.mu.Unlock()
		}()
		f()
	}()
}

// Fail ends the link for a violation that the layer above found.
func (c *Conn) Fail(err error) {
	c.mu.Lock()
	c.fail(err)
	c.mu.Unlock()
}

// fail ends the link: everybody that waits is told.
func (c *Conn) fail(err error) {
	if c.err != nil {
		return
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	c.err = err
	c.t.Stop()
	c.ticker.Stop()
	c.stalls.Stop()
	c.cooler.Stop()
	c.pulser.Stop()
	c.wrote.Broadcast()
	for _, q := range []*waiters{&c.parked, &c.asleep} {
		for q.first != nil {
			w := q.first
			w.leave()
			w.wake()
		}
	}
	c.s.abandon()
	c.bury()
	c.spawn(func() { c.h.Closed(err) })
	if !c.writing {
		c.endWriting()
	}
	c.closeIfQuiet()
}

// closeIfQuiet closes the transport of an ended link as soon as nobody uses it.
func (c *Conn) closeIfQuiet() {
	if c.err == nil || c.closed || c.writing || c.idler || c.right == held {
		return
	}
	c.closed = true
	c.rd.drop(c.s)
	c.bury()
	c.closeTransport()
	c.quiet.Broadcast()
}

// Close ends the link, and returns when its goroutines have ended: it must not
// be called from one of them.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(ErrClosed)
	for c.running > 0 || !c.closed {
		c.quiet.Wait()
	}
	return nil
}
