package mux

import (
	"context"
	"errors"
	"runtime"
	"slices"
)

// right is the state of the right to read.
type right uint8

const (
	free right = iota
	held
	lent
)

// Signal ends w's wait.
func (c *Conn) Signal(w *Waiter) {
	c.mu.Lock()
	c.signal(w)
	c.mu.Unlock()
}

func (c *Conn) signal(w *Waiter) {
	if w.signaled {
		return
	}
	w.signaled = true
	if w.in != nil {
		w.leave()
		w.wake()
		c.woke = true
	} else if c.leader == w {
		c.rouse()
	}
}

// rouse makes the holder look again.
func (c *Conn) rouse() {
	switch {
	case c.resting:
		c.t.Unpark()
	case c.polling:
		c.t.Wake()
	case c.full:
		c.wrote.Broadcast() // it may wait for room
	}
}

// without is ws without w, which a wait that has ended leaves behind.
func without(ws []*Waiter, w *Waiter) []*Waiter {
	return slices.DeleteFunc(ws, func(other *Waiter) bool { return other == w })
}

// Wait blocks until w is signalled, ctx ends or the link does, and meanwhile
// reads when nobody else does. It returns nil when w was signalled.
func (c *Conn) Wait(ctx context.Context, w *Waiter) error {
	c.mu.Lock()
	err := c.wait(ctx, w)
	c.mu.Unlock()
	return err
}

// wait is Wait with the lock held, before and after.
func (c *Conn) wait(ctx context.Context, w *Waiter) error {
	if ctx.Done() != nil {
		defer c.watch(ctx, w)()
	}
	for !w.signaled && !w.ended && c.err == nil {
		if c.right != held {
			c.takeRight(w)
			c.lead(w)
			continue
		}
		c.parked.push(w)
		c.mu.Unlock()
		<-w.ch
		c.mu.Lock()
		if w.promoted {
			w.promoted = false
			c.leader = w
			c.lead(w)
		}
	}
	switch {
	case w.signaled:
		w.signaled = false
		return nil
	case w.ended:
		return ctx.Err()
	}
	return c.err
}

// watch ends w's wait when ctx ends, until the function that it returns is called.
func (c *Conn) watch(ctx context.Context, w *Waiter) (stop func()) {
	w.ended = ctx.Err() != nil
	if w.ended {
		return func() { w.ended = false }
	}
	wait := c.waits
	unwatch := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if w.wait == wait && !w.signaled {
			w.ended = true
			c.signal(w)
			w.signaled = false
		}
	})
	c.waits++
	w.wait = wait
	return func() { unwatch(); w.ended, w.wait = false, 0 }
}

// takeRight makes the caller the holder.
func (c *Conn) takeRight(w *Waiter) {
	if c.right == lent {
		c.lender = c.holder
	}
	if c.idling {
		c.idling = false
		c.t.Unpark()
	}
	c.hold(w)
}

// hold gives the right to a new holder.
func (c *Conn) hold(w *Waiter) {
	c.right = held
	c.leader = w
	c.holder++
	c.acts++
}

// releaseRight passes the right on: to another that waits, back to whom it was
// taken from, or to nobody.
func (c *Conn) releaseRight() {
	c.leader = nil
	c.acts++
	if next := c.parked.first; next != nil && c.err == nil {
		next.leave()
		next.promoted = true
		c.holder++
		next.wake()
		return
	}
	if c.lender != 0 && c.err == nil {
		c.right, c.holder, c.lender = lent, c.lender, 0
		c.startTick()
		return
	}
	c.freeRight()
}

// freeRight is for a right that nobody waits for. On a serving Conn too: who
// has just been woken, or has just ended a wait, is likely to wait again soon,
// and then reads for itself with no goroutine in between. If nobody does, the
// next tick serves.
func (c *Conn) freeRight() {
	switch {
	case c.err != nil:
		c.right = free
		c.closeIfQuiet()
	case c.broken != nil:
		c.serveNow()
	default:
		c.right = free
		c.startTick()
	}
}

// serveNow gives the right to a new serving goroutine.
func (c *Conn) serveNow() {
	c.hold(&c.never)
	c.spawn(c.serve)
}

// serve reads as long as it holds the right.
func (c *Conn) serve() {
	c.mu.Lock()
	c.lead(&c.never)
	c.mu.Unlock() // not deferred: a function that it ran may end the goroutine, without the lock
}

// lead reads and handles until w's wait is over or the right was taken away. It is
// called and returns with the lock held.
func (c *Conn) lead(w *Waiter) {
	mine := c.holder
	for {
		if err := c.rd.handle(c, mine); err != nil {
			c.fail(err)
		}
		if c.holder != mine {
			return
		}
		c.note()
		if w.signaled || w == &c.never && c.woke || w.ended || c.err != nil {
			c.woke = false
			c.releaseRight()
			c.flush(false) // what others are to get does not wait for the next reader
			return
		}
		if err := c.receive(w); err != nil {
			c.fail(err)
		}
	}
}

// receive writes what is queued, waits for something to read, and reads once.
func (c *Conn) receive(w *Waiter) error {
	if c.choked() {
		c.awaitRoom(w)
		return nil
	}
	busy := c.rd.crowd || c.s.Live() > 1
	if busy {
		// Let those that were just answered ask again: a blocking Poll would keep
		// the processor from them (RATIONALE.md).
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	c.flush(false)
	if busy || c.rd.expected.Length > 0 { // something is likely to be there
		c.mu.Unlock()
		err := c.rd.read(c.t)
		c.mu.Lock()
		if !errors.Is(err, ErrAgain) {
			return err
		}
	}
	if w.signaled || w.ended || c.err != nil || c.writable() {
		return nil // the caller looks at each
	}
	broken := c.broken
	err := c.poll()
	if errors.Is(err, ErrAgain) {
		return broken
	}
	return err
}
