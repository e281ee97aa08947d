package output

import "bytes"

const (
	// LineLimit is the length in bytes up to which an unfinished line is
	// held back. A longer one is passed on in pieces, and another worker's
	// output may then come between two of them, on a line of its own.
	LineLimit = 16 << 20

	// keepLimit is the size in bytes above which a buffer is given back
	// after use.
	keepLimit = 256 << 10
)

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
