package hexui

import (
	"context"
	"errors"
	"io"

	"github.com/outwork-go/outwork/container"
)

// maxReads bounds how often one page is read in ever smaller pieces, for those of its
// bytes that can be read. Beyond, the piece is told to be unreadable as a whole.
const maxReads = 128

// errEnded is what a source that ends before its size gets.
var errEnded = errors.New("the bytes end before the size that was told")

// state is what is known of a byte.
type state uint8

const (
	unread state = iota
	good         // read
	stale        // read, and to be read again
	bad          // cannot be read
)

// shown reports whether there is a value to show.
func (s state) shown() bool { return s == good || s == stale }

// piece is a part of a page.
type piece struct{ at, n int }

// readPieces reads c at off into p and tells for each byte whether that is one. What fails
// is cut at the holes that c tells of, else halved, so that only the bytes that cannot be
// read are lost. It returns the first error. When ctx ends, what is left stays unread.
func readPieces(ctx context.Context, c container.Container, off int64, p []byte) (states []state, first error) {
	states = make([]state, len(p))
	todo := []piece{{0, len(p)}}
	for reads := 0; len(todo) > 0; reads++ {
		w := todo[0]
		todo = todo[1:]
		n, err := 0, error(nil)
		if reads < maxReads {
			n, err = readFull(ctx, c, p[w.at:w.at+w.n], off+int64(w.at))
			if ctx.Err() != nil {
				return states, ctx.Err()
			}
			if first == nil {
				first = err
			}
		}
		fill(states[w.at:w.at+n], good)
		w = piece{w.at + n, w.n - n}
		parts := []piece{}
		if errors.Is(err, container.ErrHole) {
			parts, w = around(ctx, c, off, w, states)
		}
		todo = append(append(todo, parts...), split(states, w, reads)...)
	}
	return states, first
}

// around is what of a piece, of a page at off, lies between its first two holes and behind
// them. left is all of it where no hole is known.
func around(ctx context.Context, c container.Container, off int64, w piece, states []state) (parts []piece, left piece) {
	start, stop, err := container.Extent(ctx, c, off+int64(w.at))
	from, to := int(min(start-off, int64(w.at+w.n))), int(min(stop-off, int64(w.at+w.n)))
	if err != nil || from == w.at && to == w.at+w.n {
		return nil, w
	}
	fill(states[w.at:from], bad)
	for _, part := range []piece{{from, to - from}, {to, w.at + w.n - to}} {
		if part.n > 0 {
			parts = append(parts, part)
		}
	}
	return parts, piece{}
}

// split is what of a piece that failed is to be tried again.
func split(states []state, w piece, reads int) []piece {
	switch {
	case w.n == 0:
		return nil
	case w.n == 1 || reads >= maxReads:
		fill(states[w.at:w.at+w.n], bad)
		return nil
	}
	half := (w.n + 1) / 2
	return []piece{{w.at, half}, {w.at + half, w.n - half}}
}

func fill(states []state, s state) {
	for i := range states {
		states[i] = s
	}
}

// readFull is how much of p could be read, and why it was not all.
func readFull(ctx context.Context, c container.Container, p []byte, off int64) (int, error) {
	n, err := container.ReadAt(ctx, c, p, off)
	switch {
	case n >= len(p):
		return len(p), nil
	case err == nil || errors.Is(err, io.EOF):
		err = errEnded
	}
	return max(n, 0), err
}

// hole is how many bytes of c from at to before end are known not to be there: a process's
// memory has terabytes of them, which nobody waits for.
func hole(ctx context.Context, c container.Container, at, end int64) int64 {
	start, _, err := container.Extent(ctx, c, at)
	if err != nil {
		return 0
	}
	return min(start, end) - at
}

// holeBefore is how many bytes of c before end, down to start at the lowest, are known not
// to be there. Only what follows an offset can be asked for: the place is searched for.
func holeBefore(ctx context.Context, c container.Container, start, end int64) int64 {
	for at := end; start < at; { // nothing is there from at on
		middle := start + (at-start)/2
		if hole(ctx, c, middle, end) == end-middle {
			at = middle
		} else {
			start = middle + 1
		}
	}
	return end - start
}
