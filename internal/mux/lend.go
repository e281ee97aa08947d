package mux

import (
	"errors"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// Tick is how long a handler's function may keep the right to read, how long
// that stays free before an idle goroutine takes it, and how long what is queued
// waits for a reader whose handler blocks: one to two ticks.
const Tick = time.Millisecond

// Lend runs f, a handler's function, in the goroutine that reads, and lets the
// right go while it runs. It must be called from Handle; what the Event held is
// no longer valid in f. When f may not run there it runs in a goroutine of its
// own. What f queued is written soon after it has returned.
func (c *Conn) Lend(f func()) {
	c.mu.Lock()
	if c.leader != &c.never || c.err != nil {
		c.spawn(func() { defer c.Flush(); f() })
		c.mu.Unlock()
		return
	}
	mine := c.holder
	c.right = lent
	c.leader = nil
	c.acts++
	c.startTick()
	c.mu.Unlock()
	returned := false
	defer func() {
		c.mu.Lock()
		c.endLoan(mine)
		if !returned && c.right == held && c.holder == mine { // f has ended this goroutine (runtime.Goexit)
			c.leader = nil
			c.serveNow()
		}
		c.mu.Unlock()
	}()
	f()
	returned = true
}

// More reports whether more has been read that will be handled next. It must be
// called from Handle.
func (c *Conn) More() bool { return c.rd.w-c.rd.r >= frame.HeaderSize }

// endLoan takes the right back, unless it has gone for good: to a goroutine that
// serves from now on, to one that waits and will start another when it is done, or
// with the link.
func (c *Conn) endLoan(mine uint64) {
	switch {
	case c.holder != mine:
		if c.lender == mine {
			c.lender = 0
		}
		c.flush(false) // whoever reads now may be waiting already
	case c.err != nil:
		c.holder++ // there is nothing left to read from
		c.right = free
		c.closeIfQuiet()
	default:
		c.right = held
		c.leader = &c.never
		c.acts++
	}
}

func (c *Conn) startTick() {
	if !c.ticking && c.err == nil {
		c.ticking = true
		c.ticker.Reset(Tick)
	}
}

// tick takes a right that has been lent or free since the last tick, and writes for a
// holder that has been handling what it read since then.
func (c *Conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	same := c.acts == c.seen
	c.seen = c.acts
	c.ticking = false
	switch {
	case c.err != nil, c.right == held && (c.polling || !c.writable()):
	case !same, c.idler && !c.idling: // the last idle goroutine is on its way out
		c.startTick()
	case c.right == held:
		c.flush(false)
	case c.right == lent || c.serving:
		c.serveNow()
		c.flush(false) // replies that waited behind the slow function
	case !c.idler:
		c.idler, c.idling = true, true
		c.spawn(c.idle)
	}
}

// idle waits for something to read while nobody else does.
func (c *Conn) idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.idling && c.err == nil {
		if c.right == free { // or somebody reads meanwhile
			c.slim()
		}
		c.mu.Unlock()
		err := c.t.Park()
		c.mu.Lock()
		if !c.idling || c.err != nil {
			break
		}
		if err != nil {
			c.fail(err)
			break
		}
		c.idleRead()
	}
	c.idler, c.idling = false, false
	c.closeIfQuiet()
}

// idleRead handles what is there, as the holder of the right, and keeps idling
// unless somebody waits.
func (c *Conn) idleRead() {
	c.hold(nil)
	mine := c.holder
	for c.err == nil && c.parked.first == nil {
		c.mu.Unlock()
		err := c.rd.read(c.t)
		c.mu.Lock()
		if errors.Is(err, ErrAgain) {
			break
		}
		if err == nil {
			err = c.rd.handle(c, mine)
		}
		if err != nil {
			c.fail(err)
		}
		c.flush(false)
	}
	if c.parked.first == nil && c.broken == nil {
		c.right = free
		return
	}
	c.idling = false
	c.releaseRight()
}
