package pages

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/outwork-go/outwork/container"
)

// MaxView is how many bytes Bytes and View read into memory.
const MaxView = container.MaxFileView

// view is a range of a Source.
type view struct {
	s      *Source
	off, n int64

	mu     sync.Mutex // guards what follows
	closed bool
	bytes  []byte // what Bytes has read
}

var _ container.Container = (*view)(nil)

// Container is a view of all of the source. Closing it, or its slices, lets go what
// its Bytes read, and no more: pages are kept for others.
func (s *Source) Container() container.Container { return &view{s: s, n: s.size} }

func (v *view) Size() int64     { return v.n }
func (v *view) Immutable() bool { return v.s.immutable }

func (v *view) open() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return container.ErrClosed
	}
	return nil
}

func (v *view) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed, v.bytes = true, nil
	return nil
}

func (v *view) Slice(off, n int64) (container.Container, error) {
	if err := v.open(); err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || off > v.n-n {
		return nil, outside(off, n, v.n)
	}
	return &view{s: v.s, off: v.off + off, n: n}, nil
}

func (v *view) ReadAt(p []byte, off int64) (int, error) {
	return v.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext is for container.ReadAt.
func (v *view) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if err := v.open(); err != nil {
		return 0, err
	}
	switch {
	case off < 0:
		return 0, outside(off, int64(len(p)), v.n)
	case off >= v.n:
		return 0, io.EOF
	}
	want := min(int64(len(p)), v.n-off)
	v.s.count(func(st *container.Stats) { st.Reads, st.Bytes = st.Reads+1, st.Bytes+want })
	n, err := v.s.readAt(ctx, p[:want], v.off+off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Bytes reads the bytes once, and keeps them until Close.
func (v *view) Bytes() ([]byte, error) {
	if err := v.open(); err != nil {
		return nil, err
	}
	if !v.s.immutable {
		return nil, container.ErrMutable
	}
	b, err := v.all()
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return nil, container.ErrClosed
	case v.bytes == nil:
		v.bytes = b
	}
	return v.bytes, nil
}

func (v *view) View(fn func(b []byte) error) error {
	if err := v.open(); err != nil {
		return err
	}
	b, err := v.all()
	if err != nil {
		return err
	}
	return fn(b)
}

// all is the bytes in memory: those that Bytes has read, or new ones.
func (v *view) all() ([]byte, error) {
	v.mu.Lock()
	b := v.bytes
	v.mu.Unlock()
	if b != nil {
		return b, nil
	}
	if v.n > MaxView {
		return nil, fmt.Errorf("%s: its %d bytes are more than the %d that are read at once; use ReadAt, Find or All", v.s.name, v.n, MaxView)
	}
	v.s.count(func(st *container.Stats) { st.Reads, st.Bytes = st.Reads+1, st.Bytes+v.n })
	b = make([]byte, v.n)
	_, err := v.s.readAt(context.Background(), b, v.off)
	return b, err
}

// SHA256Context is for container.SHA256.
func (v *view) SHA256Context(ctx context.Context) (sum [sha256.Size]byte, err error) {
	b, err := v.HashContext(ctx, container.HashSHA256)
	copy(sum[:], b)
	return sum, err
}

// HashContext is for container.XXH3 and others.
func (v *view) HashContext(ctx context.Context, algorithm string) ([]byte, error) {
	if err := v.open(); err != nil {
		return nil, err
	}
	v.s.count(func(st *container.Stats) { st.Hashes, st.Hashed = st.Hashes+1, st.Hashed+v.n })
	b, err := v.s.peer.Hash(ctx, v.s.share, algorithm, v.off, v.n)
	if errors.Is(err, errors.ErrUnsupported) {
		return container.Hash(ctx, here{v}, algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: hash of %d bytes at %d: %w", v.s.name, v.n, v.off, err)
	}
	return b, nil
}

// CompareContext is for container.Compare.
func (v *view) CompareContext(ctx context.Context, b container.Container, n int64) (at int64, ok bool, err error) {
	w, ok := b.(*view)
	if !ok || w.s.peer != v.s.peer {
		return -1, false, nil
	}
	if err := errors.Join(v.open(), w.open()); err != nil {
		return -1, true, err
	}
	v.s.count(func(st *container.Stats) { st.Hashes, st.Hashed = st.Hashes+1, st.Hashed+n })
	at, err = v.s.peer.Compare(ctx, v.s.share, v.off, w.s.share, w.off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		return -1, false, nil
	}
	if err != nil {
		return -1, true, fmt.Errorf("%s: compare %d bytes at %d with %s at %d: %w", v.s.name, n, v.off, w.s.name, w.off, err)
	}
	return at, true, nil
}

// ExtentContext is for container.Extent.
func (v *view) ExtentContext(ctx context.Context, off int64) (start, end int64, err error) {
	if err := v.open(); err != nil {
		return 0, 0, err
	}
	start, end, err = v.s.peer.Extent(ctx, v.s.share, v.off+off)
	switch start, end = max(start-v.off, 0), min(end-v.off, v.n); {
	case errors.Is(err, errors.ErrUnsupported):
		return off, v.n, nil
	case err != nil:
		return 0, 0, fmt.Errorf("%s: what can be read at %d: %w", v.s.name, v.off+off, err)
	case start >= end:
		return v.n, v.n, nil
	}
	return start, end, nil
}

// here hides that the bytes are elsewhere: what is done with it reads them.
type here struct{ container.Container }
