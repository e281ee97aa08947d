package resume

import (
	"errors"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// errFrozen is the cut of a connection that this side gave up for the next one.
var errFrozen = errors.New("this side goes on over another connection")

// Begin goes on over t, the first connection: one to which there is no other until Freeze
// is called, so that its cut is the end. It says first what the stream is, and waits for
// the preamble of the other side, which Answers.
func (c *Conn) Begin(t mux.Transport) { c.first(t, true) }

// Answer is Begin for the side that has sent its preamble, and has read the other's.
func (c *Conn) Answer(t mux.Transport) { c.first(t, false) }

func (c *Conn) first(t mux.Transport, preamble bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := newLine(t, &c.arrivals)
	l.last = true
	if c.out.preamble = preamble; preamble {
		l.in.preamble = frame.PreambleSize
	}
	c.join(l)
}

// Freeze stops reading and writing the present connection, if there is one. It is closed
// when the next one is there: the other side might see its end before it hears of that, and
// take it for a loss, or for the end of all. received is how many bytes have come until
// then. Attach is to follow, within Config.Redial. It must not be called by who reads.
func (c *Conn) Freeze() (received uint64) {
	c.mu.Lock()
	c.frozen = true
	if l := c.now.Load(); l != nil && c.err == nil {
		l.hold()
		c.part(l, errFrozen)
	}
	l := c.before
	c.mu.Unlock()
	if l != nil {
		l.gone() // what it has read is counted
	}
	return c.received.Load()
}

// Attach goes on over t, which it owns from then on, in place of the present connection,
// which was frozen, or there was none yet. received is how many bytes the other side has. Its
// error is why the Conn has ended, if it has: a *frame.Violation, of a received that
// cannot be.
func (c *Conn) Attach(t mux.Transport, received uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		if err := c.out.begin(received); err != nil {
			c.fail(err)
		}
	}
	if c.err != nil {
		t.Stop()
		t.Close()
		return c.err
	}
	l := newLine(t, &c.arrivals)
	c.join(l)
	c.watch(l)
	return nil
}

// join begins to use l. c.mu is held.
func (c *Conn) join(l *line) {
	if c.patience != nil {
		c.patience.Stop()
	}
	c.before.release()
	c.why, c.frozen = nil, false
	c.now.Store(l)
	c.joins.Add(1)
	if c.isStopped() { // Stop has not seen l, or has just stopped it
		l.t.Stop()
	}
	c.change()
	c.spawnPush()
}

// part is the end of l. c.mu is held.
func (c *Conn) part(l *line, why error) {
	c.now.Store(nil)
	c.before, c.why = l, why
	l.retire()
	c.pulser.Stop()
	c.paused.Store(false)
	c.change()
	if c.err != nil {
		return
	}
	if c.patience != nil {
		c.patience.Stop()
	}
	patience := c.cfg.Redial
	c.patience = time.AfterFunc(patience, func() { c.giveUp(l, patience) })
}

// giveUp is for when nobody has brought another connection since l was cut.
func (c *Conn) giveUp(l *line, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.before == l && c.now.Load() == nil {
		c.fail(&LostError{after, c.why})
	}
}

// cut is the end of l, unless that is over already: of the Conn too, when no other can
// follow, or when it was no accident.
func (c *Conn) cut(l *line, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Load() != l || c.err != nil {
		return
	}
	_, broken := errors.AsType[*frame.Violation](why)
	switch {
	case c.out.ending && !broken:
		c.fail(mux.ErrClosed)
	case broken || l.last:
		c.fail(why)
	default:
		c.part(l, why)
	}
}

// change tells those who await another state. c.mu is held.
func (c *Conn) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Fail ends the Conn: its reader gets err.
func (c *Conn) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(err)
}

// fail is Fail with c.mu held.
func (c *Conn) fail(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if l := c.now.Load(); l != nil {
		c.part(l, err)
	}
	c.before.release()
	if c.patience != nil {
		c.patience.Stop()
	}
	c.change()
	close(c.done)
}

// SetRedial changes Config.Redial, for cuts from now on.
func (c *Conn) SetRedial(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg.Redial = d
}

// Done is closed when the Conn has ended; Err is why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the Conn has ended, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Joined reports whether there is a connection.
func (c *Conn) Joined() bool { return c.now.Load() != nil }

// Joins is how many connections there have been.
func (c *Conn) Joins() uint64 { return c.joins.Load() }

// State is whether there is a connection, and else why the last one was cut, or nil when
// there was none yet. changed is closed when that is so no more, or the Conn has ended.
func (c *Conn) State() (joined bool, changed <-chan struct{}, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.Load() != nil, c.changed, c.why
}

// AwaitJoin waits until there is a connection. over is true when there will be none any
// more.
func (c *Conn) AwaitJoin() (over bool) {
	for {
		joined, changed, _ := c.State()
		switch {
		case c.Err() != nil:
			return true
		case joined:
			return false
		}
		<-changed
	}
}

// End tells the other side that it is over, and why, behind all that was sent, and returns
// when that has closed the connection, or was cut, or after wait. Between Freeze and Attach
// it waits for the next connection: the other side would dial for as long as it may, else.
// The stream must still be read from meanwhile.
func (c *Conn) End(reason string, wait time.Duration) {
	timer := time.AfterFunc(wait, func() { c.Fail(mux.ErrClosed) })
	defer timer.Stop()
	c.mu.Lock()
	c.out.ending, c.out.reason = true, reason[:min(len(reason), MaxReason)]
	if c.now.Load() == nil && !c.frozen {
		c.fail(mux.ErrClosed)
	}
	c.spawnPush()
	c.mu.Unlock()
	<-c.done
}
