package mux

import (
	"context"
	"errors"
	"fmt"
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
	cost    int64
}

// full reports whether long messages must wait for the reader.
func (in *inbox) full() bool { return in != nil && len(in.items) > 0 }

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

// inbound puts what came on a BULK stream where its reader finds it, and tells whether that is all there is to do.
func (c *Conn) inbound(ev *Event, direct bool) (done bool, err error) {
	st := ev.Stream
	if st == nil || st.in == nil || ev.Kind == frame.Open {
		return false, nil
	}
	in := st.in
	switch {
	case ev.Kind == frame.Reset:
		in.err = &Aborted{ev.Code, string(ev.Payload)}
	case in.collect:
		if ev.Kind != frame.Data {
			return true, frame.Violated("reply", "%s on stream %d, which is bytes", ev.Handle, st.ID)
		}
		if err := c.collect(st, ev, direct); err != nil {
			return true, err
		}
	case len(ev.Payload) > 0 || ev.Kind == frame.Message:
		it := item{handle: ev.Handle, payload: ev.Payload, cost: int64(len(ev.Payload)) + frame.HeaderSize}
		if !ev.Owned {
			it.payload = append([]byte(nil), ev.Payload...)
		}
		in.items = append(in.items, it)
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
	if !direct {
		in.grow(n)
	}
	if direct {
		in.buf = in.buf[:len(in.buf)+n]
	} else {
		in.buf = append(in.buf, ev.Payload...)
	}
	c.s.Consume(st, int64(n)+frame.HeaderSize)
	return nil
}

// firstCollect is how many bytes are set aside for what a peer says it will
// send, before any of it has come.
const firstCollect = 1 << 20

// grow makes room for n bytes more: for all that the peer announced, but never
// for more than four times what has come, so that an announcement costs nothing.
func (in *inbox) grow(n int) {
	if cap(in.buf)-len(in.buf) >= n {
		return
	}
	room := max(int64(len(in.buf)+n), min(in.size, max(firstCollect, 4*int64(len(in.buf)))))
	in.buf = append(make([]byte, 0, room), in.buf...)
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

// Collect asks for all of a BULK stream in one slice. When it is there the Handler gets the
// event that ended it, and Collected is the slice. It returns true when that
// has happened already.
func (c *Conn) Collect(st *Stream, size int64) (done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := st.in
	in.collect, in.size = true, size
	items := in.items
	in.items = nil
	for _, it := range items {
		ev := Event{Kind: frame.Data, Payload: it.payload}
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
			return c.err
		}
		var w Waiter
		in.reading = &w
		err := c.wait(ctx, &w)
		in.reading = nil
		if err != nil && len(in.items) == 0 && !in.eof {
			return err
		}
	}
	return nil
}

// popItem gives the first item's credit back.
func (c *Conn) popItem(st *Stream) {
	in := st.in
	c.s.Consume(st, in.items[0].cost)
	in.items[0] = item{}
	if in.items = in.items[1:]; len(in.items) == 0 {
		in.items = nil
		if st.partial {
			c.s.wantLong(st)
		}
	}
	if c.s.Pending() && !c.writing {
		c.flush(true)
		c.mu.Lock()
	}
}

// Open opens a stream; it waits while as many are open as the peer allows.
// The Stream's User is set before anything can come for it.
func (c *Conn) Open(ctx context.Context, handle frame.Handle, payload []byte, end bool, files []*os.File, user any) (*Stream, error) {
	c.mu.Lock()
	for c.err == nil {
		st, err := c.s.Open(handle, payload, end, files)
		if err == nil {
			st.User = user
			c.flush(false)
			return st, nil
		}
		if err != ErrStreams {
			c.mu.Unlock()
			return nil, err
		}
		var w Waiter
		c.slots = append(c.slots, &w)
		if err := c.wait(ctx, &w); err != nil {
			c.freeSlots() // it may have been this one's turn
			c.mu.Unlock()
			return nil, err
		}
	}
	defer c.mu.Unlock()
	return nil, c.err
}

// OpenBulk opens a BULK stream without writing it yet: the message that names it
// follows.
func (c *Conn) OpenBulk(ctx context.Context, user any) (*Stream, error) {
	return c.Open(ctx, frame.Bulk, nil, false, nil, user)
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

// Message sends a message on st.
func (c *Conn) Message(st *Stream, handle frame.Handle, payload []byte, end bool, files []*os.File) error {
	return c.Update(func(s *State) {
		s.send(st, chunk{kind: frame.Message, handle: handle, payload: payload, end: end, files: files})
	})
}

// Queue is Message for a handler that is about to return to the reader, which writes
// soon: replies to what was read together leave together. The payload is copied
// unless it is long.
func (c *Conn) Queue(st *Stream, handle frame.Handle, payload []byte, end bool, files []*os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.s.send(st, chunk{kind: frame.Message, handle: handle, payload: payload, end: end, files: files})
	return nil
}

// Send sends data or a message on st and returns when payload is no longer
// needed: when it was written, or the peer wants no more, which is ErrUnwanted.
func (c *Conn) Send(ctx context.Context, st *Stream, handle frame.Handle, payload []byte, end bool) error {
	kind := frame.Message
	if handle == 0 {
		kind = frame.Data
	}
	var w Waiter
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	if st.stopped || !st.sendOpen {
		defer c.mu.Unlock()
		return ErrUnwanted
	}
	c.s.send(st, chunk{kind: kind, handle: handle, payload: payload, end: end, sent: func() { c.signal(&w) }})
	c.flush(false)
	err := c.Wait(ctx, &w)
	if err == nil || c.Err() != nil {
		return err
	}
	c.Reset(st, Cancelled, "") // ctx has ended: take the payload back
	c.Wait(context.Background(), &w)
	return err
}

// ErrUnwanted ends the sending on a stream that the peer has reset.
var ErrUnwanted = fmt.Errorf("the other side wants no more of the stream")

// SendBytes queues all of b, which must not change until sent is called (under a lock:
// it must not block), and ends the stream.
func (c *Conn) SendBytes(st *Stream, b []byte, sent func()) error {
	return c.Update(func(s *State) {
		s.send(st, chunk{kind: frame.Data, payload: b, end: true, sent: sent})
	})
}

// Reset ends st from this side.
func (c *Conn) Reset(st *Stream, code Code, reason string) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.s.Reset(st, code, reason)
	if st.in != nil && st.in.reading != nil {
		c.signal(st.in.reading)
	}
	c.flush(false)
}

// Stopped reports whether the peer wants no more of st.
func (c *Conn) Stopped(st *Stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return st.stopped
}

// SignalLocked is Signal for the sent function of SendBytes.
func (c *Conn) SignalLocked(w *Waiter) { c.signal(w) }
