package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/audit"
	"github.com/outwork-go/outwork/internal/service/fault"
	"github.com/outwork-go/outwork/internal/service/logging"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// call is one call on its way, and the context that its function is given: one
// piece, as the link's own is. All else than the context belongs to the goroutine
// that runs it.
type call struct {
	*link.Incoming
	d        *Daemon
	f        *api.Function
	s        *session
	args     any // pointer
	named    sync.Once
	request  string // set by Request
	decision policy.Decision
	entered  bool // the function was: what is in args is its own
	panicked bool
}

// invoke is f as clients reach it.
func (d *Daemon) invoke(f *api.Function) func(context.Context, any) (any, error) {
	return func(ctx context.Context, args any) (any, error) {
		in := link.From(ctx)
		c := &call{Incoming: in, d: d, f: f, s: in.Link().Owner().(*session), args: args}
		defer c.release()
		return c.run(c)
	}
}

// Value is of context.Context.
func (c *call) Value(key any) any {
	if key == (logging.CallKey{}) {
		return c
	}
	return c.Incoming.Value(key)
}

// Request is the call's id, made when it is first asked for. Like UID it is of
// logging.Call.
func (c *call) Request() string {
	c.named.Do(func() { c.request = audit.NewRequest() })
	return c.request
}

// UID is the caller's.
func (c *call) UID() uint32 { return c.s.peer.UID }

// release closes the files that came with a call whose function was not entered:
// nobody else will.
func (c *call) release() {
	if c.entered {
		return
	}
	crossings := c.f.Link.Args.Crossings()
	for i := range crossings {
		if crossings[i].Kind != codec.File {
			continue
		}
		if f := crossings[i].Of(c.args).Interface().(*os.File); f != nil {
			c.Link().Discard(f)
		}
	}
}

// run takes the call through all that the package doc lists.
func (c *call) run(ctx context.Context) (any, error) {
	d := c.d
	if !d.begin() {
		return nil, &fault.Busy{Text: d.cfg.Service.Daemon + " is stopping: try again when it is back"}
	}
	defer d.end()
	uid := c.s.peer.UID
	if err := d.turns.take(ctx, uid); err != nil {
		return nil, d.late(uid, err)
	}
	defer d.turns.leave(uid)
	if err := c.permit(ctx); err != nil {
		return nil, err
	}
	if c.f.Mutates {
		return c.recorded(ctx)
	}
	return c.enter(ctx)
}

// late is the error of a call whose turn did not come.
func (d *Daemon) late(uid uint32, err error) error {
	if !errors.Is(err, errBusy) {
		return err
	}
	return &fault.Busy{Text: fmt.Sprintf("uid %d has %d calls under way at %s, which is as many as it may: try again when they are through",
		uid, d.turns.limit, d.cfg.Service.Daemon)}
}

// permit is nil for a call that the policy allows and whose argument is valid.
func (c *call) permit(ctx context.Context) error {
	pol := c.d.policy.Load()
	step := pol.Begin(c.subject(), c.f.Link.Name)
	decision, decided := step.Decided()
	if decided && !decision.Allowed {
		return c.deny(decision)
	}
	if problem := c.f.Args.Validate(c.args); problem != nil {
		return &fault.Invalid{Function: c.f.Link.Name, Field: problem.Field, Problem: problem.Text}
	}
	if !decided {
		var err error
		if decision, err = c.ask(ctx, pol, step); err != nil {
			return err
		}
	}
	if !decision.Allowed {
		return c.deny(decision)
	}
	c.decision = decision
	return ctx.Err() // the client may have gone while polkit asked
}

func (c *call) subject() policy.Subject {
	p := c.s.peer
	return policy.Subject{UID: p.UID, Groups: p.Groups, Peer: p}
}

// details is what polkit shows to who authenticates.
func (c *call) details() map[string]string {
	return map[string]string{"function": c.f.Link.Name, "arguments": string(c.arguments())}
}

