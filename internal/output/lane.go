package output

import (
	"io"
	"os"
	"sync"
)

// A lane is one place where output ends up, and keeps lines there whole.
// Two writers that lead to the same place share it.
type lane struct {
	mu   sync.Mutex
	open *stream // whose line is unfinished, or nil at the start of a line
}

// A dest is one writer of a sink. Its lane's lock covers its use.
type dest struct {
	sink     *Sink
	lane     *lane
	w        io.Writer
	terminal bool
}

func newDest(s *Sink, w io.Writer) *dest {
	d := &dest{sink: s, lane: new(lane), w: w}
	switch f := w.(type) {
	case nil:
		d.w = io.Discard
	case *os.File:
		d.w = quietFile(f)
	}
	d.terminal = w != nil && isTerminal(w)
	return d
}

// write hands p to the writer. An error costs the rest of p, nothing else: the
// next write is tried again.
func (d *dest) write(p []byte) {
	n, err := d.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		d.sink.fail(int64(len(p)-min(max(n, 0), len(p))), err)
	}
}

// putLocked writes body, which continues an unfinished line of st if mid, else
// begins a line. An unfinished line of another is ended first; a continuation
// that was cut off in this way says again whose it is.
func (l *lane) putLocked(st *stream, body []byte, mid bool) {
	if len(body) == 0 {
		return
	}
	if l.open != nil && l.open != st {
		l.open.dest.write([]byte{'\n'})
	}
	if mid && l.open != st && st.tap.sink.tag.Load() {
		st.dest.write(st.tap.tag)
	}
	st.dest.write(body)
	l.open = nil
	if !endsLine(body) {
		l.open = st
	}
}

func endsLine(p []byte) bool { return len(p) > 0 && p[len(p)-1] == '\n' }
