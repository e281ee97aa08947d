package pattern

import (
	"errors"
	"fmt"
	"math"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxProgram is how many steps the program of a regular expression may have.
const maxProgram = 8192

// endless is the length of a match that has no bound.
const endless = math.MaxInt32

// expression is a regular expression, compiled: a program of package regexp/syntax whose
// characters are bytes. It is run twice: an automaton that is made as it goes (see lazy)
// finds where a match may end, fast, and threads (see threads) find which match is there.
type expression struct {
	ops     []op
	sets    []set
	start   uint32
	longest int // bytes of the longest match, or endless

	class   [256]uint8 // bytes that no set tells apart are of one class
	classes int
	member  []byte // a byte of each class

	begins set    // what a match may begin with
	begin  []byte // the same, if they are three or less
	prefix []byte // what every match begins with, if that is two bytes or more

	idle sync.Pool // of *lazy: they are used again by other searches
	room room
}

// room is how much a search may remember.
type room struct {
	states int // bytes of the states of a lazy
	stride int // matches between two marks, at first
	marks  int // an even number
	kept   int // matches, by a search backwards
}

var usual = room{states: 4 << 20, stride: batch, marks: 1024, kept: 32768}

// op is a step of the program.
type op struct {
	kind opKind
	set  uint32         // of opByte
	cond syntax.EmptyOp // of opCond
	x, y uint32         // where to go; y of opFork only, and of less worth
}

type opKind uint8

const (
	opFail opKind = iota
	opMatch
	opByte
	opCond
	opFork
	opNext
)

// set is a set of bytes.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }
func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }

func compileRegexp(text []byte, fold bool) (*expression, error) {
	expr, err := bytewise(string(text))
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	flags := syntax.Perl
	if fold {
		flags |= syntax.FoldCase
	}
	tree, err := syntax.Parse(expr, flags)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", plainError(err))
	}
	least, most := lengths(tree)
	switch {
	case weight(tree) > maxProgram:
		return nil, fmt.Errorf("regular expression: its program has more than %d steps: repeat less", maxProgram)
	case least == 0:
		return nil, errors.New("regular expression: it matches the empty string, and so everywhere")
	case least == endless:
		return nil, errors.New("regular expression: no bytes match it")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", plainError(err))
	}
	if len(prog.Inst) > 2*maxProgram {
		return nil, fmt.Errorf("regular expression: its program has more than %d steps: repeat less", maxProgram)
	}
	x := &expression{start: uint32(prog.Start), longest: most, room: usual}
	x.translate(prog)
	x.classify()
	x.beginning(prog)
	return x, nil
}

// plainError is err without the words that compileRegexp begins with.
func plainError(err error) error {
	var e *syntax.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%s: %q", e.Code, clip([]byte(e.Expr)))
	}
	return err
}

// bytewise is expr with what is not ASCII written as bytes.
func bytewise(expr string) (string, error) {
	var out strings.Builder
	for at := 0; at < len(expr); {
		part := expr[at : at+unit(expr[at:])]
		switch {
		case isASCII(part):
			out.WriteString(part)
		case part[0] == '[' && !hasWide(part):
			out.WriteString(escape(part))
		case part[0] >= utf8.RuneSelf:
			out.WriteString("(?-i:" + escape(part) + ")")
		default:
			return "", fmt.Errorf("%q at %d: characters outside of ASCII are several bytes, which cannot be in a class or behind a backslash; write a byte as \\xff", clip([]byte(part)), at)
		}
		at += len(part)
	}
	return out.String(), nil
}

// unit is how long what expr begins with is: a class, what is quoted, or a character.
func unit(expr string) int {
	switch {
	case strings.HasPrefix(expr, `\Q`):
		if i := strings.Index(expr, `\E`); i >= 0 {
			return i + 2
		}
		return len(expr)
	case expr[0] == '\\' && len(expr) > 1:
		_, size := utf8.DecodeRuneInString(expr[1:])
		return 1 + size
	case expr[0] == '[':
		return classUnit(expr)
	}
	_, size := utf8.DecodeRuneInString(expr)
	return size
}

