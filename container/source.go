package container

import (
	"os"
	"sync/atomic"
)

// source is the bytes beneath a view and its slices. It leaves the checking
// of ranges to the views.
type source interface {
	immutable() bool

	// with calls fn with n bytes at off, valid during fn.
	with(off, n int64, fn func(b []byte) error) error

	// readAt fills p from off, or fails.
	readAt(p []byte, off int64) (int, error)

	// window is how many bytes are best searched at a time.
	window() int64

	// pin is n bytes at off, valid until unpin, which is nil if the garbage
	// collector looks after them. It is asked only of immutable sources.
	pin(off, n int64) (b []byte, unpin func(), err error)

	// file is a new descriptor of a file that has n bytes at off, and
	// where they begin in it; nil when the bytes have to be copied.
	file(off, n int64) (f *os.File, at int64, err error)

	// close is called once, after all else has returned.
	close()
}

// shared counts who uses a source, and closes it after the last.
type shared struct {
	source
	users atomic.Int64
	*uses
}

// share is src with one user.
func share(src source) *shared {
	s := &shared{source: src, uses: &uses{}}
	return s.retain()
}

func (s *shared) retain() *shared {
	s.users.Add(1)
	return s
}

func (s *shared) release() {
	if s.users.Add(-1) == 0 {
		s.close()
	}
}

// memoryWindow is beyond every size: memory is searched where it is.
const memoryWindow = 1 << 62

// heap is bytes of this process that nobody writes to.
type heap struct{ b []byte }

// FromBytes is a container of b, without a copy. The caller must not change b
// from then on. When it is passed to another process, bytes above InlineMax
// are copied once into sealed memory, which is kept for the next time.
func FromBytes(b []byte) Container {
	return newView(share(heap{b}), 0, int64(len(b)))
}

func (h heap) immutable() bool { return true }
func (h heap) window() int64   { return memoryWindow }
func (h heap) close()          {}

func (h heap) slice(off, n int64) []byte { return h.b[off : off+n : off+n] }

func (h heap) with(off, n int64, fn func(b []byte) error) error {
	return fn(h.slice(off, n))
}

func (h heap) readAt(p []byte, off int64) (int, error) {
	return copy(p, h.b[off:]), nil
}

func (h heap) pin(off, n int64) ([]byte, func(), error) {
	return h.slice(off, n), nil, nil
}

func (h heap) file(int64, int64) (*os.File, int64, error) {
	return nil, 0, nil
}
