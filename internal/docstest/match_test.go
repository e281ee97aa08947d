package docstest

import (
	"regexp"
	"strings"
)

// matches reports whether got is what a page says, where "…" is anything within a line,
// and a line of it alone any lines.
func matches(want, got string) bool {
	var b strings.Builder
	b.WriteString(`^`)
	for line := range strings.Lines(tidy(want)) {
		if line == "…\n" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*?`))
	}
	b.WriteString(`$`)
	return regexp.MustCompile(b.String()).MatchString(tidy(got))
}

// tidy takes away blanks at the ends of lines, and blank lines at the end.
func tidy(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	s = strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if s == "" {
		return ""
	}
	return s + "\n"
}

// holds reports whether a part of a program stands in a file, whatever the indentation.
func holds(file, part string) bool {
	return strings.Contains(flush(file), flush(part))
}

// flush is a text without blank lines and indentation, with a newline on both sides.
func flush(s string) string {
	var b strings.Builder
	b.WriteString("\n")
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
