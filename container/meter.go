package container

import (
	"math"
	"os"
)

// Metered is all of c, which asks charge before each use, for n bytes that are read or
// searched, and fails with its error: searches and reads go by windows of a few MiB at
// most. ok is false, and there is no container, when c is of another package: what its
// methods do is its own. The container has to be closed; c stays the caller's.
func Metered(c Container, charge func(n int64) error) (metered Container, ok bool) {
	v, ok := c.(*view)
	if !ok {
		return nil, false
	}
	src, err := v.use()
	if err != nil {
		return c, true // which is closed, and says so
	}
	return newView(share(&meter{src, charge}), v.off, v.n), true
}

// meter is a source that tells of its use.
type meter struct {
	of     *shared
	charge func(n int64) error
}

func (m *meter) immutable() bool { return m.of.immutable() }
func (m *meter) window() int64   { return min(m.of.window(), lookEvery) }
func (m *meter) close()          { m.of.release() }

func (m *meter) with(off, n int64, fn func(b []byte) error) error {
	if err := m.charge(n); err != nil {
		return err
	}
	return m.of.with(off, n, fn)
}

func (m *meter) readAt(p []byte, off int64) (int, error) {
	if err := m.charge(int64(len(p))); err != nil {
		return 0, err
	}
	return m.of.readAt(p, off)
}

func (m *meter) pin(off, n int64) ([]byte, func(), error) {
	if err := m.charge(n); err != nil {
		return nil, nil, err
	}
	return m.of.pin(off, n)
}

func (m *meter) file(int64, int64) (*os.File, int64, error) { return nil, 0, errStays }

func (m *meter) extent(off int64) (start, end int64, err error) {
	if h, ok := m.of.source.(holey); ok {
		return h.extent(off)
	}
	return off, math.MaxInt64, nil
}
