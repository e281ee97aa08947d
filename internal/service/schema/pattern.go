package schema

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// maxProgram is the size of a compiled pattern, in instructions about. A peer's
// pattern of a few bytes could ask for millions by nested repetition.
const maxProgram = 20_000

// anchored is the pattern as it is kept and shown: it matches the whole text or
// nothing. "[a-z]+" becomes "^[a-z]+$".
func anchored(pattern string) (string, error) {
	if pattern == "" {
		return "", errors.New("it is empty")
	}
	if _, err := parsePattern(pattern); err != nil {
		return "", err
	}
	tries := []string{pattern}
	if !strings.Contains(pattern, "|") && !strings.Contains(pattern, "(?") {
		tries = append(tries, "^"+pattern, pattern+"$", "^"+pattern+"$")
	}
	for _, try := range append(tries, "^(?:"+pattern+")$") {
		if tree, err := parsePattern(try); err == nil && isAnchored(tree) {
			return try, nil
		}
	}
	return "", errors.New(`it cannot be made to match whole texts: close what \Q opens`)
}

func parsePattern(pattern string) (*syntax.Regexp, error) {
	if len(pattern) > MaxPattern {
		return nil, fmt.Errorf("it has more than %d bytes", MaxPattern)
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("it is no regular expression of RE2: %w", err)
	}
	if programSize(tree) > maxProgram {
		return nil, errors.New("it is too large: repeat less inside of repetitions")
	}
	return tree, nil
}

// isAnchored reports whether all that the tree matches is a whole text.
func isAnchored(tree *syntax.Regexp) bool {
	last := len(tree.Sub) - 1
	return tree.Op == syntax.OpConcat && last > 0 &&
		tree.Sub[0].Op == syntax.OpBeginText && tree.Sub[last].Op == syntax.OpEndText
}

// programSize is about how many instructions the tree compiles to, up to a
// little more than maxProgram.
func programSize(tree *syntax.Regexp) int {
	size := 1 + len(tree.Rune)/8
	for _, sub := range tree.Sub {
		size = min(size+programSize(sub), maxProgram+1)
	}
	if tree.Op == syntax.OpRepeat {
		size *= max(tree.Min, tree.Max, 1)
	}
	return min(size, maxProgram+1)
}
