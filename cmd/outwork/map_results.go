package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/output"
)

// flushEvery is how long a line waits for others at most, before all are written together.
const flushEvery = 100 * time.Millisecond

// results is where the lines go. It is safe for concurrent use.
type results struct {
	resumed *os.File    // nil: standard output
	file    fs.FileInfo // where they are kept; nil: nowhere, they are printed

	mu  sync.Mutex // guards what follows
	out *bufio.Writer
	err error
}

// openResults opens what the lines go to.
func (m *mapping) openResults() (*results, error) {
	r := &results{}
	w := m.app.printing(m.job.screen, m.app.stdout)
	if isTerminal(m.app.stdout) {
		w = &sanitizing{w}
	}
	if m.resume != "" {
		f, err := m.earlier.open(m.resume)
		if err != nil {
			return nil, err
		}
		r.resumed, w = f, f
	}
	r.file = regularFile(cmp.Or(r.resumed, m.app.stdout))
	r.out = bufio.NewWriterSize(w, 64<<10)
	return r, nil
}

// regularFile is which file f is; nil: it is none that lies in a folder.
func regularFile(f *os.File) fs.FileInfo {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

// write writes a line, now or soon.
func (r *results) write(l *mapLine) error {
	line, err := encode(l)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.err == nil && len(line) > r.out.Available() { // lines stay whole
		r.err = r.out.Flush()
	}
	if err == nil && r.err == nil {
		_, r.err = r.out.Write(line)
	}
	if err == nil && r.err != nil {
		err = fmt.Errorf("write the results: %w", r.err)
	}
	return err
}

// flush writes what waits. An error is that of the next write, or of close.
func (r *results) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushLocked()
}

func (r *results) flushLocked() {
	if err := r.out.Flush(); r.err == nil {
		r.err = err
	}
}

// close writes the rest. It may be called on nil.
func (r *results) close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock() // the meter may be at it still
	defer r.mu.Unlock()
	r.flushLocked()
	if r.resumed != nil {
		if err := r.resumed.Close(); r.err == nil {
			r.err = err
		}
	}
	if r.err != nil {
		return fmt.Errorf("write the results: %w", r.err)
	}
	return nil
}

// sanitizing writes lines to a terminal.
type sanitizing struct{ w io.Writer }

func (s *sanitizing) Write(p []byte) (int, error) {
	if _, err := s.w.Write(output.Sanitize(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
