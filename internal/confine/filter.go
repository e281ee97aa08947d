package confine

// action is what a filter answers: a return value of seccomp(2).
type action uint32

const (
	allow action = 0x7fff0000
	kill  action = 0x80000000 // the whole process, by SIGSYS
	errno action = 0x00050000 // plus the number
)

// A cond looks at one argument of a call: it holds where the argument, masked, is want.
type cond struct {
	arg        int
	mask, want uint32
	wide       uint32 // with long, the upper half that is wanted
	long       bool   // for pointers and sizes; the kernel looks at the lower half alone of all others
}

// A rule answers then where all of its conditions hold.
type rule struct {
	when []cond
	then action
}

// A verdict is what a filter answers to one call: what its first fitting rule says, or else.
type verdict struct {
	rules []rule
	els   action
}

func (v *verdict) same(o *verdict) bool {
	return v == o || len(v.rules) == 0 && len(o.rules) == 0 && v.els == o.els
}

// calls are the verdicts of a filter by the number of the call; nil: unknown.
type calls []*verdict

// callNumbers is more than the numbers of all calls that this version knows.
const callNumbers = 512

// set gives one verdict to calls, in place of the one that they had.
func (c calls) set(v *verdict, numbers ...uintptr) {
	for _, n := range numbers {
		c[n] = v
	}
}

// always gives an unconditional verdict.
func (c calls) always(a action, numbers ...uintptr) { c.set(&verdict{els: a}, numbers...) }

// only allows calls where one of the alternatives holds, and refuses them otherwise.
func (c calls) only(otherwise action, n uintptr, alternatives ...[]cond) {
	v := &verdict{els: otherwise}
	for _, a := range alternatives {
		v.rules = append(v.rules, rule{a, allow})
	}
	c[n] = v
}

// Where the fields of what a filter sees are: seccomp_data on a little endian machine.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// An instruction of a program for the kernel's machine: struct sock_filter.
type instruction struct {
	op     uint16
	jt, jf uint8
	k      uint32
}

// The operations that a filter needs (linux/bpf_common.h).
const (
	opLoad   = 0x20 // a word of what it sees
	opAnd    = 0x54
	opEqual  = 0x15
	opMore   = 0x25
	opJump   = 0x05
	opAnswer = 0x06
)

func load(off int) instruction             { return instruction{op: opLoad, k: uint32(off)} }
func answer(a action) instruction          { return instruction{op: opAnswer, k: uint32(a)} }
func equal(k uint32, skip int) instruction { return instruction{op: opEqual, jf: uint8(skip), k: k} }

// span are neighbouring numbers with one verdict.
type span struct {
	first uint32
	v     *verdict
}

// program is the filter: calls of another architecture and numbers above all known (x32 is
// there) are killed; what is not known below that is unknown.
func program(arch uint32, c calls, unknown action) []instruction {
	prog := append(make([]instruction, 0, 1024),
		load(offArch), instruction{op: opEqual, jt: 1, k: arch}, answer(kill), load(offNumber))
	return tree(prog, spans(c, unknown))
}

// foreign is the first number that no call of this architecture has.
const foreign = 1 << 30

func spans(c calls, unknown action) []span {
	none, all := &verdict{els: unknown}, make([]span, 0, 256)
	for n, v := range c {
		if v == nil {
			v = none
		}
		if len(all) == 0 || !all[len(all)-1].v.same(v) {
			all = append(all, span{uint32(n), v})
		}
	}
	return append(all, span{foreign, &verdict{els: kill}})
}

// tree looks for the number's span, which halves what is left at each step: the kernel asks the
// filter at every call (and remembers only those that it always allows).
func tree(prog []instruction, s []span) []instruction {
	if len(s) == 1 {
		return leaf(prog, s[0].v)
	}
	half := len(s) / 2
	// Over the jump, to the higher half; or by the jump, which reaches further, to the lower.
	prog = append(prog, instruction{op: opMore, jt: 1, k: s[half].first - 1}, instruction{op: opJump})
	at := len(prog)
	prog = tree(prog, s[half:])
	prog[at-1].k = uint32(len(prog) - at)
	return tree(prog, s[:half])
}

func leaf(prog []instruction, v *verdict) []instruction {
	for _, r := range v.rules {
		prog = r.test(prog)
	}
	return append(prog, answer(v.els))
}

// test answers, or goes on behind itself.
func (r rule) test(prog []instruction) []instruction {
	left := 1 // the answer, and what is before it
	for _, c := range r.when {
		left += c.size()
	}
	for _, c := range r.when {
		left -= c.size()
		prog = c.test(prog, left)
	}
	return append(prog, answer(r.then))
}

func (c cond) size() int {
	n := 2
	if c.mask != ^uint32(0) {
		n++
	}
	if c.long {
		n += 2
	}
	return n
}

// test goes on where c holds, and skips n instructions more where it does not.
func (c cond) test(prog []instruction, n int) []instruction {
	lower := offArgs + 8*c.arg
	prog = append(prog, load(lower))
	if c.mask != ^uint32(0) {
		prog = append(prog, instruction{op: opAnd, k: c.mask})
	}
	if !c.long {
		return append(prog, equal(c.want, n))
	}
	return append(prog, equal(c.want, n+2), load(lower+4), equal(c.wide, n))
}

// is holds for an argument of 32 bits, or one of which the kernel takes no more.
func is(arg int, want uint32) cond { return cond{arg: arg, mask: ^uint32(0), want: want} }

// masked holds where the bits of mask are want.
func masked(arg int, mask, want uint32) cond { return cond{arg: arg, mask: mask, want: want} }

// exactly holds for an argument of 64 bits.
func exactly(arg int, want uint64) cond {
	return cond{arg: arg, mask: ^uint32(0), want: uint32(want), wide: uint32(want >> 32), long: true}
}

// isOneOf are the alternatives that an argument is one of several.
func isOneOf(arg int, want ...uint32) (alternatives [][]cond) {
	for _, w := range want {
		alternatives = append(alternatives, []cond{is(arg, w)})
	}
	return alternatives
}
