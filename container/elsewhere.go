package container

import (
	"context"
	"crypto/sha256"
	"iter"

	"github.com/outwork-go/outwork/container/pattern"
)

// lookEvery is how many bytes are searched or hashed between two looks at a
// context, and lookMatches how many matches are told.
const (
	lookEvery   = 16 << 20
	lookMatches = 4096
)

// elsewhere is a Container whose bytes stay in another process, which searches and
// hashes them there: one request for what here goes window by window.
type elsewhere interface {
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
	FindContext(ctx context.Context, pattern []byte, from int64) (int64, error)
	AllContext(ctx context.Context, pattern []byte) iter.Seq2[int64, error]
	CountContext(ctx context.Context, pattern []byte) (int64, error)
	SearchContext(ctx context.Context, p *pattern.Pattern, r Range) iter.Seq2[pattern.Match, error]
	SHA256Context(ctx context.Context) ([sha256.Size]byte, error)
}

// ReadAt is c.ReadAt, which ends early, with ctx's error, when c's bytes stay in
// another process and ctx ends. Elsewhere ctx is looked at once.
func ReadAt(ctx context.Context, c Container, p []byte, off int64) (int, error) {
	if e, ok := c.(elsewhere); ok {
		return e.ReadAtContext(ctx, p, off)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return c.ReadAt(p, off)
}

// Find is c.Find, which ends early, with ctx's error, when ctx ends: it is looked at
// every 16 MiB.
func Find(ctx context.Context, c Container, pattern []byte, from int64) (int64, error) {
	if e, ok := c.(elsewhere); ok {
		return e.FindContext(ctx, pattern, from)
	}
	if err := searchError(pattern, from, c.Size()); err != nil {
		return -1, err
	}
	for w, err := range spans(ctx, c, int64(len(pattern)), from) {
		if err != nil {
			return -1, err
		}
		if at, err := w.find(c, pattern); at >= 0 || err != nil {
			return at, err
		}
	}
	return -1, nil
}

// All is c.All, which ends early, with ctx's error, when ctx ends: it is looked at
// every 16 MiB and every 4,096 matches.
func All(ctx context.Context, c Container, pattern []byte) iter.Seq2[int64, error] {
	if e, ok := c.(elsewhere); ok {
		return e.AllContext(ctx, pattern)
	}
	return func(yield func(int64, error) bool) {
		if err := searchError(pattern, 0, c.Size()); err != nil {
			yield(-1, err)
			return
		}
		for w, err := range spans(ctx, c, int64(len(pattern)), 0) {
			if err != nil {
				yield(-1, err)
				return
			}
			if !w.all(ctx, c, pattern, yield) {
				return
			}
		}
	}
}

// Count is how many matches of pattern c has, overlapping ones too. What stays in
// another process is counted there. It ends early, with ctx's error, when ctx ends.
func Count(ctx context.Context, c Container, pattern []byte) (n int64, err error) {
	if e, ok := c.(elsewhere); ok {
		return e.CountContext(ctx, pattern)
	}
	for _, err := range All(ctx, c, pattern) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// searchError is the error for a search that makes no sense.
func searchError(pattern []byte, from, size int64) error {
	switch {
	case from < 0 || from > size:
		return rangeError(from, int64(len(pattern)), size)
	case len(pattern) == 0:
		return errEmptyPattern
	}
	return nil
}

// span is a part of a container.
type span struct{ off, n int64 }

// spans cover every place from from on where pattern bytes of c may be, each place once: they
// overlap by all but one byte of the pattern, and none begins in a hole. They end with ctx's
// error when ctx ends.
func spans(ctx context.Context, c Container, pattern, from int64) iter.Seq2[span, error] {
	return func(yield func(span, error) bool) {
		size := c.Size()
		for at := from; pattern <= size-at; at += lookEvery {
			err := ctx.Err()
			if err == nil {
				at, _, err = Extent(ctx, c, at)
			}
			if err != nil {
				yield(span{}, err)
				return
			}
			if pattern > size-at || !yield(span{at, min(lookEvery+pattern-1, size-at)}, nil) {
				return
			}
			if lookEvery > size-at {
				return // at may not become that large
			}
		}
	}
}

// find is the offset in c of the first match inside w, or -1.
func (w span) find(c Container, pattern []byte) (int64, error) {
	part, err := c.Slice(w.off, w.n)
	if err != nil {
		return -1, err
	}
	defer part.Close()
	at, err := part.Find(pattern, 0)
	if err != nil || at < 0 {
		return -1, err
	}
	return w.off + at, nil
}

// all yields the offsets in c of the matches inside w. It reports whether to go on.
func (w span) all(ctx context.Context, c Container, pattern []byte, yield func(int64, error) bool) bool {
	part, err := c.Slice(w.off, w.n)
	if err != nil {
		yield(-1, err)
		return false
	}
	defer part.Close()
	matches := 0
	for at, err := range part.All(pattern) {
		if matches++; err == nil && matches%lookMatches == 0 {
			err = ctx.Err()
		}
		if err != nil {
			yield(-1, err)
			return false
		}
		if !yield(w.off+at, nil) {
			return false
		}
	}
	return true
}
