package mux

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
)

// Open opens a stream; it waits while as many are open as the peer allows. The
// Stream's User is set before anything can come for it. A link whose numbers
// are used up ends.
func (c *Conn) Open(ctx context.Context, handle frame.Handle, payload []byte, end bool, files []*os.File, user any) (*Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.awaitSlot(ctx)
	if err == nil {
		var st *Stream
		if st, err = c.s.Open(handle, payload, end, files); err == nil {
			st.User = user
			c.flush(true)
			return st, nil
		}
		c.fail(err)
	}
	closeFiles(files)
	return nil, err
}

// Ask is Open, without files, for a request whose answer has n bytes, which are taken
// as they come: its sender does not wait for credit.
func (c *Conn) Ask(ctx context.Context, handle frame.Handle, payload []byte, n int64, user any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitSlot(ctx); err != nil {
		return err
	}
	st, err := c.s.Open(handle, payload, true, nil)
	if err != nil {
		c.fail(err)
		return err
	}
	st.User, st.expected = user, n
	c.s.widen(st, n)
	c.flush(true)
	return nil
}

// Exchange opens a stream with its one message, ends this side's direction, and
// waits for w, which the Handler signals. It is Open and Wait, but takes the
// lock once. *st is set before anything can come for the stream.
func (c *Conn) Exchange(ctx context.Context, handle frame.Handle, payload []byte, files []*os.File, user any, st **Stream, w *Waiter) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.awaitSlot(ctx)
	if err == nil {
		if *st, err = c.s.Open(handle, payload, true, files); err == nil {
			(*st).User = user
			if c.right == held { // else this goroutine reads, and writes before that
				c.flush(true)
			}
			return c.wait(ctx, w)
		}
		c.fail(err)
	}
	closeFiles(files)
	return err
}

// awaitSlot waits until a stream may be opened.
func (c *Conn) awaitSlot(ctx context.Context) error {
	for c.err == nil && c.s.own >= c.s.ownMax {
		var w Waiter
		c.slots = append(c.slots, &w)
		err := c.wait(ctx, &w)
		c.slots = without(c.slots, &w)
		if err != nil {
			return err
		}
	}
	return c.err
}

// OpenBulk opens a BULK stream without writing it yet: the message that names it
// follows.
func (c *Conn) OpenBulk(ctx context.Context, user any) (*Stream, error) {
	return c.Open(ctx, frame.Bulk, nil, false, nil, user)
}

// Message sends a message on st. The payload is copied unless it is long.
func (c *Conn) Message(st *Stream, handle frame.Handle, payload []byte, end bool, files []*os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.queue(st, chunk{kind: frame.Message, handle: handle, payload: payload, end: end, files: files})
	c.flush(true)
	return err
}

// Queue is Message for a handler that is about to return to the reader, which
// writes soon: replies to what was read together leave together.
func (c *Conn) Queue(st *Stream, handle frame.Handle, payload []byte, end bool, files []*os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue(st, chunk{kind: frame.Message, handle: handle, payload: payload, end: end, files: files})
}

func (c *Conn) queue(st *Stream, ch chunk) error {
	if c.err != nil {
		closeFiles(ch.files)
		return c.err
	}
	c.s.send(st, ch)
	return nil
}

// Send sends data or a message on st and returns when payload is no longer
// needed: when it was written, or the peer wants no more. On a stream of which
// the peer wants no more it fails with ErrUnwanted. When ctx ends it resets the
// stream.
func (c *Conn) Send(ctx context.Context, st *Stream, handle frame.Handle, payload []byte, end bool) error {
	kind := frame.Message
	if handle == 0 {
		kind = frame.Data
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && (st.stopped || st.ending || !st.sendOpen) {
		return ErrUnwanted
	}
	var w Waiter
	if err := c.queue(st, chunk{kind: kind, handle: handle, payload: payload, end: end, sent: func() { c.signal(&w) }}); err != nil {
		return err
	}
	if c.flushes(ctx.Done() == nil); w.signaled && c.err == nil {
		return nil
	}
	err := c.wait(ctx, &w)
	if err != nil && c.err == nil { // ctx has ended: take the payload back
		c.resetStream(st, Cancelled, "")
		c.wait(context.Background(), &w)
	}
	if c.err != nil {
		c.mu.Unlock()
		<-c.done // a write may still read payload
		c.mu.Lock()
		err = cmp.Or(err, c.err)
	}
	return err
}

// ErrUnwanted ends the sending on a stream that the peer has reset.
var ErrUnwanted = errors.New("the other side wants no more of the stream")

// SendBytes queues all of b, which must not change until sent is called (under
// a lock: it must not block), and ends the stream.
func (c *Conn) SendBytes(st *Stream, b []byte, sent func()) error {
	return c.Update(func(s *State) {
		s.send(st, chunk{kind: frame.Data, payload: b, end: true, sent: sent})
	})
}

// Reset ends st from this side.
func (c *Conn) Reset(st *Stream, code Code, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resetStream(st, code, reason)
}

func (c *Conn) resetStream(st *Stream, code Code, reason string) {
	if c.err != nil {
		return
	}
	c.s.Reset(st, code, reason)
	if st.in != nil && st.in.reading != nil {
		c.signal(st.in.reading)
	}
	c.flush(true)
}

// Stopped reports whether the peer wants no more of st.
func (c *Conn) Stopped(st *Stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return st.stopped
}

// freeSlots lets those that wait for a stream, or for the end of all, look again.
func (c *Conn) freeSlots() {
	if len(c.slots) > 0 && c.s.own < c.s.ownMax {
		for _, w := range c.slots {
			c.signal(w)
		}
		c.slots = nil
	}
	if len(c.emptied) > 0 && c.s.own == 0 {
		for _, w := range c.emptied {
			c.signal(w)
		}
		c.emptied = nil
	}
}
