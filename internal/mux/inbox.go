package mux

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
)

// inbox is what has come on a BULK stream and was not read yet, or the one slice
// that it all is collected in.
type inbox struct {
	items   []item
	eof     bool
	err     error // why the peer reset the stream
	reading *Waiter

	collect bool
	buf     []byte
	size    int64 // of the whole, as the peer says
}

type item struct {
	handle  frame.Handle // 0: data
	payload []byte
	whole   []byte // the payload from its beginning, when the memory is the item's own
	cost    int64
}

// wanted reports whether somebody waits for the next message: always, where the
// layer above takes it.
func (in *inbox) wanted() bool {
	return in == nil || in.collect || in.reading != nil && len(in.items) == 0
}

// collecting reports whether bytes that are collected are still due.
func (in *inbox) collecting() bool { return in != nil && in.collect && !in.eof && in.err == nil }

// left is how many bytes are still due.
func (in *inbox) left() int64 { return in.size - int64(len(in.buf)) }

// takes reports whether a guarded State lets a frame in: on a BULK stream, DATA
// that somebody is known to want.
func (in *inbox) takes(h frame.Header) bool {
	return in == nil || in.collect && h.Kind == frame.Data
}

// Aborted is a stream that its sender gave up.
type Aborted struct {
	Code   Code
	Reason string
}

func (e *Aborted) Error() string {
	if e.Reason == "" {
		return "the sender gave the stream up"
	}
	return "the sender gave the stream up: " + e.Reason
}

// inbound puts what came on a BULK stream where its reader finds it, and tells
// whether that is all there is to do.
func (c *Conn) inbound(ev *Event, direct bool) (done bool, err error) {
	st := ev.Stream
	if st == nil || st.in == nil || ev.Kind == frame.Open {
		return false, nil
	}
	if st.pipe != nil {
		return c.piped(ev), nil
	}
	in := st.in
	switch {
	case ev.Kind == frame.Reset:
		in.err = &Aborted{ev.Code, string(ev.Payload)}
		if !in.collect && c.s.limits.Guarded {
			return false, nil // nothing of it need be kept
		}
	case in.collect:
		if ev.Kind != frame.Data {
			return true, frame.Violated("reply", "%s on stream %d, which is bytes", ev.Handle, st.ID)
		}
		if err := c.collect(st, ev, direct); err != nil {
			return true, err
		}
	case len(ev.Payload) > 0 || ev.Kind == frame.Message:
		it := item{handle: ev.Handle, payload: ev.Payload, cost: ev.cost}
		if ev.Owned {
			it.whole = ev.Payload
		} else {
			it.payload = append([]byte(nil), ev.Payload...)
		}
		in.items = append(in.items, it)
	default: // nothing to read
		c.s.Consume(st, ev.cost)
	}
	in.eof = in.eof || ev.End
	if in.reading != nil {
		c.signal(in.reading)
	}
	return !in.collect || !in.eof && in.err == nil, nil
}

// collect takes bytes in at the end of what has been collected.
func (c *Conn) collect(st *Stream, ev *Event, direct bool) error {
	in := st.in
	n := len(ev.Payload)
	if int64(len(in.buf)+n) > in.size {
		return frame.Violated("reply", "stream %d brings more than the %d bytes that it was said to be", st.ID, in.size)
	}
	if direct {
		in.buf = in.buf[:len(in.buf)+n]
	} else {
		in.grow(n)
		in.buf = append(in.buf, ev.Payload...)
	}
	c.s.collected(st, ev.cost)
	return nil
}

// collected gives the credit of collected bytes back. To a guarded State's peer
// it does so only when there is a share for all of it.
func (s *State) collected(st *Stream, n int64) {
	if !s.limits.Guarded {
		s.Consume(st, n)
		return
	}
	st.partCost += n
	s.wantLong(st)
}

// firstCollect is how many bytes are set aside for what a peer says it will
// send, before any of it has come.
const firstCollect = 1 << 20

// growthFactor is how many times what has come may be set aside. Each step
// copies what has come, so few steps are better; what is set aside and not
// written to yet takes address space, not memory.
const growthFactor = 16

