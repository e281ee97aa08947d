package policy

import (
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// condition reads {group: netadmin}, or a list of such, of which one is enough.
// Two keys in one mapping are refused: they would read as if both had to hold. A
// denial may not hang on polkit: where polkit is not to be had, it would not deny.
func (p *parser) condition(n *yaml.Node, deny bool, depth int) (Rule, bool) {
	if depth > maxDepth {
		return Rule{}, p.wrong(n, "conditions lie more than %d deep in each other", maxDepth)
	}
	if n.Kind == yaml.SequenceNode {
		of, ok := p.conditions(n, deny, depth)
		return anyOf(of), ok
	}
	before := p.failed()
	fields := p.fields(n, condWants, "user", "uid", "group", "gid", "polkit", "anyone", "all")
	switch {
	case p.failed() > before:
		return Rule{}, false
	case len(fields) == 0:
		return Rule{}, p.wrong(n, "an empty condition: %s", condWants)
	case len(fields) > 1:
		return Rule{}, p.wrong(fields[1].at, "%s beside %s in one condition: use a list for any of them, or all: [...] for all of them",
			fields[1].key, fields[0].key)
	}
	return p.leaf(fields[0], deny, depth)
}

func (p *parser) conditions(n *yaml.Node, deny bool, depth int) ([]Rule, bool) {
	before := p.failed()
	var of []Rule
	for _, item := range p.list(n, "a list of conditions", maxList) {
		if r, ok := p.condition(item, deny, depth+1); ok {
			of = append(of, r)
		}
	}
	return of, p.failed() == before
}

func anyOf(of []Rule) Rule {
	if len(of) == 1 {
		return of[0]
	}
	return Rule{Kind: AnyOf, Of: of}
}

// leaf reads one key of a condition.
func (p *parser) leaf(f field, deny bool, depth int) (Rule, bool) {
	switch f.key {
	case "user":
		name, ok := p.text(f.value, "a user's name (a number goes by uid)")
		return Rule{Kind: User, Name: name}, ok
	case "group":
		name, ok := p.text(f.value, "a group's name (a number goes by gid)")
		return Rule{Kind: Group, Name: name}, ok
	case "uid":
		id, ok := p.id(f.value)
		return Rule{Kind: User, ID: id}, ok
	case "gid":
		id, ok := p.id(f.value)
		return Rule{Kind: Group, ID: id}, ok
	case "polkit":
		return p.polkit(f, deny)
	case "anyone":
		return Rule{Kind: Anyone}, p.anyone(f.value)
	}
	of, ok := p.conditions(f.value, deny, depth)
	return Rule{Kind: AllOf, Of: of}, ok
}

func (p *parser) polkit(f field, deny bool) (Rule, bool) {
	if deny {
		return Rule{}, p.wrong(f.at, "deny with polkit: it would deny nobody when polkit does not answer: allow with all instead")
	}
	name, ok := p.text(f.value, "a polkit action")
	if ok && !validAction(name) {
		ok = p.wrong(f.value, "polkit action %q: want letters, digits, dots and hyphens, a letter first", name)
	}
	return Rule{Kind: Polkit, Name: name}, ok
}

func (p *parser) anyone(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" {
		return p.wrong(n, "anyone takes true alone, not %s", kind(n))
	}
	return true
}

// id reads the number of a user or group. The last one means none to the kernel.
func (p *parser) id(n *yaml.Node) (uint32, bool) {
	id, err := strconv.ParseUint(n.Value, 10, 32)
	plain := n.Kind == yaml.ScalarNode && n.Tag == "!!int" && strconv.FormatUint(id, 10) == n.Value
	if err != nil || !plain || id == math.MaxUint32 {
		return 0, p.wrong(n, "%s: want a decimal number from 0 to %d", kind(n), uint32(math.MaxUint32-1))
	}
	return uint32(id), true
}
