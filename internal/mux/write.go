package mux

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// Flush writes what is queued. It is called at the end of what ran outside of
// the reader, and so also sees to it that a serving Conn is read from.
func (c *Conn) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.right == free && c.serving && c.err == nil {
		c.serveNow()
	}
	c.flush(false)
}

// Drained waits until at most half a log's queue of urgent frames is left, for
// d at most.
func (c *Conn) Drained(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), max(d, 0))
	defer cancel()
	return c.afterWrite(ctx, func() bool { return c.s.Queued() < drainedBelow })
}

const drainedBelow = 512 << 10 // bytes

// Flushed waits until all that is queued, and may be sent, was written.
func (c *Conn) Flushed() {
	c.afterWrite(context.Background(), func() bool { return !c.writing && !c.s.waiting() })
}

// paused waits until PAUSE was written, for d at most.
func (c *Conn) paused(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return c.afterWrite(ctx, func() bool { return c.hush != hushWanted && !c.writing })
}

// afterWrite waits until ok, which is asked after each write. It does not read:
// the other side may have nothing to say.
func (c *Conn) afterWrite(ctx context.Context, ok func() bool) bool {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wrote.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush(false)
	for c.err == nil && !ok() {
		if ctx.Err() != nil {
			return false
		}
		c.wrote.Wait()
	}
	return c.err == nil
}

// flush writes what is queued, unless somebody does already. One that has just
// queued something and waits next (yield) leaves the writing to who reads,
// which writes before it waits; or lets others that are about to write queue
// theirs first.
func (c *Conn) flush(yield bool) {
	if !c.writable() || yield && c.readerWrites() {
		return
	}
	if yield && (c.rd.crowd || c.s.Live() > 1) {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
		if !c.writable() || c.readerWrites() {
			return
		}
	}
	c.flushes(false)
}

// flushes is flush without looking at others. When the transport is full, one
// that has nothing else to do (patient) waits and goes on writing itself; for
// another, a new goroutine does.
func (c *Conn) flushes(patient bool) {
	if !c.writable() {
		return
	}
	c.writing = true
	c.full = c.write()
	switch {
	case !c.full:
		c.endWriting()
	case patient:
		c.writeRest()
	default:
		c.spawn(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.writeRest()
		})
	}
}

// writable reports whether there is something to write and nobody who does.
func (c *Conn) writable() bool {
	return !c.writing && c.err == nil && c.broken == nil && (c.hush == hushWanted || c.hush == loud && c.s.Pending())
}

// readerWrites reports whether the holder of the right to read will look at the
// queue before it waits or lets the right go. (The idle goroutine, which is no
// leader, does not.) When a handler keeps it from that, a tick writes.
func (c *Conn) readerWrites() bool {
	if c.right != held || c.leader == nil || c.polling {
		return false
	}
	c.startTick()
	return true
}

// endWriting gives the right to write back. When the link has ended, nobody
// takes it again.
func (c *Conn) endWriting() {
	c.writing = false
	c.progress()
	if c.err != nil {
		c.s.Written(&c.batch)
		close(c.done)
		c.closeIfQuiet()
	}
}

// progress tells those that wait for a write, or for streams that a write ended.
func (c *Conn) progress() {
	c.wrote.Broadcast()
	c.freeSlots()
}

// write sends until nothing is left or the transport is full, which it reports.
func (c *Conn) write() (full bool) {
	for c.err == nil {
		if c.batch.Empty() && !c.gather() {
			return false
		}
		c.mu.Unlock()
		files := c.batch.Files
		n, err := c.t.Send(c.batch.Bufs, files)
		if n > 0 {
			closeFiles(files)
		}
		c.mu.Lock()
		if n > 0 {
			c.out++
		}
		c.batch.Advance(n)
		rest := !c.batch.Empty()
		if !rest {
			c.s.Written(&c.batch)
		}
		c.progress()
		switch {
		case rest && err == nil, errors.Is(err, ErrAgain):
			return c.err == nil
		case err != nil:
			c.failSend(err)
			return false
		}
	}
	return false
}

// gather fills the empty batch with what goes next, and reports whether there is
// something.
func (c *Conn) gather() bool {
	switch c.hush {
	case hushWanted:
		c.batch.Bufs = append(c.batch.bufs[:0], c.s.pause())
		c.hush = hushed
		return true
	case hushed:
		return false
	}
	for c.batch.Empty() && c.s.Pending() {
		c.s.Gather(&c.batch)
		if c.batch.Empty() { // what was to be sent has been dropped
			c.s.Written(&c.batch)
		}
	}
	return !c.batch.Empty()
}

// writeRest goes on writing while the transport is full. It is called and
// returns with the lock held.
func (c *Conn) writeRest() {
	for c.full && c.err == nil {
		c.mu.Unlock()
		err := c.t.PollSend()
		c.mu.Lock()
		if err != nil {
			c.failSend(err)
			break
		}
		c.full = c.write()
	}
	c.full = false
	c.endWriting()
}

// failSend ends a link that cannot be written to, after what the peer said
// before it went has been read: that says more than a broken pipe does.
func (c *Conn) failSend(err error) {
	if c.err != nil || c.broken != nil {
		return
	}
	c.broken = &SendError{err}
	switch {
	case c.right == free:
		c.takeRight(&c.never)
		c.spawn(c.serve)
	default:
		c.rouse()
	}
}

// SendError is a link that ended in writing: the peer has gone.
type SendError struct{ Err error }

func (e *SendError) Error() string { return "write to the link: " + e.Err.Error() }

// Unwrap is the transport's error.
func (e *SendError) Unwrap() error { return e.Err }
