package pattern

import (
	"regexp/syntax"
	"slices"
)

// LooksBehind reports whether the byte before a match may decide whether it is one: that of
// a regular expression with \A, ^, \b or \B.
func (p *Pattern) LooksBehind() bool {
	return p.looks(^(syntax.EmptyEndLine | syntax.EmptyEndText))
}

// LooksAhead reports whether the byte behind a match may decide whether it is one: that of
// a regular expression with \z, $, \b or \B.
func (p *Pattern) LooksAhead() bool {
	return p.looks(^(syntax.EmptyBeginLine | syntax.EmptyBeginText))
}

// looks reports whether there is any of some conditions.
func (p *Pattern) looks(at syntax.EmptyOp) bool {
	return p.re != nil && slices.ContainsFunc(p.re.ops, func(o op) bool {
		return o.kind == opCond && o.cond&at != 0
	})
}
