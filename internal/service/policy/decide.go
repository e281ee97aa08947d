package policy

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/outwork-go/outwork/internal/ident"
)

// Subject is who calls: the kernel's word, as it was when they connected.
type Subject struct {
	UID    uint32
	Groups []uint32    // the group and the supplementary ones
	Peer   *ident.Peer // the process, for polkit; nil makes polkit's answer no
}

// Question is what polkit is asked.
type Question struct {
	Subject Subject
	Action  string            // as "org.example.hostctl.set"
	Details map[string]string // shown to who authenticates; may be nil
}

// Answer is what polkit said.
type Answer struct {
	Yes bool
	Why string // of a no, as "nobody was there to authenticate"; may be ""
}

// Asker asks polkit. An error means that there is no answer, and counts as a no.
// It must be safe for concurrent use, and return when ctx ends.
type Asker interface {
	Ask(ctx context.Context, q Question) (Answer, error)
}

// errNoAsker is the answer of a polkit that nobody gave us.
var errNoAsker = errors.New("there is no polkit to ask")

// nothing is the rule of whom no rule matched.
const nothing = "nothing allows it"

// Decision is whether a call is allowed, and why.
type Decision struct {
	Allowed bool

	// Rule is what decided: "root", "code: group hostctl", "nothing allows it", or
	// the line of a file, as
	// "/etc/hostctl/policy.d/10-site.yaml:7: allow group netadmin".
	Rule string

	// Missing is what would have helped whom no rule matched, at most maxMissing
	// entries, as "membership of group hostctl" or "authorization for polkit action
	// org.x.y". It is empty when a rule denied the call, and when only root may make
	// it.
	Missing []string

	// Notes say what polkit answered where it was not yes, or why it did not, at
	// most one for each action that was asked for.
	Notes []string

	// brief is of Notes what concerns the caller.
	brief []string

	subject Subject
	table   *table // of the function; nil for one that does not exist
	line    int    // in table.lines, of what decided; -1 if no line did
}

// Step is a decision on its way: made as far as the static rules carry it, it
// may have to ask polkit to get on. It is a value of one goroutine.
type Step struct {
	decision Decision
	action   string // to ask for; "" when decided
	answers  []answered
}

// Begin decides by what needs no asking. It takes no lock and, unless it denies,
// allocates nothing.
func (p *Policy) Begin(s Subject, function string) Step {
	st := Step{decision: Decision{subject: s, table: p.tables[function], line: -1}}
	st.advance()
	return st
}

// Decided is the decision, once there is nothing left to ask.
func (s *Step) Decided() (Decision, bool) { return s.decision, s.action == "" }

// Answer goes on with what polkit said to the action, or why it said nothing.
func (s *Step) Answer(a Answer, err error) {
	if s.action == "" {
		return
	}
	s.note(a, err)
	s.answers = append(s.answers, answered{s.action, a.Yes && err == nil})
	s.advance()
}

// Ask asks until the call is decided. A nil asker is a polkit that is not there.
func (s *Step) Ask(ctx context.Context, ask Asker, details map[string]string) Decision {
	for s.action != "" {
		if ask == nil {
			s.Answer(Answer{}, errNoAsker)
			continue
		}
		s.Answer(ask.Ask(ctx, Question{s.decision.subject, s.action, details}))
	}
	return s.decision
}

// Decide is Begin and Ask in one.
func (p *Policy) Decide(ctx context.Context, s Subject, function string, ask Asker) Decision {
	st := p.Begin(s, function)
	return st.Ask(ctx, ask, nil)
}

// advance goes on as far as what polkit said so far carries.
func (s *Step) advance() {
	d := &s.decision
	if d.table == nil {
		d.Rule = "no such function"
		return
	}
	at, action := d.table.first(&d.subject, s.answers)
	if s.action = action; action != "" {
		return
	}
	if at == nowhere {
		d.Rule, d.Missing = nothing, d.table.missing(&d.subject, s.answers)
		return
	}
	l := d.table.lines[at]
	d.line, d.Rule, d.Allowed = at, l.words, !l.deny
}

// note keeps what polkit said that was not yes. Why it said nothing is the
// administrator's to know, and to mend.
func (s *Step) note(a Answer, err error) {
	if a.Yes && err == nil {
		return
	}
	brief := cmp.Or(a.Why, "polkit said no")
	words := brief
	if err != nil {
		brief, words = "polkit gave no answer", err.Error()
	}
	d := &s.decision
	d.Notes = append(d.Notes, "polkit action "+s.action+": "+words)
	if !slices.Contains(d.brief, brief) {
		d.brief = append(d.brief, brief)
	}
}
