package pattern

import (
	"bytes"
	"context"
	"slices"
)

// batch is how many matches are looked for before they are told. One offset's matches
// stay together, so that there may be more.
const batch = 4096

// maxWork is how many bytes are compared, besides those that are passed once, before a
// search looks at its context.
const maxWork = 16 << 20

// labour is what a search has done since it looked at its context, and what it has learnt.
type labour struct {
	ctx   context.Context
	work  int
	ended bool

	block  int       // of automaton.find; 0: not known yet
	places [][]place // of gapped.find: room
}

// stop reports, after work more bytes, whether ctx has ended: what is found from then on
// is not told.
func (l *labour) stop(work int) bool {
	if l.work += work; l.work >= maxWork {
		l.work, l.ended = 0, l.ctx.Err() != nil
	}
	return l.ended
}

// fixed is a pattern whether which fits at an offset is told by the bytes there, and no
// others.
type fixed interface {
	// reach is how many bytes the longest match has.
	reach() int

	// find appends to found the matches in b that begin in b[from:n], in order, each
	// offset plus base. It may stop early, when found has a batch or l says so, and
	// returns where to go on, n or more if nothing is left.
	find(l *labour, b []byte, from, n int, base int64, found []Match) ([]Match, int)
}

// run is bytes in a row: a byte x fits in place i if x&mask[i] == value[i].
type run struct {
	value []byte
	mask  []byte // nil: all bits count
}

func (r run) fits(b []byte) bool {
	if r.mask == nil {
		return bytes.HasPrefix(b, r.value)
	}
	if len(b) < len(r.value) {
		return false
	}
	b = b[:len(r.value)]
	mask := r.mask[:len(r.value)]
	for i, v := range r.value {
		if b[i]&mask[i] != v {
			return false
		}
	}
	return true
}

// finder looks for a run by the part of it that is rarest: a literal, or one place that
// one or two bytes fit, or else whatever there is.
type finder struct {
	run
	at      int     // place in the run of what is looked for
	literal []byte  // nil if it is:
	one     [2]byte // the bytes that fit there; twice the same if only one does
	any     bool    // or more than two fit: every offset is tried
}

func newFinder(r run) *finder {
	f := &finder{run: r}
	if r.mask == nil {
		f.literal = r.value
		return f
	}
	if f.longest(); len(f.literal) >= 3 && !flat(f.literal) {
		return f
	}
	f.literal, f.any, f.at = nil, true, 0
	best := 256
	for i, m := range r.mask {
		c := r.value[i]
		switch {
		case m == 0xFF:
			if common(c) < best {
				best, f.at, f.one, f.any = common(c), i, [2]byte{c, c}, false
			}
		case m == 0xDF && letter(c):
			if k := common(c) + common(c|0x20); k < best {
				best, f.at, f.one, f.any = k, i, [2]byte{c, c | 0x20}, false
			}
		}
	}
	return f
}

// longest makes the longest part of the run that has no gap the literal.
func (f *finder) longest() {
	for i := 0; i < len(f.mask); {
		j := i
		for j < len(f.mask) && f.mask[j] == 0xFF {
			j++
		}
		if j-i > len(f.literal) {
			f.at, f.literal = i, f.value[i:j]
		}
		i = j + 1
	}
}

// flat reports whether b is of one byte that files are filled with.
func flat(b []byte) bool {
	return (b[0] == 0 || b[0] == 0xFF) && len(bytes.TrimLeft(b, string(b[:1]))) == 0
}

// common is how often a byte is met in programs and texts, from 0 to 255, roughly.
func common(c byte) int {
	switch {
	case c == 0:
		return 255
	case c == 0xFF || c == ' ':
		return 100
	case bytes.IndexByte([]byte("etaoinsr"), c) >= 0:
		return 60
	case c >= 'a' && c <= 'z':
		return 30
	case c < 0x20 || c == 0x48 || c == 0x8B || c == 0x89:
		return 40
	case c >= '0' && c <= '9':
		return 25
	}
	return 10
}

func (f *finder) reach() int { return len(f.value) }

func (f *finder) find(l *labour, b []byte, from, n int, base int64, found []Match) ([]Match, int) {
	last := min(n, len(b)-len(f.value)+1)
	c := f.candidates(b, last)
	for from < last {
		i := c.next(from)
		if i < 0 {
			break
		}
		from = i + 1
		if f.mask == nil || f.fits(b[i:]) {
			found = append(found, Match{Offset: base + int64(i), Length: int64(len(f.value))})
		}
		if len(found) >= batch || l.stop(len(f.value)) {
			return found, from
		}
	}
	return found, n
}

// candidates are the offsets in a window where the rare part of a run is found.
type candidates struct {
	f    *finder
	b    []byte // where that part may lie: what is at b[i] belongs to a run at offset i
	seen [2]int // where each of the two bytes was found last
}

func (f *finder) candidates(b []byte, n int) candidates {
	if n <= 0 {
		return candidates{f: f}
	}
	return candidates{f: f, b: b[f.at : f.at+n+max(1, len(f.literal))-1], seen: [2]int{-1, -1}}
}

// next is the first one at from or behind, or -1.
func (c *candidates) next(from int) int {
	switch f := c.f; {
	case from >= len(c.b):
		return -1
	case f.any:
		return c.slow(from)
	case f.literal != nil:
		return after(from, bytes.Index(c.b[from:], f.literal))
	case f.one[0] == f.one[1]:
		return after(from, bytes.IndexByte(c.b[from:], f.one[0]))
	}
	for k, x := range c.f.one {
		if c.seen[k] < from {
			if c.seen[k] = after(from, bytes.IndexByte(c.b[from:], x)); c.seen[k] < 0 {
				c.seen[k] = len(c.b)
			}
		}
	}
	if i := min(c.seen[0], c.seen[1]); i < len(c.b) {
		return i
	}
	return -1
}

// slow tries the place at f.at at every offset.
func (c *candidates) slow(from int) int {
	v, m := c.f.value[c.f.at], c.f.mask[c.f.at]
	return after(from, slices.IndexFunc(c.b[from:], func(x byte) bool { return x&m == v }))
}

func after(from, i int) int {
	if i < 0 {
		return -1
	}
	return from + i
}
