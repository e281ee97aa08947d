package service

import (
	"context"
	"fmt"
	"os"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/audit"
	"github.com/outwork-go/outwork/internal/service/daemon"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/transport"
)

func init() { hook.Serve = serveInMemory }

// inMemory is a daemon whose clients are in its own process. What a real one finds
// on its machine comes of options.
type inMemory struct {
	daemon  *daemon.Daemon
	address string
	end     func() error
}

// serveInMemory is [hook.Serve].
func serveInMemory(s any, o hook.ServeOptions) (*hook.Served, error) {
	described := s.(Service)
	a, err := described.check()
	if err != nil {
		return nil, fmt.Errorf("the description of service %q is wrong: %w", described.Name, err)
	}
	pol, err := policy.Load(policy.Config{
		Dir: o.PolicyDir, Owner: o.PolicyOwner, Functions: rulesOf(a.Functions), Names: o.Names,
	})
	if err != nil {
		return nil, fmt.Errorf("the policy: %w", err)
	}
	c := daemon.Config{Service: a, Policy: pol, Audit: recordTo(o.Record), Log: o.Log}
	if o.Polkit != nil {
		c.Asker = askFunc(o.Polkit)
	}
	d, err := daemon.New(c)
	if err != nil {
		return nil, err
	}
	m := &inMemory{daemon: d, address: "memory:" + a.Name}
	if m.end, err = begin(context.Background(), described.Start); err != nil {
		m.stop()
		return nil, err
	}
	return &hook.Served{Connect: m.connect, Stop: m.stop}, nil
}

func (m *inMemory) connect(ctx context.Context, c hook.Caller) (any, error) {
	ours, theirs := transport.Pair()
	peer := &ident.Peer{UID: c.UID, GID: c.GID, Groups: c.Groups, PID: os.Getpid()}
	if err := m.daemon.Serve(theirs, peer, func() {}); err != nil {
		ours.Close()
		return nil, err
	}
	l := link.New(ours, hook.ClientConfig())
	if _, err := l.Greeted(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return hook.Client(l, m.address), nil
}

// stop does not wait for calls: an ended context cancels them.
func (m *inMemory) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m.daemon.Stop(ctx)
	if m.end != nil {
		_ = m.end() // a test closes what it has started itself, if it wants to know
	}
}

// askFunc is a function that answers for polkit.
type askFunc func(ctx context.Context, c hook.Caller, action string) (bool, error)

// Ask is of policy.Asker.
func (ask askFunc) Ask(ctx context.Context, q policy.Question) (policy.Answer, error) {
	c := hook.Caller{UID: q.Subject.UID, Groups: q.Subject.Groups}
	if p := q.Subject.Peer; p != nil {
		c.GID = p.GID
	}
	yes, err := ask(ctx, c, q.Action)
	return policy.Answer{Yes: yes}, err
}

// recordTo is an audit that hands on what it is told, and always can.
type recordTo func(hook.Record)

// Before is of daemon.Auditor.
func (record recordTo) Before(r *audit.Record) error { return record.tell(audit.EventCall, r) }

// After is of daemon.Auditor.
func (record recordTo) After(r *audit.Record) error { return record.tell(audit.EventDone, r) }

// Denied is of daemon.Auditor.
func (record recordTo) Denied(r *audit.Record) { record.tell(audit.EventDenied, r) }

func (record recordTo) tell(event string, r *audit.Record) error {
	record(hook.Record{
		Event: event, Request: r.Request, UID: r.UID, Function: r.Function, Args: string(r.Args),
		Decision: r.Decision, Rule: r.Rule, Result: r.Result, Error: r.Error, Duration: r.Duration,
	})
	return nil
}