// classUnit is how long the class is that expr begins with.
func classUnit(expr string) int {
	i := 1
	if strings.HasPrefix(expr[i:], "^") {
		i++
	}
	if strings.HasPrefix(expr[i:], "]") {
		i++
	}
	for i < len(expr) && expr[i] != ']' {
		switch end := strings.Index(expr[i:], ":]"); {
		case strings.HasPrefix(expr[i:], "[:") && end > 0:
			i += end + 2
		case expr[i] == '\\':
			i += 2
		default:
			i++
		}
	}
	return min(i+1, len(expr))
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// hasWide reports whether s has a character of several bytes.
func hasWide(s string) bool {
	for i, r := range s {
		if r >= utf8.RuneSelf && (r != utf8.RuneError || strings.HasPrefix(s[i:], string(utf8.RuneError))) {
			return true
		}
	}
	return false
}

// escape is s with \xff for what is not ASCII.
func escape(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if c < utf8.RuneSelf {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String()
}

// lengths is how many bytes the shortest and the longest match have; endless is no match,
// or no bound.
func lengths(re *syntax.Regexp) (least, most int) {
	switch re.Op {
	case syntax.OpNoMatch:
		return endless, 0
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r > 0xFF {
				return endless, 0
			}
		}
		return len(re.Rune), len(re.Rune)
	case syntax.OpCharClass:
		if len(re.Rune) == 0 || re.Rune[0] > 0xFF {
			return endless, 0
		}
		return 1, 1
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 1
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpStar:
		return repeated(re.Sub[0], 0, -1)
	case syntax.OpPlus:
		return repeated(re.Sub[0], 1, -1)
	case syntax.OpQuest:
		return repeated(re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		return repeated(re.Sub[0], re.Min, re.Max)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			l, m := lengths(sub)
			least, most = min(least+l, endless), min(most+m, endless)
		}
	case syntax.OpAlternate:
		least = endless
		for _, sub := range re.Sub {
			l, m := lengths(sub)
			least, most = min(least, l), max(most, m)
		}
	}
	return least, most
}

func repeated(re *syntax.Regexp, low, high int) (least, most int) {
	l, m := lengths(re)
	if low > 0 {
		least = min(low*l, endless)
	}
	switch {
	case m > 0 && high < 0:
		most = endless
	case m > 0:
		most = min(high*m, endless)
	}
	return least, most
}

// weight is about how many steps re has, before they are made.
func weight(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		n = min(n+weight(sub), endless)
	}
	if re.Op == syntax.OpRepeat {
		n = min(n*max(re.Min+1, re.Max), endless)
	}
	return n
}

// translate makes the ops.
func (x *expression) translate(prog *syntax.Prog) {
	known := map[set]uint32{}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		o := op{x: in.Out, y: in.Arg}
		switch in.Op {
		case syntax.InstFail:
			o.kind = opFail
		case syntax.InstMatch:
			o.kind = opMatch
		case syntax.InstAlt, syntax.InstAltMatch:
			o.kind = opFork
		case syntax.InstEmptyWidth:
			o.kind, o.cond = opCond, syntax.EmptyOp(in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			o.kind = opNext
		default:
			s := setOf(in)
			k, ok := known[s]
			if !ok {
				k = uint32(len(x.sets))
				known[s] = k
				x.sets = append(x.sets, s)
			}
			o.kind, o.set = opByte, k
		}
		x.ops = append(x.ops, o)
	}
}

// setOf is the bytes that an instruction goes on with.
func setOf(in *syntax.Inst) (s set) {
	for c := range rune(256) {
		if in.Op == syntax.InstRuneAny || in.Op == syntax.InstRuneAnyNotNL && c != '\n' ||
			(in.Op == syntax.InstRune || in.Op == syntax.InstRune1) && in.MatchRune(c) {
			s.add(byte(c))
		}
	}
	return s
}

func (x *expression) classify() {
	for _, s := range x.sets {
		x.split(&s)
	}
	x.member = make([]byte, x.classes+1)
	for c := range 256 {
		x.member[x.class[c]] = byte(c)
	}
	x.classes++
}

// split tells the bytes of s from the others; classes is the number of the last class.
func (x *expression) split(s *set) {
	var fresh [256]int // of the old class: that of its bytes that s has
	var out [256]bool
	for c := range 256 {
		if !s.has(byte(c)) {
			out[x.class[c]] = true
		}
	}
	for c := range 256 {
		k := x.class[c]
		if !s.has(byte(c)) || !out[k] {
			continue
		}
		if fresh[k] == 0 {
			x.classes++
			fresh[k] = x.classes
		}
		x.class[c] = uint8(fresh[k])
	}
}

// beginning notes what a match may begin with.
func (x *expression) beginning(prog *syntax.Prog) {
	w := newSteps(len(x.ops))
	x.closure(w, x.start)
	for _, pc := range w.list {
		if o := x.ops[pc]; o.kind == opByte {
			for i, bits := range x.sets[o.set] {
				x.begins[i] |= bits
			}
		}
	}
	for c := range 256 {
		if x.begins.has(byte(c)) && len(x.begin) <= 3 {
			x.begin = append(x.begin, byte(c))
		}
	}
	if len(x.begin) > 3 {
		x.begin = nil
	}
	prefix, _ := prog.Prefix()
	for _, r := range prefix {
		if r > 0xFF {
			break
		}
		x.prefix = append(x.prefix, byte(r))
	}
	if len(x.prefix) < 2 {
		x.prefix = nil
	}
}
