package pattern

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// Source is bytes that are searched window by window.
type Source struct {
	// With calls fn with n bytes at off, which are valid until it returns. n is never
	// much more than Window, or twice maxText.
	With func(off, n int64, fn func(b []byte) error) error

	// Window is how many bytes are looked at together; 0: 256 KiB.
	Window int64
}

// Span is where a Source is searched.
type Span struct {
	Start  int64 // where its bytes begin: nothing before is looked at
	From   int64 // matches begin here or behind
	Before int64 // and begin before this
	To     int64 // and end here or before: nothing behind is looked at
	Back   bool  // the last match comes first
}

// Search yields the matches in src. It ends after the first error, whose match is empty,
// and ends early, with ctx's error, when ctx ends. Bytes are not held while a match is
// told. Memory is bounded by some megabytes, whatever is found.
//
// To go on after matches were taken, all those of an offset have to be among them. Then
// From is the last one's Offset+1, of a regular expression its End; backwards Before is
// its Offset. To search a regular expression backwards is to search it forwards, from From
// to Before, before the first match is told, and all but the last 4,096 or so once more.
func (p *Pattern) Search(ctx context.Context, src Source, s Span) iter.Seq2[Match, error] {
	if src.Window <= 0 {
		src.Window = defaultWindow
	}
	src.Window = min(src.Window, maxWindow)
	return func(yield func(Match, error) bool) {
		r := &searcher{labour: labour{ctx: ctx}, p: p, src: src, yield: yield, size: src.Window}
		var err error
		switch s.Before = min(s.Before, s.To); {
		case s.From >= s.Before:
		case p.fixed != nil && s.Back:
			err = r.back(s)
		case p.fixed != nil:
			err = r.forward(s)
		case s.Back:
			err = r.backExpression(s)
		default:
			err = r.expression(s, r.yieldAll)
		}
		if err != nil && err != errStop {
			yield(Match{}, err)
		}
	}
}

// defaultWindow fits the processor's cache.
const defaultWindow = 256 << 10

// maxWindow is beyond what memory can have, and far from the largest number.
const maxWindow = 1 << 60

// errStop ends a search whose loop has ended.
var errStop = errors.New("no more matches are wanted")

// searcher is one search.
type searcher struct {
	p     *Pattern
	src   Source
	yield func(Match, error) bool
	found []Match
	size  int64 // of the next window forwards, in bytes
	labour
}

func (r *searcher) yieldAll(all []Match) error {
	for _, m := range all {
		if !r.yield(m, nil) {
			return errStop
		}
	}
	return nil
}

// window finds matches that begin from from to before, and where to go on.
func (r *searcher) window(s Span, from, before int64) (next int64, err error) {
	if err := r.ctx.Err(); err != nil {
		return from, err
	}
	end := before + min(int64(r.p.fixed.reach())-1, s.To-before)
	err = r.src.With(from, end-from, func(b []byte) error {
		found, k := r.p.fixed.find(&r.labour, b, 0, int(before-from), from, r.found)
		r.found, next = found, min(from+int64(k), before)
		return nil
	})
	if err == nil {
		err = r.ctx.Err() // what is found after it has ended is not all there is
	}
	return next, err
}

func (r *searcher) forward(s Span) error {
	for from := s.From; from < s.Before; {
		r.found = r.found[:0]
		next, err := r.window(s, from, from+min(r.size, s.Before-from))
		if err != nil {
			return err
		}
		if err := r.yieldAll(r.found); err != nil {
			return err
		}
		r.done(next - from)
		from = next
	}
	return nil
}

// leastWindow is how small windows become where there are many matches, in bytes.
const leastWindow = 4 << 10

// done sets the size of the window behind one of which n bytes were done: where a batch of
// matches is found in few bytes, a larger one would be read once for each batch in it.
func (r *searcher) done(n int64) { r.size = min(max(2*n, leastWindow), r.src.Window) }

// back looks at windows from the end on. One that has too many matches for a batch is
// made smaller.
func (r *searcher) back(s Span) error {
	size := r.src.Window
	for before := s.Before; before > s.From; {
		from := max(before-size, s.From)
		r.found = r.found[:0]
		next, err := r.window(s, from, before)
		if err != nil {
			return err
		}
		if next < before && before-from > 1 {
			size = (before - from) / 2
			continue
		}
		slices.Reverse(r.found)
		if err := r.yieldAll(r.found); err != nil {
			return err
		}
		before, size = from, min(2*size, r.src.Window)
	}
	return nil
}

// expression finds the matches of a regular expression, and gives them to tell in
// batches.
func (r *searcher) expression(s Span, tell func([]Match) error) error {
	h := r.p.re.newHunt(s)
	defer h.close()
	for !h.ended {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		// One byte before is looked at, and one behind is: it is progress to step over a byte.
		from := max(h.pos-1, s.Start)
		to := from + min(r.size+2, s.To-from)
		found := r.found[:0]
		err := r.src.With(from, to-from, func(b []byte) error {
			found = h.window(b, from, found)
			return nil
		})
		if err != nil {
			return err
		}
		r.found = found
		r.done(min(h.pos, s.Before) - from) // where it has ended it is behind all
		if err := tell(found); err != nil {
			return err
		}
	}
	return nil
}

// backExpression searches forwards and remembers places between matches, from which it
// searches again, from the last on.
func (r *searcher) backExpression(s Span) error {
	m := &marks{room: r.p.re.room, places: []int64{s.From}, stride: r.p.re.room.stride}
	if err := r.expression(s, m.note); err != nil {
		return err
	}
	last := len(m.places) - 1
	if m.since <= m.room.kept {
		s.Before = m.places[last]
		m.places = m.places[:last]
		slices.Reverse(m.last)
		if err := r.yieldAll(m.last); err != nil {
			return err
		}
	}
	m.last = nil
	for _, from := range slices.Backward(m.places) {
		s.From = from
		if err := r.segment(s, m.stride); err != nil {
			return err
		}
		s.Before = from
	}
	return nil
}

// segment yields the matches of s, which are as many as that or fewer.
func (r *searcher) segment(s Span, matches int) error {
	if matches > r.p.re.room.kept {
		return r.backExpression(s)
	}
	var all []Match
	err := r.expression(s, func(found []Match) error {
		all = append(all, found...)
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(all)
	return r.yieldAll(all)
}

// marks are places between matches: there are stride matches from each to the next.
type marks struct {
	room   room
	places []int64
	stride int
	since  int     // matches from the last place on
	last   []Match // which they are, if they are not more than room.kept
}

func (m *marks) note(found []Match) error {
	for _, f := range found {
		if m.since == m.stride {
			m.mark(f.Offset)
		}
		m.since++
		if m.since <= m.room.kept {
			m.last = append(m.last, f)
		}
	}
	return nil
}

// mark remembers a place. When there are too many, every other one is forgotten.
func (m *marks) mark(at int64) {
	if len(m.places) == m.room.marks {
		kept := m.places[:0]
		for i := 0; i < m.room.marks; i += 2 {
			kept = append(kept, m.places[i])
		}
		m.places, m.stride = kept, 2*m.stride
	}
	m.places, m.since, m.last = append(m.places, at), 0, m.last[:0]
}
