package policy

import (
	"slices"
	"strings"
)

// maxMissing is how many ways to be allowed a denied caller is told of.
const maxMissing = 4

// missing is what would have helped s, whom no line matches. Being somebody else
// is only told where nothing else would do.
func (t *table) missing(s *Subject, answers []answered) []string {
	var words []string
	for _, c := range t.wanted(s, answers) {
		words = append(words, c.lacks(s, answers))
	}
	return words
}

// wanted are the conditions, each no any-of, of which one would have helped.
func (t *table) wanted(s *Subject, answers []answered) []*condition {
	var found, persons []*condition
	for i := len(t.lines) - 1; i >= 0; i-- { // what code declares is what is meant for most
		l := t.lines[i]
		if l.deny || l.implicit {
			continue
		}
		for c := range l.when.ways {
			switch {
			case c.rule.Kind == User && len(persons) < maxMissing:
				persons = add(persons, c)
			case c.rule.Kind != User && len(found) < maxMissing:
				found = add(found, c)
			}
		}
		if len(found) == maxMissing {
			break
		}
	}
	if len(found) == 0 {
		return persons
	}
	return found
}

func add(list []*condition, c *condition) []*condition {
	same := func(o *condition) bool { return o.lack != "" && o.lack == c.lack }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, c)
}

// ways goes through the conditions of which one is enough.
func (c *condition) ways(yield func(*condition) bool) {
	c.eachWay(yield)
}

func (c *condition) eachWay(yield func(*condition) bool) bool {
	if c.rule.Kind == AnyOf {
		for i := range c.of {
			if !c.of[i].eachWay(yield) {
				return false
			}
		}
		return true
	}
	return !c.possible() || yield(c)
}

// possible reports whether anybody could ever match.
func (c *condition) possible() bool {
	possible := func(c condition) bool { return c.possible() }
	switch c.rule.Kind {
	case AnyOf:
		return slices.ContainsFunc(c.of, possible)
	case AllOf:
		return len(c.of) > 0 && !slices.ContainsFunc(c.of, func(c condition) bool { return !c.possible() })
	}
	return c.rule.Kind != Nobody
}

// lacks is what s lacks to match, in words.
func (c *condition) lacks(s *Subject, answers []answered) string {
	between := " and "
	switch c.rule.Kind {
	case AnyOf:
		between = " or "
	case AllOf:
	default:
		return c.lack
	}
	var words []string
	for i := range c.of {
		of := &c.of[i]
		if is, _ := of.match(s, answers); is == yes {
			continue
		}
		if lacks := of.lacks(s, answers); lacks != "" {
			words = append(words, lacks)
		}
	}
	return strings.Join(words, between)
}
