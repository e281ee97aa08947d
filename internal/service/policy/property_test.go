package policy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomRule is a rule over few users, groups and actions, so that they meet.
func randomRule(r *rand.Rand, deny bool, depth int) Rule {
	kinds := []Kind{Nobody, Anyone, User, User, User, Group, Group, Group, AnyOf, AllOf}
	if !deny {
		kinds = append(kinds, Polkit, Polkit)
	}
	rule := Rule{Kind: kinds[r.IntN(len(kinds))], ID: r.Uint32N(4)}
	switch rule.Kind {
	case Polkit:
		rule.Name = fmt.Sprintf("org.x.a%d", r.IntN(3))
	case AnyOf, AllOf:
		for range r.IntN(4) {
			if depth < 3 {
				rule.Of = append(rule.Of, randomRule(r, deny, depth+1))
			}
		}
	case Group:
		rule.Name = []string{"", "", "gone", "hostctl"}[r.IntN(4)]
	}
	return rule
}

// randomPolicy is a policy for the function f, with the lines of a file.
func randomPolicy(t *testing.T, r *rand.Rand) (p *Policy, file []*line, code Rule) {
	t.Helper()
	for i := range r.IntN(12) {
		deny := r.IntN(2) == 0
		rule := randomRule(r, deny, 0)
		file = append(file, &line{
			words: fmt.Sprintf("f:%d: %v", i, rule), where: fmt.Sprintf("f:%d", i), deny: deny,
			when: resolve(rule, fakeNames{}, func(condition) {}),
		})
	}
	code = randomRule(r, false, 0)
	p, err := Load(Config{Functions: map[string]Rule{"f": code}, Names: fakeNames{}})
	if err != nil {
		t.Fatal(err)
	}
	lines := append(slices.Clone(file), p.tables["f"].lines...)
	p.tables["f"] = newTable("f", lines, p.tables["f"].users)
	return p, file, code
}

// matchesNaively is what the package doc says of a rule, when all of polkit's
// answers are known.
func matchesNaively(rule Rule, s Subject, polkit answers) bool {
	switch rule.Kind {
	case Anyone:
		return true
	case User:
		return s.UID == rule.ID
	case Group:
		id, err := rule.ID, error(nil)
		if rule.Name != "" {
			id, err = fakeNames{}.GroupID(rule.Name)
		}
		return err == nil && slices.Contains(s.Groups, id)
	case Polkit:
		return polkit[rule.Name]
	case AnyOf:
		return slices.ContainsFunc(rule.Of, func(of Rule) bool { return matchesNaively(of, s, polkit) })
	case AllOf:
		return len(rule.Of) > 0 &&
			!slices.ContainsFunc(rule.Of, func(of Rule) bool { return !matchesNaively(of, s, polkit) })
	}
	return false
}

func decideNaively(file []*line, code Rule, s Subject, polkit answers) (allowed bool, rule string) {
	for _, l := range file {
		if matchesNaively(l.when.rule, s, polkit) {
			return !l.deny, l.words
		}
	}
	if s.UID == 0 {
		return true, root
	}
	if matchesNaively(code, s, polkit) {
		return true, "code: " + code.String()
	}
	return false, nothing
}

// onceAsker fails the test when an action is asked for twice in one decision.
type onceAsker struct {
	t     *testing.T
	to    answers
	asked []string
}

func (o *onceAsker) Ask(ctx context.Context, q Question) (Answer, error) {
	if slices.Contains(o.asked, q.Action) {
		o.t.Errorf("%s is asked for twice", q.Action)
	}
	o.asked = append(o.asked, q.Action)
	return o.to.Ask(ctx, q)
}

func TestDecideIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		p, file, code := randomPolicy(t, r)
		for range 10 {
			s := Subject{UID: r.Uint32N(4)}
			for range r.IntN(4) {
				s.Groups = append(s.Groups, []uint32{0, 1, 2, 3, 12100}[r.IntN(5)])
			}
			polkit := answers{"org.x.a0": r.IntN(2) == 0, "org.x.a1": r.IntN(2) == 0}
			asker := &onceAsker{t: t, to: polkit}
			d := p.Decide(t.Context(), s, "f", asker)
			allowed, rule := decideNaively(file, code, s, polkit)
			if d.Allowed != allowed || d.Rule != rule {
				t.Fatalf("seed %d, %+v, %v: got %v by %s, want %v by %s", seed, s, polkit, d.Allowed, d.Rule, allowed, rule)
			}
			checkDecision(t, d)
			checkExplanation(t, p, s, asker, d)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkDecision(t *testing.T, d Decision) {
	t.Helper()
	if d.Allowed != (d.DeniedText() == "") {
		t.Errorf("allowed %v, and says %q", d.Allowed, d.DeniedText())
	}
	if d.Rule != nothing && d.Missing != nil || len(d.Missing) > maxMissing || slices.Contains(d.Missing, "") {
		t.Errorf("decided by %s, and misses %q", d.Rule, d.Missing)
	}
}

// checkExplanation compares what is explained with what was decided.
func checkExplanation(t *testing.T, p *Policy, s Subject, asker *onceAsker, d Decision) {
	t.Helper()
	e := p.Explain(s, "f")
	if (len(e.Asks) > 0) != (len(asker.asked) > 0) || len(asker.asked) > 0 && asker.asked[0] != e.Asks[0] {
		t.Errorf("asked for %q, explained as %q", asker.asked, e.Asks)
	}
	if len(e.Asks) == 0 && (e.IfNo.Rule != d.Rule || e.IfYes.Rule != d.Rule || (e.Outcome() == "allowed") != d.Allowed) {
		t.Errorf("decided by %s, explained by %s: %s", d.Rule, e.IfNo.Rule, e.Outcome())
	}
	no := p.Decide(t.Context(), s, "f", nil)
	yes := p.Decide(t.Context(), s, "f", answers{"org.x.a0": true, "org.x.a1": true, "org.x.a2": true})
	if no.Rule != e.IfNo.Rule || yes.Rule != e.IfYes.Rule {
		t.Errorf("decided by %s or %s, explained by %s or %s", no.Rule, yes.Rule, e.IfNo.Rule, e.IfYes.Rule)
	}
	if len(e.Asks) > 0 && !e.IfYes.Allowed {
		t.Errorf("polkit says yes, and it is denied by %s", e.IfYes.Rule)
	}
	if n := len(e.Trace); n == 0 || e.IfNo.line >= 0 && e.Trace[n-1].Rule != e.IfNo.Rule {
		t.Errorf("the trace ends elsewhere than at %s: %v", e.IfNo.Rule, e.Trace)
	}
}

// A decision that needs no polkit costs no allocation, however long the policy.
func TestStaticDecisionsAllocateNothing(t *testing.T) {
	p := thousandRules(t)
	for _, s := range []Subject{superuser, alice} {
		allocated := testing.AllocsPerRun(100, func() {
			st := p.Begin(s, "f")
			if d, ok := st.Decided(); !ok || !d.Allowed {
				t.Fatalf("got %+v", d)
			}
		})
		if allocated > 0 {
			t.Errorf("uid %d: %v allocations", s.UID, allocated)
		}
	}
}

func thousandRules(tb testing.TB) *Policy {
	p, err := Load(Config{Functions: map[string]Rule{"f": {Kind: Group, ID: 12100}}, Names: fakeNames{}})
	if err != nil {
		tb.Fatal(err)
	}
	var lines []*line
	for i := range uint32(1000) {
		lines = append(lines, &line{when: resolve(Rule{Kind: Group, ID: 20000 + i}, fakeNames{}, nil)})
	}
	lines = append(lines, p.tables["f"].lines...)
	p.tables["f"] = newTable("f", lines, p.tables["f"].users)
	return p
}

func BenchmarkBegin(b *testing.B) {
	p := thousandRules(b)
	b.ReportAllocs()
	for b.Loop() {
		st := p.Begin(alice, "f")
		if d, _ := st.Decided(); !d.Allowed {
			b.Fatal(d)
		}
	}
}
