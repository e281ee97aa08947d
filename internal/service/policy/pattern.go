package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
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

// nearest is the one of known that was probably meant, or "".
func nearest(word string, known []string) string {
	if len(word) > 2*maxShown {
		return ""
	}
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many bytes must be put in, left out or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, replaced)
		}
	}
	return row[len(b)]
}
