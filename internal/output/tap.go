package output

import (
	"sync"
	"sync/atomic"
)

// A Tap takes the output of one worker. Its methods are safe for concurrent
// use. They block for as long as the sink's writers do.
type Tap struct {
	sink *Sink
	name string
	tag  []byte

	calls   atomic.Int64 // running
	holding atomic.Bool  // there is something for CallEnd to deliver

	mu      sync.Mutex // guards what follows
	streams [2]stream  // of fd 1 and fd 2
	spools  [2]spool   // mode Atomic; the first serves both streams of one lane
	cleaned []byte     // reused
	tagged  []byte     // reused
}

// Write takes bytes that the worker wrote to fd 1 or 2 and delivers the lines
// finished by them. It does not keep p. Nothing may be written after Close.
func (t *Tap) Write(fd int, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := &t.streams[0]
	if fd == 2 {
		st = &t.streams[1]
	}
	if st.clean != nil {
		t.cleaned = st.clean.Append(t.cleaned[:0], p)
		p = t.cleaned
	}
	st.add(p)
	t.settleLocked()
	if t.holding.Load() && t.calls.Load() == 0 { // the last CallEnd may have looked before
		t.deliverLocked()
	}
}

// CallBegin says that a call starts in the worker.
func (t *Tap) CallBegin() { t.calls.Add(1) }

// CallEnd says that a call has ended and that all it printed has been written.
// If it was the last one running, what is held back is delivered: in mode
// Atomic all that was printed since the first began, and in every mode an
// unfinished line. No newline is added to that: it goes on if the worker does,
// unless another worker wrote to the same place in between.
func (t *Tap) CallEnd() {
	if t.calls.Add(-1) > 0 || !t.holding.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releaseLocked()
}

// Close delivers whatever is held back. A call that is running then is lost.
func (t *Tap) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.streams {
		if st := &t.streams[i]; st.clean != nil {
			st.add(st.clean.Flush(nil))
		}
	}
	t.releaseLocked()
}

func (t *Tap) releaseLocked() {
	for i := range t.streams {
		t.streams[i].emit(nil)
	}
	t.deliverLocked()
}

// deliverLocked passes on what was held back of calls.
func (t *Tap) deliverLocked() {
	for i := range t.spools {
		t.deliver(&t.spools[i])
	}
	t.settleLocked()
}

// settleLocked gives back large buffers and notes whether anything is held.
func (t *Tap) settleLocked() {
	t.cleaned = reuse(t.cleaned)
	t.tagged = reuse(t.tagged)
	holding := !t.spools[0].empty() || !t.spools[1].empty()
	for i := range t.streams {
		holding = holding || len(t.streams[i].line) > 0
	}
	t.holding.Store(holding)
}

// store puts p aside until the call ends. Where there is no room for that it
// gives up on one piece, not on the output.
func (t *Tap) store(st *stream, p []byte, mid bool) {
	if err := st.spool.add(st.fd, p, mid); err != nil {
		t.sink.fail(0, err)
		t.deliver(st.spool)
		return
	}
	if st.spool.size > SpoolLimit {
		t.deliver(st.spool)
	}
}

// deliver passes a spool on in one piece: both streams in it have one lane.
func (t *Tap) deliver(sp *spool) {
	if sp.empty() {
		return
	}
	l := t.streams[0].dest.lane
	if sp == &t.spools[1] {
		l = t.streams[1].dest.lane
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := sp.each(func(fd int, p []byte, mid bool) {
		l.putLocked(&t.streams[fd-1], p, mid)
	})
	if err != nil {
		t.sink.fail(0, err)
	}
	sp.reset()
}
