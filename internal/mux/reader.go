package mux

import (
	"os"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/frame"
)

// reader is what the holder of the right to read works on.
type reader struct {
	buf      []byte
	r, w     int // what is read and not handled
	files    []*os.File
	maxFiles int           // how many may wait there
	batch    atomic.Uint64 // counts reads
	frames   uint64        // whole ones, counted
	crowd    bool          // the last read brought more than one frame: others have just been woken too
	bufs     [2][]byte     // read's own

	greeted bool // the preamble has come

	// A frame that is longer than what has been read of it.
	large  bool
	header frame.Header
	body   []byte
	n      int
	direct bool // body is where the stream wants its bytes

	// The frame that is expected next, because the last one was such: its
	// payload is read to a place of its own at once. A Length of 0: none.
	expected frame.Header
	spare    []byte // for its payload

	pool    [][]byte // payloads that nobody needs any more; under the Conn's lock
	dropped bool     // nothing is read any more; under the Conn's lock
}

// readBuffer is the size of a link's read buffer, in bytes: 64 KiB are a common
// size of what is streamed, and should fit with their header.
const readBuffer = 68 << 10

// read reads once.
func (r *reader) read(t Transport) error {
	if len(r.buf) != readBuffer {
		r.fatten()
	}
	if r.r == r.w {
		r.r, r.w = 0, 0
		if r.expected.Length > 0 && !r.large {
			return r.readExpected(t)
		}
	} else if r.r > 0 {
		r.r, r.w = 0, copy(r.buf, r.buf[r.r:r.w])
	}
	bufs := r.bufs[:0]
	if r.large {
		bufs = append(bufs, r.body[r.n:])
	}
	bufs = append(bufs, r.buf[r.w:])
	n, err := r.recv(t, bufs)
	if err != nil {
		return err
	}
	if r.large {
		k := min(n, len(r.body)-r.n)
		r.n += k
		n -= k
	}
	r.w += n
	return nil
}

// recv is one Recv.
func (r *reader) recv(t Transport, bufs [][]byte) (int, error) {
	n, files, err := t.Recv(bufs)
	r.files = append(r.files, files...)
	if err != nil {
		return 0, err
	}
	if len(r.files) > r.maxFiles {
		return 0, frame.Violated("fds", "%d file descriptors wait for their frame", len(r.files))
	}
	r.batch.Add(1)
	return n, nil
}

// readExpected reads a frame that is likely to be like the last one: its header
// to the buffer, its payload to a slice of its own, which spares copying it. If
// it is another frame, what was read is put together in the buffer, which has
// room for it.
func (r *reader) readExpected(t Transport) error {
	if r.spare == nil {
		r.spare = rawBytes(int(r.expected.Length))
	}
	n, err := r.recv(t, append(r.bufs[:0], r.buf[:frame.HeaderSize], r.spare))
	if err != nil {
		return err
	}
	var h frame.Header
	if n >= frame.HeaderSize {
		h, _ = frame.Parse(r.buf)
	}
	if h != r.expected {
		r.w = n
		copy(r.buf[frame.HeaderSize:], r.spare[:max(0, n-frame.HeaderSize)])
		r.expected = frame.Header{}
		return nil
	}
	r.large, r.direct = true, false
	r.header, r.body, r.n = h, r.spare, n-frame.HeaderSize
	r.spare = nil
	return nil
}

// expect notes that a frame like h may be next.
func (r *reader) expect(h frame.Header) {
	r.expected = frame.Header{}
	if h.FDs == 0 && int(h.Length) > expectAbove && int(h.Length) <= readBuffer-frame.HeaderSize {
		r.expected = h
	}
	if len(r.spare) != int(r.expected.Length) {
		r.spare = nil
	}
	if r.spare == nil && r.expected.Length > 0 && len(r.pool) > 0 {
		r.spare = r.fresh(int(r.expected.Length))
	}
}

// poolSize is how many payloads are kept to be used again, each of at most
// poolBytes: without them, a reader that copies what it reads makes as much
// garbage as it reads bytes.
const (
	poolSize  = 4
	poolBytes = 512 << 10
)

// recycle takes a payload back.
func (r *reader) recycle(b []byte) {
	if cap(b) >= expectAbove && cap(b) <= poolBytes && len(r.pool) < poolSize && !r.dropped {
		r.pool = append(r.pool, b)
	}
}

