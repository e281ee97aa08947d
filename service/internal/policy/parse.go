package policy

import (
	"strings"
)

// entry is one rule of a file.
type entry struct {
	functions []string // names, or beginnings of names with a * behind
	line      *line
}

// concerns reports whether an entry is about a function.
func (e *entry) concerns(function string) bool {
	for _, f := range e.functions {
		if matches(f, function) {
			return true
		}
	}
	return false
}

// matches reports whether a function has a name, or one that begins so.
func matches(pattern, function string) bool {
	if start, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(function, start)
	}
	return pattern == function
}

// grammar is what files are read against.
type grammar struct {
	functions []string // sorted
	names     Names
}