// grow makes room for n bytes more: for all that the peer announced, but never
// for more than growthFactor times what has come, so that an announcement costs
// nothing.
func (in *inbox) grow(n int) {
	if cap(in.buf)-len(in.buf) >= n {
		return
	}
	room := max(int64(len(in.buf)+n), min(in.size, max(firstCollect, growthFactor*int64(len(in.buf)))))
	in.buf = append(rawBytes(int(room))[:0], in.buf...)
}

// target is where a DATA frame's payload is to be read to, or nil.
func (s *State) target(h frame.Header) (b []byte, direct bool) {
	st := s.streams[h.Stream]
	if st == nil || st.in == nil || !st.in.collect || h.Kind != frame.Data {
		return nil, false
	}
	in := st.in
	if int64(len(in.buf))+int64(h.Length) > in.size {
		return nil, false
	}
	in.grow(int(h.Length))
	return in.buf[len(in.buf) : len(in.buf)+int(h.Length)], true
}

// Collect asks for all of a BULK stream in one slice. When it is there the
// Handler gets the event that ended it, and Collected is the slice. It returns
// true when that has happened already. of is the call whose argument it is; nil
// for a result.
func (c *Conn) Collect(st *Stream, size int64, of *Stream) (done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := st.in
	in.collect, in.size = true, size
	if of != nil && c.s.limits.Guarded {
		st.lengthen().of = of
		of.lengthen()
	}
	c.s.widen(st, size)
	c.s.collected(st, 0)
	items := in.items
	in.items = nil
	for _, it := range items {
		ev := Event{Kind: frame.Data, Payload: it.payload, cost: it.cost}
		if it.handle != 0 {
			return true, frame.Violated("reply", "%s on stream %d, which is bytes", it.handle, st.ID)
		}
		if err := c.collect(st, &ev, false); err != nil {
			return true, err
		}
	}
	return in.eof || in.err != nil, nil
}

// Collected is what Collect asked for.
func (c *Conn) Collected(st *Stream) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := st.in
	switch {
	case in.err != nil:
		return nil, in.err
	case int64(len(in.buf)) != in.size:
		return nil, frame.Violated("reply", "stream %d brought %d of the %d bytes that it was said to be", st.ID, len(in.buf), in.size)
	}
	return in.buf, nil
}

// Read reads data of a BULK stream as an io.Reader does. It is for one goroutine
// at a time.
func (c *Conn) Read(ctx context.Context, st *Stream, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitItem(ctx, st); err != nil {
		return 0, err
	}
	it := &st.in.items[0]
	if it.handle != 0 {
		return 0, ErrMessage
	}
	n := copy(p, it.payload)
	it.payload = it.payload[n:]
	if len(it.payload) == 0 {
		c.rd.recycle(it.whole)
		c.popItem(st)
	}
	return n, nil
}

// ErrMessage is Read's answer when a message is next: Receive takes it.
var ErrMessage = errors.New("a message where data was due")

// Receive takes the next message, or piece of data (with a handle of 0), off a
// BULK stream; io.EOF at its end. The payload is the caller's. It is for one
// goroutine at a time.
func (c *Conn) Receive(ctx context.Context, st *Stream) (frame.Handle, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitItem(ctx, st); err != nil {
		return 0, nil, err
	}
	it := st.in.items[0]
	c.popItem(st)
	return it.handle, it.payload, nil
}

// awaitItem returns when something can be read off st, or never will be.
func (c *Conn) awaitItem(ctx context.Context, st *Stream) error {
	in := st.in
	for len(in.items) == 0 {
		switch {
		case st.reset:
			return os.ErrClosed
		case in.err != nil:
			return in.err
		case in.eof:
			return io.EOF
		case c.err != nil:
			return cut(c.err)
		}
		var w Waiter
		in.reading = &w
		c.s.wantLong(st)
		c.flush(false)
		err := c.wait(ctx, &w)
		in.reading = nil
		if err != nil && len(in.items) == 0 && !in.eof {
			return cut(err)
		}
	}
	return nil
}

// cut is why a link ended, for who reads a stream of it that has not: the end of the
// link is no end of the stream.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// popItem gives the first item's credit back.
func (c *Conn) popItem(st *Stream) {
	in := st.in
	c.s.Consume(st, in.items[0].cost)
	in.items[0] = item{}
	if in.items = in.items[1:]; len(in.items) == 0 {
		in.items = nil
	}
	c.flush(false)
}
