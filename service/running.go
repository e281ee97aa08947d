package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/audit"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/daemon"
	"github.com/outwork-go/outwork/internal/service/listen"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/polkit"
	"github.com/outwork-go/outwork/internal/service/systemd"
)

// running is a daemon with all that it holds open.
type running struct {
	*program
	log      *slog.Logger
	policy   policy.Config
	audit    *audit.Log
	listener *listen.Listener
	polkit   *polkit.Authority
	daemon   *daemon.Daemon
	stop     func() error // what Service.Start has started
}

// begin is Service.Start, with what is to be called at the end.
func begin(ctx context.Context, start func(context.Context) (func() error, error)) (stop func() error, err error) {
	nothing := func() error { return nil }
	if start == nil {
		return nothing, nil
	}
	if stop, err = start(ctx); err != nil {
		return nil, fmt.Errorf("start what its functions need: %w", err)
	}
	if stop == nil {
		stop = nothing
	}
	return stop, nil
}

// begin is begin in a daemon. Who asks it to end ends what Start waits for; what
// Start has begun lives until the last call has ended.
func (p *program) begin(e ending) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.once))
	defer context.AfterFunc(e.once, cancel)()
	return within(e.twice, func() (func() error, error) { return begin(ctx, p.start) })
}

func (r *running) make(pol *policy.Policy) (err error) {
	r.polkit = polkit.New(polkit.Config{})
	r.daemon, err = daemon.New(daemon.Config{
		Service: r.Service, Policy: pol, Asker: r.polkit, Audit: r.audit, Log: r.log,
	})
	return err
}

// stopTime is how long calls have to finish when the daemon is asked to end.
const stopTime = 30 * time.Second

// run serves until it is asked to end, or the socket fails.
func (r *running) run(e ending, hangups <-chan os.Signal) error {
	accepting, stopAccepting := context.WithCancel(e.once)
	defer stopAccepting()
	accepted := make(chan error, 1)
	go func() { accepted <- r.accept(accepting) }()
	go r.reloads(accepting, hangups)
	r.log.Info(r.Daemon+" is ready", "socket", r.listener.Path(), "version", r.Version, "records", r.audit.Sinks())
	systemd.Ready(fmt.Sprintf("Serving %d functions on %s", len(r.Functions), r.listener.Path()))
	dog := systemd.Watch(r.alive)
	err := r.wait(e.once, accepted)
	dog.Stop()
	systemd.Stopping()
	stopAccepting()
	return r.end(e.twice, err)
}

// wait returns nil when the daemon is asked to end.
func (r *running) wait(asked context.Context, accepted <-chan error) error {
	select {
	case <-asked.Done():
	case err := <-accepted:
		if asked.Err() == nil {
			return err
		}
	}
	r.log.Info(r.Daemon+" ends: calls that run may finish", "signal", context.Cause(asked), "calls", r.daemon.Running())
	return nil
}

// reloads reloads at each SIGHUP, one after the other. It is not waited for: who
// tells what users there are may take long, or never answer.
func (r *running) reloads(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			r.reload(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// accept serves whoever connects.
func (r *running) accept(ctx context.Context) error {
	files := takesFiles(r.Functions)
	for {
		c, err := r.listener.Accept(ctx)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, listen.ErrClosed) {
				return nil
			}
			return err
		}
		t, err := c.Transport(files)
		if err != nil {
			r.log.Warn("a client's connection cannot be served", "uid", c.Peer.UID, "cause", err)
			c.Release()
			continue
		}
		if r.daemon.Serve(t, c.Peer, c.Release) != nil {
			c.Release()
		}
	}
}

// takesFiles reports whether a client has a right to pass an open file: in an argument,
// or in its answer to what it is asked.
func takesFiles(functions []*api.Function) bool {
	hasFile := func(crossings []codec.Crossing) bool {
		return slices.ContainsFunc(crossings, func(c codec.Crossing) bool { return c.Kind == codec.File })
	}
	return slices.ContainsFunc(functions, func(f *api.Function) bool {
		return hasFile(f.Link.Args.Crossings()) ||
			slices.ContainsFunc(f.Asks, func(asked *link.Function) bool { return hasFile(asked.Reply.Crossings()) })
	})
}

// alive is what the watchdog asks: it returns when the daemon's locks can be had.
func (r *running) alive() { r.daemon.Sessions() }

// reload takes the policy that is there now, and reopens the records. What cannot
// be had anew stays as it was, and so does all when ctx ends.
func (r *running) reload(ctx context.Context) {
	if ctx.Err() != nil {
		return // it came with the end
	}
	done := systemd.Reloading()
	defer func() {
		if ctx.Err() == nil {
			done()
		}
	}()
	if err := r.audit.Reopen(); err != nil {
		r.log.Error("the records could not be reopened: they go on where they were", "cause", err)
	}
	pol, err := within(ctx, func() (*policy.Policy, error) { return policy.Load(r.policy) })
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		r.log.Error("the policy was not reloaded: the former one holds", "cause", err)
		return
	}
	r.tellPolicy(pol)
	r.daemon.SetPolicy(pol)
	r.log.Info("the policy was reloaded", "directory", r.policy.Dir, "extent", extent(pol))
}

// tellPolicy logs what in a policy is likely not meant.
func (r *running) tellPolicy(pol *policy.Policy) {
	for _, path := range pol.Ignored {
		if strings.HasSuffix(path, ".off") {
			continue // meant to be, as the example that is installed
		}
		r.log.Warn("a file is no policy, and ignored: policy files end in .yaml", "file", path)
	}
	for _, absent := range pol.Absent {
		r.log.Warn("a rule matches nobody", "rule", absent)
	}
}

// refused logs clients that the listener turned away.
func (r *running) refused(n listen.Notice) {
	attributes := []any{"reason", n.Reason.String(), "count", n.Count}
	if !n.Many {
		attributes = append(attributes, "uid", n.UID)
	}
	if n.Err != nil {
		attributes = append(attributes, "cause", n.Err)
	}
	r.log.Warn("connections were refused", attributes...)
}

// end lets calls finish, until asked again, and closes all.
func (r *running) end(again context.Context, err error) error {
	r.audit.Flush() // before anything that a client could draw out
	err = errors.Join(err, r.listener.Close())
	ctx, cancel := context.WithTimeout(again, stopTime)
	defer cancel()
	switch stopped := r.daemon.Stop(ctx); {
	case stopped != nil && again.Err() != nil:
		r.log.Warn("calls that ran were cancelled: it was asked again to end", "cause", stopped)
	case stopped != nil:
		r.log.Warn("some calls did not finish in time", "time", stopTime, "cause", stopped)
	}
	r.polkit.Close()
	if err = errors.Join(err, r.stop(), r.audit.Close()); err != nil {
		return shell.Failf(shell.Failed, "%s: %v", r.Daemon, err)
	}
	return nil
}
