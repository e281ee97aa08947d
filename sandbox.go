package outwork

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/sandbox"
)

// Confinement is what holds the worker. Before it is ready that is the zero value.
func (w *Worker) Confinement() sandbox.Report {
	if !w.greeted.Load() {
		return sandbox.Report{}
	}
	r, err := confine.ParseReport(w.link.Peer().Confinement)
	if err != nil {
		return sandbox.Report{}
	}
	return sandbox.Report(r)
}

// checkHeld makes sure that the worker has told that it is held as its target asks.
func (w *Worker) checkHeld() error {
	if w.level == "" {
		return nil
	}
	r, err := confine.ParseReport(w.link.Peer().Confinement)
	if err == nil && r.Level != w.level {
		err = fmt.Errorf("it says that it is confined as %q, not %q: does its program have this version of outwork?", r.Level, w.level)
	}
	if err != nil {
		return fmt.Errorf("%s: sandbox: %w", w.place(), err)
	}
	return nil
}

// policy is what t asks for, for who starts its process; nil: nothing.
func (t *Target) policy() (*confine.Policy, error) {
	s, l := &t.Sandbox, t.limits()
	p := &confine.Policy{
		Level: s.Level, ReadOnly: s.ReadOnly, ReadWrite: s.ReadWrite, Devices: s.Devices,
		Network: s.Network, Subprocesses: s.Subprocesses, AllowReduced: s.AllowReduced,
		Limits: confine.Limits{Memory: l.Memory, CPU: l.CPU, Files: l.Files, Processes: l.Processes},
	}
	for _, list := range [][]string{p.ReadOnly, p.ReadWrite, p.Devices} {
		for _, path := range list {
			if !filepath.IsAbs(path) {
				return nil, fmt.Errorf("sandbox: the path %q is not absolute", path)
			}
		}
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	if !p.Active() {
		return nil, nil
	}
	return p, nil
}

// confined reports whether t has a sandbox.
func (t *Target) confined() bool { return t.Sandbox.Level != "" && t.Sandbox.Level != sandbox.None }

// limits are t's, with the defaults where it has a sandbox, and 0 for none.
func (t *Target) limits() sandbox.Limits {
	l := t.Limits
	if t.confined() {
		d := sandbox.DefaultLimits()
		l.Memory, l.CPU, l.WallTime = or(l.Memory, d.Memory), or(l.CPU, d.CPU), or(l.WallTime, d.WallTime)
		l.Files, l.Processes = or(l.Files, d.Files), or(l.Processes, d.Processes)
		l.Output, l.Reply = or(l.Output, d.Output), or(l.Reply, d.Reply)
	}
	l.Memory, l.CPU, l.WallTime = max(l.Memory, 0), max(l.CPU, 0), max(l.WallTime, 0)
	l.Files, l.Processes = max(l.Files, 0), max(l.Processes, 0)
	l.Output, l.Reply, l.Served = max(l.Output, 0), max(l.Reply, 0), max(l.Served, 0)
	return l
}

// or is a limit, or the default where it is zero.
func or[T int | int64 | time.Duration](limit, otherwise T) T {
	if limit == 0 {
		return otherwise
	}
	return limit
}
