package agent

import (
	"errors"
	"slices"
	"sync"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

// upstream is what a worker says to its manager, with what it has printed put between
// its frames: before each result all that was printed until then, so that a result
// overtakes none of it. What the agent answers itself is left out.
type upstream struct {
	to    mux.Transport
	watch *watch
	drain func()                 // puts what is in the worker's pipes now
	early func(fd int, p []byte) // takes what is printed before the worker's first frame was sent
	stir  func()                 // told when the watch has something for the worker

	// mu is held by who is inside a frame.
	mu      sync.Mutex
	greeted bool // guarded by mu: a frame was sent, which is HELLO

	// Of the worker's frames.
	preamble int    // bytes of it that are still due
	left     int    // bytes of the present frame's payload that are still due
	head     []byte // the beginning of a header, or of a frame that is wanted whole
	framed   bool   // one has come
	inside   bool   // mu is held
}

func newUpstream(to mux.Transport, w *watch, early func(int, []byte)) *upstream {
	return &upstream{to: to, watch: w, drain: func() {}, early: early, stir: func() {}, preamble: frame.PreambleSize}
}

// write sends on what the worker has written. b may be changed. An error is the worker's,
// when it is a *frame.Violation, or else the manager's.
func (u *upstream) write(b []byte) error {
	if u.inside {
		n := min(len(b), u.left)
		u.left -= n
		if err := u.pass(b[:n]); err != nil || u.left > 0 {
			return err
		}
		b = b[n:]
	}
	if len(u.head) > 0 {
		b = append(u.head, b...)
		u.head = nil
	}
	sent, rest, result, err := u.scan(b)
	if err != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		return errors.Join(err, sendAll(u.to, slices.Concat(sent, rest), nil)) // the manager sees for itself, and says which rule it is
	}
	if u.watch.waiting() {
		u.stir()
	}
	if result {
		u.drain()
	}
	u.head = append([]byte(nil), rest...)
	if len(sent) == 0 {
		return nil
	}
	u.mu.Lock()
	u.inside = true
	return u.pass(sent)
}

// pass sends b, which belongs to a frame that has begun, and leaves the frame if that
// was all of it.
func (u *upstream) pass(b []byte) error {
	err := sendAll(u.to, b, nil)
	if u.left == 0 || err != nil {
		u.inside = false
		u.greeted = u.greeted || u.framed
		u.mu.Unlock()
	}
	return err
}

// scan looks at the frames that begin in b, and changes it: to what is to be sent, and
// the rest, of which more must come first. It tells whether a result is among what is
// sent and, as left, how much is still due of the last frame. With an error the rest
// begins with what is no frame.
func (u *upstream) scan(b []byte) (sent, rest []byte, result bool, err error) {
	at := min(u.preamble, len(b))
	u.preamble -= at
	n := at // bytes that are to be sent
	for u.preamble == 0 && len(b)-at >= frame.HeaderSize {
		h, err := frame.Parse(b[at:])
		if err != nil {
			return b[:n], b[at:], false, err
		}
		end := at + frame.HeaderSize + int(h.Length)
		var payload []byte
		if u.watch.wants(h) {
			if end > len(b) {
				break
			}
			payload = b[at+frame.HeaderSize : end]
		}
		if u.watch.up(h, payload) {
			at = end
			continue
		}
		result = result || h.Kind == frame.Message && h.Flags&frame.End != 0
		u.framed = true
		stop := min(end, len(b))
		if n < at {
			copy(b[n:], b[at:stop])
		}
		n += stop - at
		at, u.left = stop, end-stop
	}
	return b[:n], b[at:], result, nil
}

// output sends what the worker has printed to fd, in frames of its own.
func (u *upstream) output(fd int, p []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.greeted {
		u.early(fd, p)
		return
	}
	for len(p) > 0 {
		n := min(len(p), link.MaxOutput)
		h := frame.Header{Length: uint32(1 + n), Kind: frame.Message, Handle: frame.Output}
		b := h.Append(make([]byte, 0, frame.HeaderSize+1+n))
		b = append(append(b, byte(fd)), p[:n]...)
		if sendAll(u.to, b, nil) != nil {
			return // the manager has gone
		}
		p = p[n:]
	}
}

// close leaves the frame that the worker has not finished.
func (u *upstream) close() {
	if u.inside {
		u.inside = false
		u.mu.Unlock()
	}
}
