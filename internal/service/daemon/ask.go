package daemon

import (
	"context"
	"errors"

	"github.com/outwork-go/outwork/internal/service/fault"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/polkit"
)

// ask decides a call that takes polkit's word. That takes minutes, if a person has
// to find a password: when the policy changes meanwhile, the call is decided
// again, by the new one, with the answers that are there.
func (c *call) ask(ctx context.Context, pol *policy.Policy, step policy.Step) (policy.Decision, error) {
	asker := &remembering{asker: c.d.cfg.Asker, answers: map[string]policy.Answer{}}
	decision := step.Ask(ctx, asker, c.details())
	for now := c.d.policy.Load(); now != pol; now = c.d.policy.Load() {
		pol = now
		again := pol.Begin(c.subject(), c.f.Link.Name)
		decision = again.Ask(ctx, asker, c.details())
	}
	if asker.busy && !decision.Allowed {
		return decision, &fault.Busy{Text: polkit.ErrBusy.Error()}
	}
	return decision, nil
}

// remembering asks for each action once.
type remembering struct {
	asker   policy.Asker // may be nil
	answers map[string]policy.Answer
	busy    bool // polkit has too many questions already
}

// Ask is of policy.Asker.
func (r *remembering) Ask(ctx context.Context, q policy.Question) (policy.Answer, error) {
	if a, ok := r.answers[q.Action]; ok {
		return a, nil
	}
	if r.asker == nil {
		return policy.Answer{}, errNoPolkit
	}
	a, err := r.asker.Ask(ctx, q)
	r.busy = r.busy || errors.Is(err, polkit.ErrBusy)
	if err == nil {
		r.answers[q.Action] = a
	}
	return a, err
}

var errNoPolkit = errors.New("this daemon asks no polkit")
