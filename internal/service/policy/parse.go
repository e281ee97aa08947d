package policy

import (
	"go.yaml.in/yaml/v3"
)

const (
	// maxFile is the size of a policy file, in bytes.
	maxFile = 256 << 10

	// maxRules is how many rules all files may have together.
	maxRules = 4096
)

const (
	fileWants = `a policy is "rules:" with a list below`
	ruleWants = "a rule has functions (or function), and allow or deny"
	condWants = "a condition is user, uid, group, gid, polkit, anyone or all"
)

// grammar is what files are read against.
type grammar struct {
	functions []string // sorted
	names     Names
}

// parse reads the text of the file at path. It takes a small part of YAML, in
// which nothing stands for what is not written there: no anchors, no tags, no
// second document, no word that some readers take for a truth value.
func (g *grammar) parse(path string, data []byte) ([]entry, error) {
	p := &parser{grammar: g, path: printable(path)}
	var entries []entry
	if top := p.document(data); top != nil && p.plain(top, 1) {
		entries = p.file(top)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return entries, nil
}

func (p *parser) file(top *yaml.Node) []entry {
	var entries []entry
	for _, f := range p.fields(top, fileWants, "rules") {
		items := p.list(f.value, "rules", maxRules)
		for _, item := range items {
			if e, ok := p.rule(item); ok {
				entries = append(entries, e)
			}
		}
	}
	if len(entries) == 0 && p.failed() == 0 {
		p.wrong(top, "there are no rules: %s", fileWants)
	}
	return entries
}

// rule reads one rule, as {function: hostname.set, allow: {group: netadmin}}.
func (p *parser) rule(n *yaml.Node) (e entry, ok bool) {
	before := p.failed()
	fields := p.fields(n, ruleWants, "function", "functions", "allow", "deny")
	if p.failed() > before {
		return entry{}, false
	}
	names := p.either(n, fields, "function", "functions")
	verdict := p.either(n, fields, "allow", "deny")
	if names == nil || verdict == nil {
		return entry{}, false
	}
	e.functions = p.patterns(names)
	e.line = p.line(n, verdict)
	return e, p.failed() == before
}

// either is the one of two fields that a rule has.
func (p *parser) either(rule *yaml.Node, fields []field, this, that string) *field {
	var found *field
	for i := range fields {
		f := &fields[i]
		if f.key != this && f.key != that {
			continue
		}
		if found != nil {
			p.wrong(f.at, "%s beside %s: a rule has one of them", f.key, found.key)
			return nil
		}
		found = f
	}
	if found == nil {
		p.wrong(rule, "a rule without %s or %s: %s", this, that, ruleWants)
	}
	return found
}

// patterns are the functions that a rule is about.
func (p *parser) patterns(names *field) []string {
	nodes := []*yaml.Node{names.value}
	if names.key == "functions" {
		nodes = p.list(names.value, names.key, maxList)
	}
	var patterns []string
	for _, n := range nodes {
		pattern, ok := p.text(n, "a function's name")
		if ok && p.known(n, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}

// line is what a rule says.
func (p *parser) line(rule *yaml.Node, verdict *field) *line {
	l := &line{deny: verdict.key == "deny", where: p.place(rule.Line)}
	r, ok := p.condition(verdict.value, l.deny, 1)
	if !ok {
		return nil
	}
	l.words = l.where + ": " + verdict.key + " " + r.String()
	l.when = resolve(r, p.names, func(c condition) {
		p.wrong(verdict.at, "%s %s: make it, or mend the name", c.rule, c.absent)
	})
	return l
}
