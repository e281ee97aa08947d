package mux

import (
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// Most links of a service are idle, and there may be thousands. A guarded Conn
// therefore waits without a thread and without a read buffer (Rest), until things
// come so fast, one within hotWithin of another, that it is hot: then it polls as
// any other, and rests again when for coolAfter nothing has come. (A timeout of
// ppoll itself would cost each call more than a microsecond.)
const (
	hotWithin = time.Millisecond
	coolAfter = 4 * time.Millisecond
)

// poll waits for something to read, unless the link is broken, and reads once.
func (c *Conn) poll() error {
	rest := c.s.limits.Guarded && !c.hot && c.broken == nil
	if rest {
		c.slim()
	}
	c.polling, c.resting = true, rest
	broken := c.broken != nil
	c.mu.Unlock()
	err := c.await(rest, broken)
	if err == nil {
		err = c.rd.read(c.t)
	}
	c.mu.Lock()
	c.polling, c.resting = false, false
	c.warm(rest, err)
	return err
}

// await waits, without the lock.
func (c *Conn) await(rest, broken bool) error {
	switch {
	case broken:
		return nil
	case rest:
		return c.t.Rest()
	}
	return c.t.Poll()
}

// warm notes how fast things come, after a wait and a read.
func (c *Conn) warm(rested bool, err error) {
	if !c.s.limits.Guarded || err != nil {
		return
	}
	c.heat++
	if !rested {
		return
	}
	now := time.Now()
	if now.Sub(c.rested) < hotWithin && c.err == nil {
		c.hot = true
		c.cooled = c.heat
		c.cooler.Reset(coolAfter)
	}
	c.rested = now
}

// cool looks whether anything has come to a hot Conn since it last looked.
func (c *Conn) cool() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if c.heat != c.cooled {
		c.cooled = c.heat
		c.cooler.Reset(coolAfter)
		return
	}
	c.hot = false
	c.rouse()
}

// slim lets go of what a link that rests does not need: a guarded one, and a manager's that
// nobody waits for.
func (c *Conn) slim() {
	c.rd.slim()
	if cap(c.s.spare) > slimSpare {
		c.s.spare = nil
	}
	if !c.writing {
		c.batch = Batch{}
	}
}

// slimSpare is what a resting link may keep for its next frames, in bytes.
const slimSpare = 512

// readBuffers are those of links that rest.
var readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// slim gives the buffer back, but for what is in it.
func (r *reader) slim() {
	r.expected, r.spare, r.pool = frame.Header{}, nil, nil
	r.bufs = [2][]byte{} // point into the buffer
	if len(r.buf) != readBuffer {
		return
	}
	full := r.buf
	r.buf = append([]byte(nil), full[r.r:r.w]...)
	r.r, r.w = 0, len(r.buf)
	readBuffers.Put((*[readBuffer]byte)(full))
}

// fatten undoes slim.
func (r *reader) fatten() {
	full := readBuffers.Get().(*[readBuffer]byte)
	r.r, r.w = 0, copy(full[:], r.buf[r.r:r.w])
	r.buf = full[:]
}
