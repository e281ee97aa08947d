package confine

import (
	"fmt"
	"strings"
)

// Report is what holds a worker, as it has found by trying.
type Report struct {
	Level   string
	Active  []string // what is in force: "seccomp", "landlock 7", "namespace pid", "memory by cgroup v1"
	Missing []string // what was asked for and is not: each a sentence that says why
}

// String is the report as it crosses in a greeting: the level, and a line each with "+" for what
// is in force and "-" for what is missing.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString(r.Level)
	for _, s := range r.Active {
		b.WriteString("\n+" + oneLine(s))
	}
	for _, s := range r.Missing {
		b.WriteString("\n-" + oneLine(s))
	}
	return b.String()
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

// maxReport bounds a report in bytes.
const maxReport = 16 << 10

// ParseReport reads a report from a greeting.
func ParseReport(s string) (r Report, err error) {
	if len(s) > maxReport {
		return r, fmt.Errorf("a report of %d bytes on confinement", len(s))
	}
	lines := strings.Split(s, "\n")
	r.Level = lines[0]
	for _, l := range lines[1:] {
		switch {
		case strings.HasPrefix(l, "+"):
			r.Active = append(r.Active, l[1:])
		case strings.HasPrefix(l, "-"):
			r.Missing = append(r.Missing, l[1:])
		default:
			return r, fmt.Errorf("a report on confinement has the line %q", l)
		}
	}
	return r, nil
}
