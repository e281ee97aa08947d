package pattern

import (
	"regexp/syntax"
	"slices"
)

// LooksBehind reports whether the byte before a match may decide whether it is one: that of
// a regular expression with \A, ^, \b or \B.
func (p *Pattern) LooksBehind() bool {
	const ahead = syntax.EmptyEndLine | syntax.EmptyEndText
	return p.re != nil && slices.ContainsFunc(p.re.ops, func(o op) bool {
		return o.kind == opCond && o.cond&^ahead != 0
	})
}
