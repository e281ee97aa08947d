package container

import (
	"io"
	"runtime"
	"sync"
)

// view is a range of a source: every container of this package is one.
type view struct {
	off, n    int64
	immutable bool
	uses      *uses
	hold      *hold
}

func newView(src *shared, off, n int64) *view {
	v := &view{off: off, n: n, immutable: src.immutable(), uses: src.uses, hold: &hold{src: src}}
	src.opened(v.hold)
	runtime.AddCleanup(v, (*hold).dropped, v.hold)
	return v
}

// use is the view's source, to be released, for the length of a method.
func (v *view) use() (*shared, error) { return v.useFor(amount{}) }

// useFor is use, which counts it as a read.
func (v *view) useFor(read amount) (*shared, error) {
	src, err := v.hold.use(read)
	runtime.KeepAlive(v) // or its cleanup may close the hold first
	return src, err
}

func (v *view) Size() int64     { return v.n }
func (v *view) Immutable() bool { return v.immutable }

func (v *view) ReadAt(p []byte, off int64) (int, error) {
	src, err := v.useFor(amount{1, max(0, min(int64(len(p)), v.n-off))})
	if err != nil {
		return 0, err
	}
	defer src.release()
	if off < 0 {
		return 0, rangeError(off, int64(len(p)), v.n)
	}
	if off >= v.n {
		return 0, io.EOF
	}
	want := min(int64(len(p)), v.n-off)
	n, err := src.readAt(p[:want], v.off+off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (v *view) Bytes() ([]byte, error) {
	src, err := v.useFor(amount{1, v.n})
	if err != nil {
		return nil, err
	}
	defer src.release()
	if !v.immutable {
		return nil, ErrMutable
	}
	return v.hold.pin(src, v.off, v.n)
}

func (v *view) View(fn func(b []byte) error) error {
	src, err := v.useFor(amount{1, v.n})
	if err != nil {
		return err
	}
	defer src.release()
	return src.with(v.off, v.n, fn)
}

func (v *view) Slice(off, n int64) (Container, error) {
	src, err := v.use()
	if err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || off > v.n-n {
		src.release()
		return nil, rangeError(off, n, v.n)
	}
	return newView(src, v.off+off, n), nil
}

func (v *view) Close() error {
	v.hold.close()
	runtime.KeepAlive(v)
	return nil
}

// hold is what a view holds: its source and what was made for it alone. It is
// apart from the view because the cleanup of a dropped view needs it.
type hold struct {
	mu     sync.Mutex // guards all below
	src    *shared    // nil once closed
	sealed *sealedEntry
	bytes  []byte // what Bytes gave out of a map
	unpin  func() // ends the use of bytes; nil while none were given out
	reads  amount

	older, newer *hold // of the same source; guarded by its uses
}

func (h *hold) use(read amount) (*shared, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.src == nil {
		return nil, ErrClosed
	}
	h.reads.add(read)
	return h.src.retain(), nil
}

// pin gives the range's bytes out until the hold is closed. It calls into the
// source without the lock, because a map may have to be asked for.
func (h *hold) pin(src *shared, off, n int64) ([]byte, error) {
	b, unpin, err := src.pin(off, n)
	if err != nil || unpin == nil {
		return b, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.src == nil:
		unpin()
		return nil, ErrClosed
	case h.unpin != nil:
		unpin()
	default:
		h.bytes, h.unpin = b, unpin
	}
	return h.bytes, nil
}

func (h *hold) close() {
	h.mu.Lock()
	src, sealed, unpin := h.src, h.sealed, h.unpin
	h.src, h.sealed, h.bytes, h.unpin = nil, nil, nil, nil
	h.mu.Unlock()
	if unpin != nil {
		unpin()
	}
	if sealed != nil {
		sealed.close()
	}
	if src != nil {
		src.closed(h)
		src.release()
	}
}

// dropped closes the hold of a view that nobody has any more. Bytes that were
// given out may still be in use, and keep everything.
func (h *hold) dropped() {
	h.mu.Lock()
	pinned := h.unpin != nil
	h.mu.Unlock()
	if !pinned {
		h.close()
	}
}
