// Package daemon serves a service's functions to the clients that connect.
//
// A call is, one after the other,
//
//	waiting     for a turn among its user's calls; a second at most, then it is busy
//	decided     by the policy, for what the kernel told when the client connected
//	validated   against the description of its argument
//	asked       about at polkit, where the rule wants that
//	recorded    when its function mutates; without a record it is not run
//	running     until it returns, or its context ends and it heeds that
//	recorded    how it ended
//	answered
//
// and ends at the first of these that goes against it. Nothing of it is read
// again from the client once it has been decided about: the argument is a value
// of this process. A denial is recorded, also that of a function that does not
// mutate.
package daemon

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/audit"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// Auditor keeps the records. An *audit.Log is one.
type Auditor interface {
	Before(*audit.Record) error // fails when the call must not run
	After(*audit.Record) error
	Denied(*audit.Record)
}

// Config is what a Daemon needs to know of the process around it.
type Config struct {
	Service *api.Service
	Policy  *policy.Policy
	Asker   policy.Asker // nil: there is no polkit
	Audit   Auditor
	Log     *slog.Logger
}

// Daemon serves connections. It is safe for concurrent use.
type Daemon struct {
	cfg      Config
	registry link.Registry
	policy   atomic.Pointer[policy.Policy]
	turns    *turns
	ends     ends

	mu       sync.Mutex // guards what follows
	sessions map[*session]struct{}
	gone     sync.WaitGroup // sessions; none is added once stopping
	running  int            // calls; none is added once stopping
	stopping bool
	idle     chan struct{} // closed once stopping, when no call runs
}

// New makes a Daemon. It fails for two functions of one name.
func New(cfg Config) (*Daemon, error) {
	d := &Daemon{cfg: cfg, turns: newTurns(cfg.Service.Limits.CallsPerUser), sessions: map[*session]struct{}{}, idle: make(chan struct{})}
	d.policy.Store(cfg.Policy)
	d.ends.log = cfg.Log
	for _, f := range cfg.Service.Functions {
		l := f.Link
		if err := d.registry.Add(&link.Function{
			Name: l.Name, Args: l.Args, Reply: l.Reply, New: l.New, NewReply: l.NewReply, Where: l.Where,
			Invoke: d.invoke(f),
		}); err != nil {
			return nil, err
		}
	}
	describe, err := d.describer()
	if err != nil {
		return nil, err
	}
	return d, d.registry.Add(describe)
}

// SetPolicy makes calls that are not decided yet go by p.
func (d *Daemon) SetPolicy(p *policy.Policy) { d.policy.Store(p) }

// Sessions is how many connections there are.
func (d *Daemon) Sessions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sessions)
}
