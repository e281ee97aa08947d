package container

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/outwork-go/outwork/container/pattern"
)

// Range is where to search. The zero value is all of a container, forwards.
type Range struct {
	From   int64 // matches begin here or behind
	To     int64 // and end here or before; 0: the end. A $ of a regular expression matches here
	Before int64 // and begin before this; 0: anywhere
	Back   bool  // the last match comes first
}

// findWindow is how many bytes of memory are searched between two looks at a context. It
// is large enough that looking costs nothing.
const findWindow = 1 << 20

// Search yields the matches of p in c. It starts at once, ends after the first error, whose
// match is empty, and ends early, with ctx's error, when ctx ends. What stays in another
// process is searched there. Its memory is bounded, whatever is found.
//
// Backwards it yields what it does forwards, in the reverse order. For that a regular
// expression is searched for from From to Before at first, and part by part once more as
// matches are taken: who wants the last one before a place sets a From that is near it.
//
// To go on in another search, take all matches of the same offset. Then From is the last
// one's Offset+1, of a regular expression its End, and backwards Before is its Offset; when
// that is 0, there are no more.
func Search(ctx context.Context, c Container, p *pattern.Pattern, r Range) iter.Seq2[pattern.Match, error] {
	if e, ok := c.(elsewhere); ok {
		return e.SearchContext(ctx, p, r)
	}
	return SearchHere(ctx, c, p, r)
}

// SearchHere is Search in this process, whatever c is: it reads what it searches.
func SearchHere(ctx context.Context, c Container, p *pattern.Pattern, r Range) iter.Seq2[pattern.Match, error] {
	return func(yield func(pattern.Match, error) bool) {
		s, err := r.span(c.Size())
		if err != nil {
			yield(pattern.Match{}, err)
			return
		}
		src, parts := sourceOf(ctx, c)
		w := &walk{ctx: ctx, p: p, src: src, yield: yield, apart: p.Spec().Kind == pattern.KindRegexp}
		for part, err := range parts(s) {
			if err != nil {
				yield(pattern.Match{}, err)
				return
			}
			if !w.over(part) {
				return
			}
		}
	}
}

// countsElsewhere is a Container whose bytes stay in another process, which counts matches
// there.
type countsElsewhere interface {
	CountMatchesContext(ctx context.Context, p *pattern.Pattern, r Range) (int64, error)
}

// CountMatches is how many matches Search would yield. What stays in another process is
// counted there. It ends early, with ctx's error, when ctx ends.
func CountMatches(ctx context.Context, c Container, p *pattern.Pattern, r Range) (n int64, err error) {
	if e, ok := c.(countsElsewhere); ok {
		return e.CountMatchesContext(ctx, p, r)
	}
	for _, err := range Search(ctx, c, p, r) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// span is the range in a container of size bytes.
func (r Range) span(size int64) (pattern.Span, error) {
	s := pattern.Span{From: r.From, To: r.To, Before: r.Before, Back: r.Back}
	if s.To == 0 {
		s.To = size
	}
	if s.Before == 0 {
		s.Before = s.To
	}
	switch {
	case r.From < 0 || r.From > size || r.To < 0 || r.To > size || r.Before < 0:
		return s, fmt.Errorf("search from %d to %d, before %d: %w of %d bytes", r.From, r.To, r.Before, ErrRange, size)
	case s.From > s.To:
		return s, fmt.Errorf("search from %d to %d: that is backwards; say so with Back", r.From, r.To)
	}
	return s, nil
}

// parts are what a span consists of that can be read, in the order of the search.
type parts func(pattern.Span) iter.Seq2[pattern.Span, error]

// sourceOf is how c is searched.
func sourceOf(ctx context.Context, c Container) (pattern.Source, parts) {
	switch c := c.(type) {
	case *view:
		return c.searched(), func(s pattern.Span) iter.Seq2[pattern.Span, error] { return c.parts(ctx, s) }
	case extentElsewhere:
		return reading(ctx, c.(Container)), func(s pattern.Span) iter.Seq2[pattern.Span, error] {
			return around(ctx, s, func(at int64) (int64, int64, error) { return c.ExtentContext(ctx, at) })
		}
	}
	return reading(ctx, c), whole
}

func whole(s pattern.Span) iter.Seq2[pattern.Span, error] {
	return func(yield func(pattern.Span, error) bool) { yield(s, nil) }
}

// searched is the view's bytes. They are held only while a window is looked at.
func (v *view) searched() pattern.Source {
	with := func(off, n int64, fn func([]byte) error) error {
		src, err := v.use()
		if err != nil {
			return err
		}
		defer src.release()
		v.uses.searched(n)
		return v.here(src.with(v.off+off, n, fn))
	}
	window := int64(findWindow)
	if src, err := v.use(); err == nil {
		window = min(window, src.window())
		src.release()
	}
	return pattern.Source{With: with, Window: window}
}

// reading is the bytes of any container, which are read into a buffer.
func reading(ctx context.Context, c Container) pattern.Source {
	return pattern.Source{Window: fileWindow, With: func(off, n int64, fn func([]byte) error) error {
		b, done := buffer(int(n))
		defer done()
		if k, err := ReadAt(ctx, c, b, off); k < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("search at %d: %w", off, err)
		}
		return fn(b)
	}}
}

// holey is a source with parts that cannot be read.
type holey interface {
	// extent is the first part that can be read at off or behind, cut off at off; an
	// error that matches io.EOF says that there is none.
	extent(off int64) (start, end int64, err error)
}

// parts is whole, or for a source with holes around.
func (v *view) parts(ctx context.Context, s pattern.Span) iter.Seq2[pattern.Span, error] {
	src, err := v.use()
	if err != nil {
		return whole(s) // which fails
	}
	defer src.release()
	if _, ok := src.source.(holey); !ok {
		return whole(s)
	}
	return around(ctx, s, v.extent)
}

// around leaves out what cannot be read: a match cannot lie there, and for a regular
// expression the text ends and begins there. extent is as Extent.
func around(ctx context.Context, s pattern.Span, extent func(at int64) (start, end int64, err error)) iter.Seq2[pattern.Span, error] {
	return func(yield func(pattern.Span, error) bool) {
		all, err := readable(ctx, s, extent)
		if err != nil {
			yield(s, err)
			return
		}
		if s.Back {
			slices.Reverse(all)
		}
		for _, part := range all {
			if !yield(part, nil) {
				return
			}
		}
	}
}

// beyond is how far behind Before what touches is looked for, in bytes: a match that is longer
// ends there.
const beyond = 64 << 20

// readable is the parts of s that can be read. Ranges that touch are one, and there may be very
// many of them: ctx ends the asking.
func readable(ctx context.Context, s pattern.Span, extent func(at int64) (start, end int64, err error)) (all []pattern.Span, err error) {
	before := min(s.To, s.Before)
	more := func(at int64) bool { // a match may begin there, or go on
		last := len(all) - 1
		return at < before || last >= 0 && at < s.To && at-before < beyond && all[last].To == at
	}
	for at := max(s.From-1, 0); more(at); {
		start, end, err := extent(at)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if start >= end {
			break
		}
		at = end
		if last := len(all) - 1; last >= 0 && all[last].To == start {
			all[last].To = min(end, s.To)
		} else if start < before {
			part := s
			part.Start, part.From, part.To = start, max(s.From, start), min(end, s.To)
			all = append(all, part)
		}
	}
	return slices.DeleteFunc(all, func(part pattern.Span) bool { return part.From >= part.To }), nil
}
