package output

import (
	"bytes"
	"sync"
	"sync/atomic"
)

const (
	// LineLimit is the length in bytes up to which an unfinished line is
	// held back. A longer one is passed on in pieces, and another worker's
	// output may then come between two of them, on a line of its own.
	LineLimit = 16 << 20

	// keepLimit is the size in bytes above which a buffer is given back
	// after use.
	keepLimit = 256 << 10
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

// A stream is one fd of one worker. Its tap's lock guards it.
type stream struct {
	tap   *Tap
	fd    int
	dest  *dest
	clean *Sanitizer // nil unless dest is a terminal
	spool *spool
	line  []byte // an unfinished line, or what is not yet passed on of one
	mid   bool   // the last byte passed on was not a newline
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

// add takes sanitized bytes of the stream.
func (st *stream) add(p []byte) {
	if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 {
		st.emit(p[:end])
		p = p[end:]
	}
	st.line = append(st.line, p...)
	if len(st.line) > LineLimit {
		st.emit(nil)
	}
}

// emit passes on the unfinished line followed by p.
func (st *stream) emit(p []byte) {
	if len(st.line) > 0 {
		st.line = append(st.line, p...)
		p = st.line
	}
	if len(p) > 0 {
		st.pass(p)
	}
	st.line = reuse(st.line)
}

func (st *stream) pass(p []byte) {
	t, mid := st.tap, st.mid
	st.mid = !endsLine(p)
	if t.sink.mode == Log {
		st.log(p)
		return
	}
	if t.sink.tag.Load() {
		t.tagged = appendTagged(t.tagged[:0], t.tag, p, mid)
		p = t.tagged
	}
	if t.sink.mode == Atomic && (t.calls.Load() > 0 || !st.spool.empty()) {
		t.store(st, p, mid)
		return
	}
	st.dest.lane.mu.Lock()
	defer st.dest.lane.mu.Unlock()
	st.dest.lane.putLocked(st, p, mid)
}

func (st *stream) log(p []byte) {
	for line := range bytes.Lines(p) {
		st.tap.sink.line(st.tap.name, st.fd, bytes.TrimSuffix(line, []byte{'\n'}))
	}
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

// appendTagged appends lines with the tag before each. If mid, the first is
// the rest of a line.
func appendTagged(dst, tag, lines []byte, mid bool) []byte {
	for line := range bytes.Lines(lines) {
		if !mid {
			dst = append(dst, tag...)
		}
		dst = append(dst, line...)
		mid = false
	}
	return dst
}

// reuse empties a buffer, and gives it up if it has grown large.
func reuse(b []byte) []byte {
	if cap(b) > keepLimit {
		return nil
	}
	return b[:0]
}
