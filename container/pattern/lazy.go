package pattern

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// slowState is how many bytes have to be searched for each state that was made, or the
// automaton does not pay.
const slowState = 16

// lazy is a deterministic automaton for an expression, whose states are made when they
// are come to. It takes every \b, ^ and $ for true, so that it stops where a match may
// end, and at all places where one ends.
type lazy struct {
	x      *expression
	next   []int32 // next[state*classes+class]; -1: not made yet
	states [][]uint32
	match  []bool
	number map[string]int32
	memory int
	broken int // how often there were too many states
	used   int // bytes that were searched since
	taken  int // steps that making states took
	work   *steps
	key    []byte
}

// idleState is where no match has begun.
const idleState = 0

func (x *expression) newLazy() *lazy {
	if l, ok := x.idle.Get().(*lazy); ok {
		return l
	}
	l := &lazy{x: x, work: newSteps(len(x.ops))}
	l.reset()
	return l
}

func (l *lazy) reset() {
	l.next, l.states, l.match, l.memory = l.next[:0], nil, nil, 0
	l.number = map[string]int32{}
	l.work.clear()
	l.add()
}

// add is the number of the state of l.work and what a match may begin with. That nothing
// had begun before makes a state of its own.
func (l *lazy) add() int32 {
	l.key = append(l.key[:0], '+')
	if len(l.work.list) == 0 {
		l.key[0] = '-'
	}
	l.x.closure(l.work, l.x.start)
	slices.Sort(l.work.list)
	match := false
	for _, pc := range l.work.list {
		l.key = binary.LittleEndian.AppendUint32(l.key, pc)
		match = match || l.x.ops[pc].kind == opMatch
	}
	if n, ok := l.number[string(l.key)]; ok {
		return n
	}
	n := int32(len(l.states))
	l.number[string(l.key)] = n
	l.states = append(l.states, slices.Clone(l.work.list))
	l.match = append(l.match, match)
	for range l.x.classes {
		l.next = append(l.next, -1)
	}
	l.memory += 2*len(l.key) + 4*l.x.classes + 100
	return n
}

// step makes the way from state by a byte. It may begin anew with the states, when there
// are too many, and tells the caller by a new number for state.
func (l *lazy) step(state int32, c byte) (to int32) {
	from := l.states[state]
	if l.memory > l.x.room.states {
		if l.used < slowState*len(l.states) {
			l.broken++
		}
		l.used = 0
		l.reset()
		state = -1
	}
	l.work.clear()
	for _, pc := range from {
		if o := l.x.ops[pc]; o.kind == opByte && l.x.sets[o.set].has(c) {
			l.x.closure(l.work, o.x)
		}
	}
	to = l.add()
	l.taken += 16 + len(from) + len(l.work.list)
	if state >= 0 {
		l.next[int(state)*l.x.classes+int(l.x.class[c])] = to
	}
	return to
}

// scan goes on in b at i, in state, to where a match may end, to the end of b or until
// many states were made.
// fresh is the last place where none had begun, or -1.
func (l *lazy) scan(b []byte, i int, state int32) (at int, to int32, fresh int, match bool) {
	x, begin := l.x, i
	fresh = -1
	for i < len(b) {
		if state == idleState {
			i = x.skip(b, i)
			fresh = i
			if i == len(b) {
				break
			}
		}
		to := l.next[int(state)*x.classes+int(x.class[b[i]])]
		if to < 0 {
			if to = l.step(state, b[i]); l.taken > maxSteps {
				return i + 1, to, fresh, l.match[to]
			}
		}
		state = to
		i++
		if l.match[state] {
			match = true
			break
		}
	}
	if state == idleState {
		fresh = i
	}
	l.used += i - begin
	return i, state, fresh, match
}

// skip is the first place in b, at i or behind, where a match may begin.
func (x *expression) skip(b []byte, i int) int {
	if x.prefix != nil {
		if k := bytes.Index(b[i:], x.prefix); k >= 0 {
			return i + k
		}
		return max(i, len(b)-len(x.prefix)+1)
	}
	if x.begin != nil {
		return i + indexAny(b[i:], x.begin)
	}
	for i < len(b) && !x.begins.has(b[i]) {
		i++
	}
	return i
}

// indexAny is the first place in b of one of a few bytes, or its length.
func indexAny(b, few []byte) int {
	if len(few) == 1 {
		if i := bytes.IndexByte(b, few[0]); i >= 0 {
			return i
		}
		return len(b)
	}
	for i, c := range b {
		if slices.Contains(few, c) {
			return i
		}
	}
	return len(b)
}
