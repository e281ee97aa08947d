package starlark

import (
	"iter"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
)

// A container searches all of its bytes in one call, which no context ends. So
// it is searched here in windows that overlap by the pattern.

// first is the built-in find: an offset within v, or None.
func (v *containerValue) first(r *run, p pattern, start int64) (starlark.Value, error) {
	if start < 0 {
		return nil, errNegative("find", "start", start)
	}
	for w := range v.windows(int64(len(p)), start) {
		if err := r.interrupted(); err != nil {
			return nil, err
		}
		at, err := w.find(v.c, p)
		if err != nil {
			return nil, err
		}
		if at >= 0 {
			return starlark.MakeInt64(at - v.off), nil
		}
	}
	return starlark.None, nil
}

// all yields the offsets within v of all matches in order. It ends after the
// first error.
func (v *containerValue) all(r *run, p pattern) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for w := range v.windows(int64(len(p)), 0) {
			if !w.all(r, v, p, yield) {
				return
			}
		}
	}
}

// window is a part of a container, by its offsets there.
type window struct{ off, n int64 }

// windows cover every place at or after start where size bytes of v fit, each
// place once.
func (v *containerValue) windows(size, start int64) iter.Seq[window] {
	return func(yield func(window) bool) {
		for at := start; at <= v.n-size; at += searchChunk {
			w := window{off: v.off + at, n: min(searchChunk+size-1, v.n-at)}
			if !yield(w) {
				return
			}
		}
	}
}

// find is the offset in c of the first match inside w, or -1.
func (w window) find(c container.Container, p pattern) (int64, error) {
	part, err := c.Slice(w.off, w.n)
	if err != nil {
		return -1, err
	}
	defer part.Close()
	at, err := part.Find(p, 0)
	if err != nil || at < 0 {
		return -1, err
	}
	return w.off + at, nil
}

func (w window) all(r *run, v *containerValue, p pattern, yield func(int64, error) bool) bool {
	part, err := v.c.Slice(w.off, w.n)
	if err != nil {
		return yield(0, err) && false
	}
	defer part.Close()
	const look = 1 << 12 // matches between two looks at the context
	matches := 0
	for at, err := range part.All(p) {
		if err == nil && matches%look == 0 {
			err = r.interrupted()
		}
		if !yield(w.off-v.off+at, err) || err != nil {
			return false
		}
		matches++
	}
	if err := r.interrupted(); err != nil {
		return yield(0, err) && false
	}
	return true
}
