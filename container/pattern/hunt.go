package pattern

import "math"

// maxSteps is how many steps threads take before a search looks at its context.
const maxSteps = 1 << 20

// hunt looks for the matches of an expression in windows. Its automaton runs ahead, to
// where a match may end; threads then run from the last place where none had begun, and
// find it, or that there is none. Wherever it is, it goes on: it asks for the bytes at pos.
type hunt struct {
	x    *expression
	lazy *lazy // nil once it does not pay
	th   *threads
	s    Span

	pos    int64
	ended  bool  // nothing more can be found
	exact  bool  // the threads run
	resume int64 // and the automaton may, from here on, when they are idle
	state  int32 // the automaton's
	fresh  int64 // the last place where no match had begun
	broken int   // what lazy.broken was
}

func (x *expression) newHunt(s Span) *hunt {
	h := &hunt{x: x, lazy: x.newLazy(), th: x.newThreads(), s: s}
	h.broken = h.lazy.broken
	h.begin(s.From)
	return h
}

func (h *hunt) close() {
	if h.lazy != nil {
		h.x.idle.Put(h.lazy)
	}
}

// begin goes on at pos, where no match has begun.
func (h *hunt) begin(pos int64) {
	h.pos, h.state, h.fresh, h.exact = pos, idleState, pos, h.lazy == nil
	h.resume = math.MaxInt64
	h.th.reset()
}

// end is for when there is nothing more.
func (h *hunt) end() { h.pos, h.ended = h.s.To, true }

// window looks at b, whose first byte is at base, and appends matches to found. It returns
// when pos lies outside, when found has a batch, for work done, or when it is over.
func (h *hunt) window(b []byte, base int64, found []Match) []Match {
	for work := 0; !h.ended && len(found) < batch && work < maxSteps; {
		if !h.exact {
			if h.pos < base || h.pos >= base+int64(len(b)) && h.pos < h.s.To {
				break
			}
			work += h.ahead(b, base)
			continue
		}
		n, ok := h.run(b, base)
		if work += n; !ok {
			break
		}
		if h.th.done() {
			m := h.th.match
			found = append(found, m)
			h.begin(m.End())
			if h.pos >= h.s.Before {
				h.end()
			}
		}
	}
	return found
}

// ahead runs the automaton. It returns how many steps that took.
func (h *hunt) ahead(b []byte, base int64) int {
	limit := min(int64(len(b)), h.s.Before-base)
	if h.pos-base >= limit {
		h.border()
		return 0
	}
	h.lazy.taken = 0
	at, state, fresh, match := h.lazy.scan(b[:limit], int(h.pos-base), h.state)
	taken := h.lazy.taken
	h.pos, h.state = base+int64(at), state
	if fresh >= 0 {
		h.fresh = base + int64(fresh)
	}
	if h.lazy.broken > h.broken+3 {
		h.lazy, match = nil, true
	}
	if match {
		h.check()
	}
	return taken
}

// border is for the place behind which no match may begin: one that has begun is followed.
func (h *hunt) border() {
	if h.state == idleState {
		h.end()
		return
	}
	h.check()
}

// check lets the threads run over what the automaton has seen.
func (h *hunt) check() {
	h.resume, h.exact = h.pos, true
	h.pos = h.fresh
	if h.x.longest < endless {
		h.pos = max(h.pos, h.resume-int64(h.x.longest))
	}
	h.th.reset()
}

// run lets the threads run in b until a match is found, they have none to follow, or b
// ends: then it reports false. It returns how many steps they took.
func (h *hunt) run(b []byte, base int64) (work int, ok bool) {
	for !h.ended {
		before, after, ok := h.around(b, base)
		if !ok || work > maxSteps {
			return work, false
		}
		if h.th.idle() {
			if h.rest() {
				return work, true
			}
			if k := h.x.skip(b, int(h.pos-base)); base+int64(k) > h.pos {
				h.pos = base + int64(k)
				continue
			}
		}
		work += 1 + h.th.at(h.pos, before, after, h.pos < h.s.Before)
		if h.th.found && h.pos == h.s.To {
			h.th.next = h.th.next[:0]
		}
		if h.th.done() {
			return work, true
		}
		if h.pos == h.s.To {
			h.end()
		} else {
			h.pos++
		}
	}
	return work, true
}

// rest reports whether threads that follow nothing are not needed any more.
func (h *hunt) rest() bool {
	switch {
	case h.pos >= h.s.Before:
		h.end()
	case h.lazy != nil && h.pos >= h.resume:
		h.begin(h.pos)
	default:
		return false
	}
	return true
}

// around is the bytes before and after pos, -1 where the text ends, and reports whether
// they are in b.
func (h *hunt) around(b []byte, base int64) (before, after rune, ok bool) {
	before, after = -1, -1
	i := h.pos - base
	if i < 0 || i > int64(len(b)) {
		return before, after, false
	}
	if h.pos > h.s.Start {
		if i == 0 {
			return before, after, false
		}
		before = rune(b[i-1])
	}
	if h.pos < h.s.To {
		if i == int64(len(b)) {
			return before, after, false
		}
		after = rune(b[i])
	}
	return before, after, true
}