func (c *call) deny(decision policy.Decision) error {
	name := c.f.Link.Name
	c.d.cfg.Audit.Denied(c.record(decision))
	return &fault.Denied{
		Function: name, UID: c.s.peer.UID, Rule: decision.Rule, Missing: decision.Missing,
		Text: decision.DeniedText(),
	}
}

// record is what is known of the call before it runs.
func (c *call) record(decision policy.Decision) *audit.Record {
	p := c.s.peer
	r := &audit.Record{
		Request: c.Request(),
		UID:     p.UID, GID: p.GID, Groups: p.Groups, PID: p.PID, Exe: p.Exe, Label: p.Label,
		Function: c.f.Link.Name, Args: c.arguments(),
		Decision: "allowed", Rule: decision.Rule,
	}
	if !decision.Allowed {
		r.Decision = "denied"
		r.Error = strings.Join(decision.Notes, "; ")
	}
	return r
}

// arguments is the argument as it is recorded.
func (c *call) arguments() []byte {
	return c.f.Args.AppendJSON(nil, c.args, schema.ForRecords)
}

// recorded runs the function between two records.
func (c *call) recorded(ctx context.Context) (reply any, err error) {
	r, began := c.record(c.decision), time.Now()
	if err := c.d.cfg.Audit.Before(r); err != nil {
		c.d.cfg.Log.ErrorContext(ctx, "a call was refused because it could not be recorded", "function", c.f.Link.Name, "cause", err)
		return nil, &fault.Internal{Request: c.Request()}
	}
	defer func() { c.recordEnd(ctx, r, began, err) }()
	return c.enter(ctx)
}

// recordEnd writes the record of how the call ended.
func (c *call) recordEnd(ctx context.Context, r *audit.Record, began time.Time, err error) {
	r.Duration = time.Since(began)
	r.Result, r.Error = c.result(err)
	if err := c.d.cfg.Audit.After(r); err != nil {
		c.d.cfg.Log.ErrorContext(ctx, "the end of a call could not be recorded", "function", c.f.Link.Name, "result", r.Result, "cause", err)
	}
}

// result is the call's end as it is recorded. The methods of err are the
// program's own: they may panic now, though they did not before.
func (c *call) result(err error) (result, text string) {
	defer func() {
		if v := recover(); v != nil {
			result, text = audit.ResultError, fmt.Sprintf("an error of type %T whose methods panic", err)
		}
	}()
	switch {
	case c.panicked:
		return audit.ResultPanic, ""
	case err == nil:
		return audit.ResultOK, ""
	case errors.Is(err, context.DeadlineExceeded):
		return audit.ResultDeadline, err.Error()
	case errors.Is(err, context.Canceled):
		return audit.ResultCancelled, err.Error()
	}
	return audit.ResultError, err.Error()
}

// enter runs the function. A panic is for the log; the client is told where to
// look.
func (c *call) enter(ctx context.Context) (reply any, err error) {
	defer func() {
		switch v := recover(); {
		case v != nil:
			reply, err = nil, c.panic(ctx, v)
		case c.panicked: // what the client is told of it is the link's affair
			c.d.cfg.Log.ErrorContext(ctx, "a function ended its goroutine (runtime.Goexit)", "function", c.f.Link.Name)
		}
	}()
	c.entered, c.panicked = true, true // until it has returned
	reply, err = c.f.Link.Invoke(ctx, c.args)
	try(err)
	c.panicked = false
	return reply, err
}

// try calls the methods of err that the answer is made of. If one panics, so has
// the function.
func try(err error) {
	if err == nil {
		return
	}
	_ = err.Error()
	errors.Is(err, errTried)
	errors.AsType[*fault.Internal](err)
}

// errTried is an error that no function returns.
var errTried = errors.New("tried")

// panic is what the client is told of one.
func (c *call) panic(ctx context.Context, v any) error {
	c.d.cfg.Log.ErrorContext(ctx, "a function panicked", "function", c.f.Link.Name, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return &fault.Internal{Request: c.Request()}
}
