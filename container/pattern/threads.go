package pattern

import "regexp/syntax"

// steps is a set of steps of a program, in the order in which they came.
type steps struct {
	list  []uint32
	place []uint32 // of a step in list, if list says so there
	stack []uint32
}

func newSteps(n int) *steps { return &steps{place: make([]uint32, n)} }

func (s *steps) clear() { s.list = s.list[:0] }

// add reports whether pc is new.
func (s *steps) add(pc uint32) bool {
	if k := s.place[pc]; int(k) < len(s.list) && s.list[k] == pc {
		return false
	}
	s.place[pc] = uint32(len(s.list))
	s.list = append(s.list, pc)
	return true
}

// closure adds to s the steps that pc leads to without a byte, as if all conditions were
// true.
func (x *expression) closure(s *steps, pc uint32) { x.closureAt(s, pc, ^syntax.EmptyOp(0)) }

// closureAt is closure where those conditions are true.
func (x *expression) closureAt(s *steps, pc uint32, holds syntax.EmptyOp) {
	s.stack = append(s.stack[:0], pc)
	for len(s.stack) > 0 {
		pc := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		if !s.add(pc) {
			continue
		}
		switch o := &x.ops[pc]; {
		case o.kind == opFork:
			s.stack = append(s.stack, o.y, o.x)
		case o.kind == opNext, o.kind == opCond && o.cond&^holds == 0:
			s.stack = append(s.stack, o.x)
		}
	}
}

// thread is a way through the program that has come to pc, of a match that began at start.
type thread struct {
	pc    uint32
	start int64
}

// threads run the program on all ways at once, those of more worth first, as package
// regexp does (it finds the leftmost match and, of those, the one that backtracking would
// find first). They go from byte to byte, so that windows may end anywhere.
type threads struct {
	x      *expression
	now    *steps
	starts []int64 // of now.list
	next   []thread

	found bool
	match Match
}

func (x *expression) newThreads() *threads { return &threads{x: x, now: newSteps(len(x.ops))} }

// reset is for a new match.
func (t *threads) reset() { t.next, t.found = t.next[:0], false }

// idle reports whether nothing is under way.
func (t *threads) idle() bool { return len(t.next) == 0 && !t.found }

// done reports whether the match is found.
func (t *threads) done() bool { return len(t.next) == 0 && t.found }

// at runs what there is to the place at, which lies between the bytes before and after; -1
// is none. A match may begin there if begin says so. It returns how many steps it took.
func (t *threads) at(at int64, before, after rune, begin bool) int {
	x := t.x
	holds := syntax.EmptyOpContext(before, after)
	t.now.clear()
	t.starts = t.starts[:0]
	for _, th := range t.next {
		t.enter(th, holds)
	}
	if begin && !t.found {
		t.enter(thread{x.start, at}, holds)
	}
	t.next = t.next[:0]
	for i, pc := range t.now.list {
		switch o := &x.ops[pc]; {
		case o.kind == opMatch:
			t.found, t.match = true, Match{Offset: t.starts[i], Length: at - t.starts[i]}
			return len(t.now.list)
		case o.kind == opByte && after >= 0 && x.sets[o.set].has(byte(after)):
			t.next = append(t.next, thread{o.x, t.starts[i]})
		}
	}
	return len(t.now.list)
}

// enter adds what th leads to without a byte.
func (t *threads) enter(th thread, holds syntax.EmptyOp) {
	t.x.closureAt(t.now, th.pc, holds)
	for len(t.starts) < len(t.now.list) {
		t.starts = append(t.starts, th.start)
	}
}
