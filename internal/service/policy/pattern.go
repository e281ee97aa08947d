package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/outwork-go/outwork/internal/spell"
)

// entry is one rule of a file.
type entry struct {
	functions []string // names, or beginnings of names with a * behind
	line      *line
}

// concerns reports whether an entry is about a function.
func (e *entry) concerns(function string) bool {
	return slices.ContainsFunc(e.functions, func(f string) bool { return matches(f, function) })
}

// matches reports whether a function has a name, or one that begins so.
func matches(pattern, function string) bool {
	if start, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(function, start)
	}
	return pattern == function
}

// nearest is the function that was probably meant, or "".
func nearest(pattern string, functions []string) string {
	if len(pattern) > 2*maxShown {
		return ""
	}
	return spell.Nearest(pattern, functions)
}

// known refuses what no function is called: a rule that is about nothing is a
// slip, and one that denies would leave open what it was meant to close.
func (p *parser) known(n *yaml.Node, pattern string) bool {
	switch {
	case strings.Contains(strings.TrimSuffix(pattern, "*"), "*"):
		return p.wrong(n, "%s: a * stands at the end alone, as in \"sysctl.*\"", clipped(pattern))
	case slices.ContainsFunc(p.functions, func(f string) bool { return matches(pattern, f) }):
		return true
	}
	if near := nearest(pattern, p.functions); near != "" {
		return p.wrong(n, "there is no function %s: did you mean %s?", clipped(pattern), near)
	}
	return p.wrong(n, "there is no function %s: describe lists those that there are", clipped(pattern))
}
