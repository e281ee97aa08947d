package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/output"
)

// flushEvery is how long a line waits for others at most, before all are written together.
const flushEvery = 100 * time.Millisecond

// results is where the lines go. It is safe for concurrent use.
type results struct {
	file *os.File // that is resumed; nil: standard output

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
		r.file, w = f, f
	}
	r.out = bufio.NewWriterSize(w, 64<<10)
	return r, nil
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
	if r.file != nil {
		if err := r.file.Close(); r.err == nil {
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