// fresh is n bytes for a payload.
func (r *reader) fresh(n int) []byte {
	for i, b := range r.pool {
		if cap(b) >= n && cap(b) <= 2*n {
			last := len(r.pool) - 1
			r.pool[i], r.pool[last] = r.pool[last], nil
			r.pool = r.pool[:last]
			return b[:n]
		}
	}
	return rawBytes(n)
}

const expectAbove = 16 << 10 // bytes

// handle handles the whole frames that have been read, until the right was taken
// away. It is called and returns with the lock held.
func (r *reader) handle(c *Conn, mine uint64) error {
	defer c.bury()
	for count := 0; c.holder == mine && c.err == nil && c.room(count); count++ {
		if len(c.s.doomed) > r.maxFiles {
			c.closeShed() // who sends more than can be closed waits
		}
		f, ok, err := r.next(c.s)
		if err != nil || !ok {
			if count > 0 {
				r.crowd = count > 1
			}
			return err
		}
		ev, ok, err := r.receive(c, f)
		if err != nil {
			c.s.shed(ev.Files)
			return err
		}
		if !ok {
			continue
		}
		if c.writable() {
			c.startTick() // the handler may block
		}
		c.mu.Unlock()
		err = c.h.Handle(ev)
		c.mu.Lock()
		if err != nil {
			c.s.shed(ev.Files)
			return err
		}
	}
	return nil
}

// receive tells the State of a frame. ok is false when the layer above need not
// know.
func (r *reader) receive(c *Conn, f whole) (ev Event, ok bool, err error) {
	r.frames++
	files, err := r.take(int(f.FDs))
	if err != nil {
		return ev, false, err
	}
	c.pulse.away = false
	ev, ok, err = c.s.Receive(f.Header, f.payload, f.owned, files)
	if err == nil && ok {
		ev.Batch = r.batch.Load()
		var done bool
		done, err = c.inbound(&ev, f.direct)
		ok = !done
	}
	c.freeSlots()
	return ev, ok, err
}

// whole is a frame with its payload.
type whole struct {
	frame.Header
	payload []byte
	owned   bool // payload is nobody else's
	direct  bool // payload lies where its stream wants it
}

// next is the next whole frame, if one is there.
func (r *reader) next(s *State) (f whole, ok bool, err error) {
	if r.large {
		if r.n < len(r.body) {
			return f, false, nil
		}
		f = whole{r.header, r.body, true, r.direct}
		r.large, r.body = false, nil
		r.expect(f.Header)
		return f, true, nil
	}
	if !r.greeted {
		if r.w-r.r < frame.PreambleSize {
			return f, false, nil
		}
		if err := frame.CheckPreamble(r.buf[r.r : r.r+frame.PreambleSize]); err != nil {
			return f, false, err
		}
		r.greeted = true
		r.r += frame.PreambleSize
	}
	if r.w-r.r < frame.HeaderSize {
		return f, false, nil
	}
	h, err := frame.Parse(r.buf[r.r:])
	if err != nil {
		return f, false, err
	}
	have := r.buf[r.r+frame.HeaderSize : r.w]
	if int(h.Length) > len(have) {
		if int(h.Length) > len(r.buf)/4 {
			err = r.startLarge(s, h, have)
		}
		return f, false, err
	}
	r.r += frame.HeaderSize + int(h.Length)
	return whole{Header: h, payload: have[:h.Length:h.Length]}, true, nil
}

// startLarge prepares for the rest of a frame to be read to where it belongs. The
// state is asked first: memory is allocated only for a frame that may come.
func (r *reader) startLarge(s *State, h frame.Header, have []byte) error {
	if err := s.Admit(h); err != nil {
		return err
	}
	if r.body, r.direct = s.target(h); r.body == nil {
		r.body = r.fresh(int(h.Length))
	}
	r.large, r.header = true, h
	r.n = copy(r.body, have)
	r.r, r.w = 0, 0
	return nil
}

// take is the frame's files.
func (r *reader) take(n int) ([]*os.File, error) {
	if n == 0 {
		return nil, nil
	}
	if n > len(r.files) {
		return nil, frame.Violated("fds", "%d file descriptors for a frame that names %d", len(r.files), n)
	}
	files := r.files[:n:n]
	r.files = r.files[n:]
	return files, nil
}

func (r *reader) drop(s *State) {
	s.shed(r.files)
	r.files, r.body, r.buf, r.spare, r.pool = nil, nil, nil, nil, nil
	r.dropped = true
}
