package container

import (
	"context"
	"io"

	"github.com/outwork-go/outwork/container/pattern"
)

// gap is the error of a use of a source that has nothing from at to before end, as it turned
// out. The error matches ErrHole.
type gap struct {
	at, end int64
	error
}

func (g *gap) Unwrap() error { return g.error }

// gap is err, which says that nothing is at at, with where that ends; or err alone if nobody
// knows. Who knew better before is asked again.
func (l *live) gap(at int64, err error) error {
	end := at
	if l.o.page > 0 {
		end += min(l.o.page-at%l.o.page, l.size-at)
	}
	if start, _, other := l.extent(at); other == nil {
		end = max(end, start)
	} else if other == io.EOF {
		end = l.size
	}
	if end <= at {
		return err
	}
	return &gap{at, end, err}
}

// maxPieces bounds what a search notes to do of a part in which there are holes.
const maxPieces = 64 << 10

// walk is a search that goes around the holes that it meets.
type walk struct {
	ctx   context.Context
	p     *pattern.Pattern
	src   pattern.Source
	yield func(pattern.Match, error) bool
	apart bool           // matches do not overlap
	todo  []pattern.Span // the next one last
}

// over searches a part. It reports whether to go on.
func (w *walk) over(part pattern.Span) bool {
	w.todo = append(w.todo[:0], part)
	for len(w.todo) > 0 {
		last := len(w.todo) - 1
		s := w.todo[last]
		w.todo = w.todo[:last]
		var told pattern.Match
		for m, err := range w.p.Search(w.ctx, w.src, s) {
			if err != nil {
				if err = w.around(w.behind(s, told), err); err == nil {
					break
				}
			}
			if !w.yield(m, err) || err != nil {
				return false
			}
			told = m
		}
	}
	return true
}

// behind is what is left of s when all matches up to m were told; none was if that is empty.
func (w *walk) behind(s pattern.Span, m pattern.Match) pattern.Span {
	switch {
	case m.Length == 0:
	case s.Back:
		s.Before = m.Offset
	case w.apart:
		s.From = m.End()
	default:
		s.From = m.Offset + 1
	}
	return s
}

// around notes what there is of s on both sides of a hole, if err is one; else it returns err.
func (w *walk) around(s pattern.Span, err error) error {
	g, ok := err.(*gap)
	if !ok || g.at < s.Start || g.at >= s.To || len(w.todo) >= maxPieces {
		return err
	}
	end := min(g.end, s.To)
	if g.at == s.Start { // a second page in a row: how many are there?
		if end, err = w.readable(end, s.To); err != nil {
			return err
		}
	}
	front, back := s, s
	front.To = g.at
	back.Start, back.From = end, max(s.From, end)
	pieces := []pattern.Span{back, front}
	if s.Back {
		pieces = []pattern.Span{front, back}
	}
	for _, piece := range pieces {
		if piece.From < min(piece.Before, piece.To) {
			w.todo = append(w.todo, piece)
		}
	}
	return nil
}

// readable is the first place from at to before to that can be read, or to.
func (w *walk) readable(at, to int64) (int64, error) {
	for at < to {
		if err := w.ctx.Err(); err != nil {
			return at, err
		}
		g, ok := w.src.With(at, 1, func([]byte) error { return nil }).(*gap)
		if !ok {
			break // the search says what else is wrong
		}
		at = min(g.end, to)
	}
	return at, nil
}
