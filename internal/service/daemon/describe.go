package daemon

import (
	"context"
	"reflect"
	"strings"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/describe"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// describer is the function by which anybody who connects learns what the
// service offers, and whether they may call it.
func (d *Daemon) describer() (*link.Function, error) {
	return hook.NewFunction(describe.Name, reflect.TypeFor[describe.Args](), reflect.TypeFor[describe.Description](),
		func(ctx context.Context, _ any) (any, error) {
			s := link.From(ctx).Link().Owner().(*session)
			if err := d.turns.take(ctx, s.peer.UID); err != nil {
				return nil, d.late(s.peer.UID, err)
			}
			defer d.turns.leave(s.peer.UID)
			return describe.Of(d.cfg.Service, s.may), nil
		})
}

// may tells whether the session's user may call a function, and why.
func (s *session) may(function string) (may, why string) {
	subject := policy.Subject{UID: s.peer.UID, Groups: s.peer.Groups, Peer: s.peer}
	e := s.d.policy.Load().Explain(subject, function)
	switch {
	case len(e.Asks) > 0:
		return describe.Ask, "polkit action " + strings.Join(e.Asks, ", ")
	case e.IfNo.Allowed:
		return describe.Yes, e.IfNo.Spoken()
	}
	return describe.No, e.IfNo.DeniedText()
}
