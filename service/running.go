package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

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

func (r *running) make(pol *policy.Policy) (err error) {
	r.polkit = polkit.New(polkit.Config{})
	r.daemon, err = daemon.New(daemon.Config{
		Service: r.Service, Policy: pol, Asker: r.polkit, Audit: r.audit, Log: r.log,
	})
	return err
}

// stopTime is how long calls have to finish when the daemon is asked to end.
const stopTime = 30 * time.Second

// run serves until a signal or ctx ends it, or the socket fails.
func (r *running) run(ctx context.Context, signals <-chan os.Signal) error {
	accepting, stopAccepting := context.WithCancel(ctx)
	defer stopAccepting()
	accepted := make(chan error, 1)
	go func() { accepted <- r.accept(accepting) }()
	r.log.Info(r.Daemon+" is ready", "socket", r.listener.Path(), "version", r.Version, "records", r.audit.Sinks())
	systemd.Ready(fmt.Sprintf("Serving %d functions on %s", len(r.Functions), r.listener.Path()))
	dog := systemd.Watch(r.alive)
	err := r.wait(ctx, signals, accepted)
	dog.Stop()
	systemd.Stopping()
	stopAccepting()
	return r.end(err)
}

// wait returns nil when the daemon is asked to end.
func (r *running) wait(ctx context.Context, signals <-chan os.Signal, accepted <-chan error) error {
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				r.reload()
				continue
			}
			r.log.Info(r.Daemon+" ends: calls that run may finish", "signal", s.String(), "calls", r.daemon.Running())
			return nil
		case <-ctx.Done():
			return nil
		case err := <-accepted:
			return err
		}
	}
}

// accept serves whoever connects.
func (r *running) accept(ctx context.Context) error {
	for {
		c, err := r.listener.Accept(ctx)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, listen.ErrClosed) {
				return nil
			}
			return err
		}
		t, err := c.Transport()
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

// alive is what the watchdog asks: it returns when the daemon's locks can be had.
func (r *running) alive() { r.daemon.Sessions() }

// reload takes the policy that is there now, and reopens the records. What cannot
// be had anew stays as it was.
func (r *running) reload() {
	done := systemd.Reloading()
	defer done()
	if err := r.audit.Reopen(); err != nil {
		r.log.Error("the records could not be reopened: they go on where they were", "cause", err)
	}
	pol, err := policy.Load(r.policy)
	if err != nil {
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

// end lets calls finish, and closes all.
func (r *running) end(err error) error {
	r.audit.Flush() // before anything that a client could draw out
	err = errors.Join(err, r.listener.Close())
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if stopped := r.daemon.Stop(ctx); stopped != nil {
		r.log.Warn("some calls did not finish in time", "time", stopTime, "cause", stopped)
	}
	r.polkit.Close()
	if err = errors.Join(err, r.stop(), r.audit.Close()); err != nil {
		return shell.Failf(shell.Failed, "%s: %v", r.Daemon, err)
	}
	return nil
}
