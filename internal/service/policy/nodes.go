package policy

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxNested is how deep lists and mappings may lie in each other.
	maxNested = 32

	// maxShown is how much of a text is shown in a mistake, in bytes.
	maxShown = 64
)

// plain refuses what YAML has and a policy does not.
func (p *parser) plain(n *yaml.Node, depth int) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		return p.wrong(n, "an alias to %s: write out what it stands for", clipped(n.Value))
	case n.Anchor != "":
		return p.wrong(n, "an anchor %s: leave it out", clipped(n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		return p.wrong(n, "a tag %s: leave it out", clipped(n.Tag))
	case depth > maxNested:
		return p.wrong(n, "lists and mappings lie more than %d deep in each other", maxNested)
	}
	ok := true
	for _, of := range n.Content {
		ok = p.plain(of, depth+1) && ok
	}
	return ok
}

// field is a key of a mapping, and what it holds.
type field struct {
	key       string
	at, value *yaml.Node
}

// fields are those of a mapping, known keys alone, each once.
func (p *parser) fields(n *yaml.Node, wants string, known ...string) []field {
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "%s: %s", kind(n), wants)
		return nil
	}
	var fields []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		f := field{n.Content[i].Value, n.Content[i], n.Content[i+1]}
		switch {
		case f.at.Kind != yaml.ScalarNode || !slices.Contains(known, f.key):
			p.wrong(f.at, "unknown key %s: %s", kind(f.at), wants)
		case slices.ContainsFunc(fields, func(o field) bool { return o.key == f.key }):
			p.wrong(f.at, "%s a second time: once is enough", f.key)
		default:
			fields = append(fields, f)
		}
	}
	return fields
}

// list are the items of a list that must have some.
func (p *parser) list(n *yaml.Node, what string, most int) []*yaml.Node {
	switch {
	case n.Kind != yaml.SequenceNode:
		p.wrong(n, "%s: %s is a list", kind(n), what)
	case len(n.Content) == 0:
		p.wrong(n, "%s is empty: leave it out, or fill it", what)
	case len(n.Content) > most:
		p.wrong(n, "%s has %d entries: at most %d", what, len(n.Content), most)
	default:
		return n.Content
	}
	return nil
}

// text is a scalar that is a string to every reader of YAML.
func (p *parser) text(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!str":
		return "", p.wrong(n, "%s: want %s", kind(n), what)
	case n.Style == 0 && slices.Contains(truths, strings.ToLower(n.Value)):
		return "", p.wrong(n, "%s without quotes is a truth value to some readers: write %q for %s", n.Value, n.Value, what)
	case n.Value == "":
		return "", p.wrong(n, "an empty text: want %s", what)
	}
	return n.Value, true
}

// truths are what YAML 1.1 reads as true or false.
var truths = []string{"y", "n", "yes", "no", "on", "off"}

// kind is what a node is, in words for a mistake.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return clipped(n.Value)
}

func clipped(s string) string {
	if len(s) > maxShown {
		return strconv.Quote(strings.ToValidUTF8(s[:maxShown], "")) + "…"
	}
	return strconv.Quote(s)
}
