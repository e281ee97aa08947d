package container

import (
	"context"
	"errors"
	"io"
)

// extentElsewhere is a Container whose holes another process knows.
type extentElsewhere interface {
	ExtentContext(ctx context.Context, off int64) (start, end int64, err error)
}

// Extent is the first range of c, from start to before end, that can be read and ends
// behind off, cut off there: start is off when off itself can be read. Both are c's size
// when there is none. All of a container can be read, but of a live source with Extents.
func Extent(ctx context.Context, c Container, off int64) (start, end int64, err error) {
	size := c.Size()
	if off < 0 || off > size {
		return 0, 0, rangeError(off, 0, size)
	}
	switch c := c.(type) {
	case *view:
		return c.extent(off)
	case extentElsewhere:
		return c.ExtentContext(ctx, off)
	}
	return off, size, ctx.Err()
}

func (v *view) extent(off int64) (start, end int64, err error) {
	src, err := v.use()
	if err != nil {
		return 0, 0, err
	}
	defer src.release()
	return v.extentOf(src, off)
}

// extentOf is what of the view's source can be read from off on.
func (v *view) extentOf(src *shared, off int64) (start, end int64, err error) {
	h, ok := src.source.(holey)
	if !ok {
		return off, v.n, nil
	}
	start, end, err = h.extent(v.off + off)
	start, end = start-v.off, min(end-v.off, v.n)
	switch {
	case errors.Is(err, io.EOF):
		return v.n, v.n, nil
	case err != nil:
		return 0, 0, err
	case start >= end:
		return v.n, v.n, nil
	}
	return start, end, nil
}

// touching is the end of what can be read from end on without a hole, where that is not farther
// than so many bytes. That it cannot be told is found when somebody comes there.
func (v *view) touching(src *shared, end, enough int64) int64 {
	for first := end; end < v.n && end-first < enough; {
		start, next, err := v.extentOf(src, end)
		if err != nil || start > end || next <= end {
			break
		}
		end = next
	}
	return end
}

// here is err, of the view's source, with offsets in the view.
func (v *view) here(err error) error {
	if g, ok := err.(*gap); ok {
		return &gap{g.at - v.off, g.end - v.off, g.error}
	}
	return err
}
