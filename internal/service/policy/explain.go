package policy

import (
	"slices"
	"strings"
)

// Explanation is what a policy would decide, and how it comes to that.
type Explanation struct {
	// Asks are the actions that polkit is asked for, the first of them first, if it
	// says no to all or yes to all. There are none when the static rules decide
	// alone.
	Asks []string

	// IfYes is the decision when polkit says yes to all that it is asked, IfNo when
	// it says no, or is not there. They are the same when nothing is asked.
	IfYes, IfNo Decision

	// Trace are the lines for the function, in order, up to what decides when
	// polkit says no.
	Trace []Traced
}

// Traced is one line that was looked at.
type Traced struct {
	Rule    string // as in Decision
	Verdict string // "does not match", "allows", "denies", or "asks polkit for ACTION"
}

// Outcome is "allowed", "denied" or "asks polkit".
func (e Explanation) Outcome() string {
	switch {
	case len(e.Asks) > 0:
		return "asks polkit"
	case e.IfNo.Allowed:
		return "allowed"
	}
	return "denied"
}

// Explain tells what Decide would, without asking anybody.
func (p *Policy) Explain(s Subject, function string) Explanation {
	var e Explanation
	st := p.Begin(s, function)
	for st.action != "" {
		e.Asks = append(e.Asks, st.action)
		st.Answer(Answer{}, nil)
	}
	e.IfNo = st.decision
	st = p.Begin(s, function)
	for st.action != "" {
		if !slices.Contains(e.Asks, st.action) {
			e.Asks = append(e.Asks, st.action)
		}
		st.Answer(Answer{Yes: true}, nil)
	}
	e.IfYes = st.decision
	if t := p.tables[function]; t != nil {
		e.Trace = t.trace(&s, e.IfNo.line)
	}
	return e
}

// trace tells of the lines up to the one at last, or of all if that is none.
func (t *table) trace(s *Subject, last int) []Traced {
	var traced []Traced
	for i, l := range t.lines {
		traced = append(traced, Traced{l.words, l.verdict(s)})
		if i == last {
			break
		}
	}
	return traced
}

// asks begins the verdict of a line that polkit must be asked for.
const asks = "asks polkit for "

func (l *line) verdict(s *Subject) string {
	is, action := l.when.match(s, nil)
	switch {
	case is == unknown:
		return asks + action
	case is == no && l.when.absent != "":
		return "does not match: " + l.when.rule.String() + " " + l.when.absent
	case is == no:
		return "does not match"
	case l.deny:
		return "denies"
	}
	return "allows"
}

// String is the explanation as lines for a terminal, each ended.
func (e Explanation) String() string {
	var b strings.Builder
	b.WriteString(e.heading() + "\n")
	if len(e.Asks) > 0 {
		b.WriteString("if polkit says yes: " + e.IfYes.outcome() + "\n")
		b.WriteString("if polkit says no: " + e.IfNo.outcome() + "\n")
	}
	for _, m := range e.IfNo.Missing {
		b.WriteString("missing: " + m + "\n")
	}
	for _, t := range e.Trace {
		b.WriteString("  " + spoken(t.Rule) + ": " + t.Verdict + "\n")
	}
	return b.String()
}

// heading is the outcome, and the rule that decides or is the first to ask.
func (e *Explanation) heading() string {
	if len(e.Asks) == 0 {
		return e.IfNo.outcome()
	}
	for _, t := range e.Trace {
		if strings.HasPrefix(t.Verdict, asks) {
			return e.Outcome() + " by " + spoken(t.Rule)
		}
	}
	return e.Outcome()
}

// Spoken is the Rule in words of who uses the program, not of who wrote it.
func (d *Decision) Spoken() string { return spoken(d.Rule) }

func spoken(rule string) string {
	if words, ok := strings.CutPrefix(rule, code); ok {
		return "the program's own rule: " + words
	}
	return rule
}

func (d *Decision) outcome() string {
	switch {
	case d.Allowed:
		return "allowed by " + d.Spoken()
	case d.table != nil && d.line >= 0:
		return "denied by " + d.Rule
	}
	return "denied: " + d.Rule
}
