package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

const (
	// maxPattern is how many bytes are searched for at the peer. Of what is longer the
	// beginning is, and the rest is looked at here, where that was found; but not
	// where there is more to it than bytes: see maxTexts.
	maxPattern = 8 << 10

	// maxTexts is how many texts, and maxTotal how many bytes of them with textRoom for
	// each, go to the peer as a pattern. What is more is looked for here: all is read.
	maxTexts = 4096
	maxTotal = 48 << 10
	textRoom = 4

	firstBatch = 1024  // matches of the first answer, so that it comes soon
	maxBatch   = 65536 // and of later ones
)

var errEmptyPattern = errors.New("an empty pattern matches everywhere")

func (v *view) Find(text []byte, from int64) (int64, error) {
	return v.FindContext(context.Background(), text, from)
}

func (v *view) All(text []byte) iter.Seq2[int64, error] {
	return v.AllContext(context.Background(), text)
}

// FindContext is for container.Find.
func (v *view) FindContext(ctx context.Context, text []byte, from int64) (int64, error) {
	for at, err := range v.places(ctx, text, from, 1) {
		return at, err
	}
	return -1, nil
}

// AllContext is for container.All.
func (v *view) AllContext(ctx context.Context, text []byte) iter.Seq2[int64, error] {
	return v.places(ctx, text, 0, firstBatch)
}

// CountContext is for container.Count.
func (v *view) CountContext(ctx context.Context, text []byte) (n int64, err error) {
	if len(text) > maxPattern {
		for _, err := range v.places(ctx, text, 0, firstBatch) {
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	}
	if err := v.check(text, 0); err != nil {
		return 0, err
	}
	found, err := v.search(ctx, Search{Spec: plain(text), From: v.off, Before: v.off + v.n, To: v.off + v.n, Count: true})
	return found.Count, err
}

// plain is the pattern of these bytes.
func plain(text []byte) pattern.Spec { return pattern.Spec{Texts: [][]byte{text}} }

func (v *view) check(text []byte, from int64) error {
	switch err := v.open(); {
	case err != nil:
		return err
	case from < 0 || from > v.n:
		return outside(from, int64(len(text)), v.n)
	case len(text) == 0:
		return errEmptyPattern
	}
	return nil
}

// places yields where text is, at or after from. At first limit places are asked for at
// once, and then ever more.
func (v *view) places(ctx context.Context, text []byte, from, limit int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		if err := v.check(text, from); err != nil {
			yield(-1, err)
			return
		}
		head := text[:min(len(text), maxPattern)]
		rest := text[len(head):]
		to := v.off + v.n - int64(len(rest))
		s := Search{Spec: plain(head), From: v.off + from, Before: to, To: to, Limit: limit}
		for m, err := range v.batches(ctx, s) {
			is := true
			if err == nil && len(rest) > 0 {
				is, err = v.continues(ctx, rest, m.End())
			}
			if err != nil {
				yield(-1, err)
				return
			}
			if is && !yield(m.Offset-v.off, nil) {
				return
			}
		}
	}
}

// batches yields what s finds, in the source's offsets, ever more at a time.
func (v *view) batches(ctx context.Context, s Search) iter.Seq2[pattern.Match, error] {
	return func(yield func(pattern.Match, error) bool) {
		for s.From < s.Before {
			found, err := v.search(ctx, s)
			if err != nil {
				yield(pattern.Match{}, err)
				return
			}
			for _, m := range found.Matches {
				if !yield(m, nil) {
					return
				}
			}
			if found.Next < 0 {
				return
			}
			if s.Back {
				s.Before = found.Next
			} else {
				s.From = found.Next
			}
			s.Limit = min(8*s.Limit, maxBatch)
		}
	}
}

// continues reports whether rest is at that place of the source.
func (v *view) continues(ctx context.Context, rest []byte, at int64) (bool, error) {
	room := make([]byte, min(len(rest), page))
	for len(rest) > 0 {
		b := room[:min(len(rest), page)]
		if _, err := v.s.readAt(ctx, b, at); err != nil || !bytes.Equal(b, rest[:len(b)]) {
			return false, err
		}
		rest, at = rest[len(b):], at+int64(len(b))
	}
	return true, nil
}

func (v *view) search(ctx context.Context, s Search) (Found, error) {
	if err := v.open(); err != nil { // it may have been closed between two batches
		return Found{}, err
	}
	if s.From >= s.Before {
		return Found{Next: -1}, nil
	}
	found, err := v.s.peer.Search(ctx, v.s.share, s)
	if err != nil {
		return found, fmt.Errorf("%s: search from %d to %d: %w", v.s.name, s.From, s.To, err)
	}
	v.s.count(func(st *container.Stats) { st.Searches, st.Searched = st.Searches+1, st.Searched+s.over(found.Next) })
	return found, nil
}

// over is how many bytes a search went over that is to go on at next.
func (s *Search) over(next int64) int64 {
	switch {
	case next < 0:
		return s.Before - s.From
	case s.Back:
		return s.Before - next
	}
	return next - s.From
}

// fits reports whether the peer is asked for a pattern.
func fits(s pattern.Spec) bool {
	total := 0
	for _, text := range s.Texts {
		total += len(text) + textRoom
	}
	return len(s.Texts) <= maxTexts && total <= maxTotal
}

// SearchContext is for container.Search.
func (v *view) SearchContext(ctx context.Context, p *pattern.Pattern, r container.Range) iter.Seq2[pattern.Match, error] {
	return func(yield func(pattern.Match, error) bool) {
		s, err := v.ranged(r)
		if err != nil {
			yield(pattern.Match{}, err)
			return
		}
		s.Spec, s.Limit = p.Spec(), firstBatch
		told := false
		// The manager would look at what lies before a slice.
		unfit := !fits(s.Spec) || v.off > 0 && p.LooksBehind()
		if !unfit {
			for m, err := range v.batches(ctx, s) {
				if unfit = !told && errors.Is(err, errors.ErrUnsupported); unfit {
					break
				}
				m.Offset -= v.off
				if told = true; err != nil {
					yield(pattern.Match{}, err)
					return
				}
				if !yield(m, nil) {
					return
				}
			}
		}
		if unfit {
			container.SearchHere(ctx, v, p, r)(yield)
		}
	}
}

// CountMatchesContext is for container.CountMatches.
func (v *view) CountMatchesContext(ctx context.Context, p *pattern.Pattern, r container.Range) (n int64, err error) {
	s, err := v.ranged(r)
	if err != nil {
		return 0, err
	}
	s.Spec, s.Count = p.Spec(), true
	if err = errors.ErrUnsupported; s.From >= s.Before {
		return 0, nil
	}
	if fits(s.Spec) && (v.off == 0 || !p.LooksBehind()) {
		var found Found
		if found, err = v.search(ctx, s); err == nil {
			return found.Count, nil
		}
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		return 0, err
	}
	for _, err := range container.SearchHere(ctx, v, p, r) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// ranged is the search of a range.
func (v *view) ranged(r container.Range) (Search, error) {
	if err := v.open(); err != nil {
		return Search{}, err
	}
	to := r.To
	if to == 0 {
		to = v.n
	}
	if r.From < 0 || r.From > to || to > v.n || r.Before < 0 {
		return Search{}, outside(r.From, to-r.From, v.n)
	}
	before := to
	if r.Before > 0 {
		before = min(before, r.Before)
	}
	return Search{From: v.off + r.From, Before: v.off + before, To: v.off + to, Back: r.Back}, nil
}
