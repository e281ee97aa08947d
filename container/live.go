package container

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrHole says that a live source has nothing at a place that was read: that
// part of a process's memory is not mapped.
var ErrHole = errors.New("nothing is there that can be read")

// ErrProcessGone says that the process whose memory a container is has ended, or
// runs another program.
var ErrProcessGone = errors.New("the process has ended, or runs another program now")

// Live says what more is known of a live source. The zero value is ready.
type Live struct {
	// Name tells the source in errors, as "process 123".
	Name string

	// Extents is the first range, from start to before end, that can be read
	// and ends behind off, at most the size; start and end are the size when
	// there is none. Ranges may touch. It is asked at each read, and for each range of a
	// search, by several goroutines at once. Nil: all can be read.
	Extents func(off int64) (start, end int64, err error)

	// Close is called once, when neither the container nor a slice of it is
	// used any more.
	Close func() error

	refresh func() // makes Extents look again; nil: it always does
	page    int64  // holes that reads meet are whole pages of so many bytes; 0: nobody knows
}

// FromReaderAt is a container of the size bytes that r has, a live source: they
// are read when they are asked for, and never copied beforehand, here or to
// another process, which asks for parts of them. It is not immutable. r must be
// safe for concurrent use. What it does not give is an error with the offset and
// the cause, never zeros; so is what Extents leaves out. Searches go around
// that: no match lies across a hole. They also go around what turns out to be one:
// r's error matches ErrHole, and Extents, asked again, leaves that place out.
//
// r may block. A method here waits for it. Of requests of workers each holds a
// place of the worker's own, and when the worker's link ends they are waited for
// one second; then the goroutine and the buffer of such a read are left until it
// returns.
//
// It panics when size is negative.
func FromReaderAt(r io.ReaderAt, size int64, o Live) Container {
	if size < 0 {
		panic(fmt.Sprintf("container.FromReaderAt: a size of %d bytes", size))
	}
	if o.Name == "" {
		o.Name = "live source"
	}
	return newView(share(&live{r, size, o}), 0, size)
}

// IsLive reports whether c is a live source, or a slice of one: its bytes cannot be
// passed to another process, which has to ask for them.
func IsLive(c Container) bool {
	v, ok := c.(*view)
	if !ok {
		return false
	}
	src, err := v.use()
	if err != nil {
		return false
	}
	defer src.release()
	_, ok = src.source.(*live)
	return ok
}

// live is a source that is read when it is asked.
type live struct {
	r    io.ReaderAt
	size int64
	o    Live
}

func (l *live) immutable() bool { return false }
func (l *live) window() int64   { return fileWindow }

func (l *live) close() {
	if l.o.Close != nil {
		l.o.Close()
	}
}

// failed is the error for n of want bytes at off.
func (l *live) failed(n int, want int, off int64, err error) error {
	return fmt.Errorf("%s: %d of %d bytes at %d: %w", l.o.Name, n, want, off, err)
}

func (l *live) readAt(p []byte, off int64) (n int, err error) {
	hole, err := l.hole(off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	if hole >= 0 {
		return 0, l.gap(hole, l.failed(int(hole-off), len(p), off, fmt.Errorf("at %d %w", hole, ErrHole)))
	}
	n, err = l.r.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case n < 0 || n > len(p):
		return 0, l.failed(0, len(p), off, fmt.Errorf("its ReadAt returned %d", n))
	case err == nil || err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	failed := l.failed(n, len(p), off, plain(err))
	if errors.Is(err, ErrHole) {
		failed = l.gap(off+int64(n), failed)
	}
	return n, failed
}

// hole is the first of n bytes at off that cannot be read, or -1.
func (l *live) hole(off, n int64) (int64, error) {
	if l.o.Extents == nil {
		return -1, nil
	}
	asked := false
	for at := off; at < off+n; {
		start, end, err := l.extent(at)
		switch {
		case err != nil && err != io.EOF:
			return 0, err
		case err == nil && start == at:
			at = end
		case l.o.refresh != nil && !asked: // it may be new
			asked = true
			l.o.refresh()
		default:
			return at, nil
		}
	}
	return -1, nil
}

// extent is what Extents says, made fit to be relied on: see holey.
func (l *live) extent(off int64) (start, end int64, err error) {
	start, end = off, l.size
	if l.o.Extents != nil {
		if start, end, err = l.o.Extents(off); err != nil {
			return 0, 0, fmt.Errorf("%s: what can be read at %d: %w", l.o.Name, off, err)
		}
	}
	start, end = max(start, off), min(end, l.size)
	if start >= end {
		return 0, 0, io.EOF
	}
	return start, end, nil
}

func (l *live) with(off, n int64, fn func(b []byte) error) error {
	if n > MaxFileView {
		return fmt.Errorf("view %s: its %d bytes are more than the %d that are read at once; use ReadAt, Find or All", l.o.Name, n, MaxFileView)
	}
	b, done := buffer(int(n))
	defer done()
	if _, err := l.readAt(b, off); err != nil {
		return err
	}
	return fn(b)
}

func (l *live) pin(int64, int64) ([]byte, func(), error) { return nil, nil, ErrMutable }

// errStays is for who wants to pass on what is read where it is.
var errStays = errors.New("a live source is read where it is, and cannot be passed (container.FromReader makes a copy)")

func (l *live) file(int64, int64) (*os.File, int64, error) { return nil, 0, errStays }
