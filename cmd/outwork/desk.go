package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/hexview"
	"github.com/outwork-go/outwork/inspect/desk"
	"github.com/outwork-go/outwork/script/python"
	_ "github.com/outwork-go/outwork/script/starlark/formats"
	_ "github.com/outwork-go/outwork/script/starlark/show"
)

// grantTerminal is the word that lets a script show a container on this terminal.
const grantTerminal = "terminal"

// takeTerminal takes that word out of what is granted, and says where it cannot be.
func (o *runOptions) takeTerminal(a *app, s *source, ds []destination) error {
	at := slices.Index(s.Grants, grantTerminal)
	if at < 0 {
		return nil
	}
	o.terminal = true
	s.Grants = slices.DeleteFunc(slices.Clone(s.Grants), func(g string) bool { return g == grantTerminal })
	switch {
	case len(ds) > 1:
		return usage("--grant %s: a script that runs at several places cannot have it", grantTerminal)
	case !isTerminal(a.stdin) || !isTerminal(a.stderr):
		return usage("--grant %s: standard input and standard error are to be a terminal, and are not", grantTerminal)
	}
	return nil
}

// granting lets the script ask this side for what it may: to take a container apart, where
// its language cannot, and to show one on the terminal.
func (j *job) granting(ctx context.Context, a *app, o *runOptions) context.Context {
	// Another manager's workers do that: the script's own would no longer be its only one,
	// and what it prints would be told apart by its name.
	own := &outwork.Manager{Stdout: j.manager.Stderr, Stderr: j.manager.Stderr, Log: j.manager.Log}
	j.closers = append(j.closers, own)
	if j.Lang == python.Lang {
		parsing := &desk.Desk{Manager: own, Find: j.find}
		ctx = call.WithGrants(ctx, parsing.Grant())
	}
	if o.terminal {
		showing := &hexview.Desk{
			Manager: own, Terminal: hexview.Terminal{In: a.stdin, Out: a.stderr}, Find: j.find, Hold: j.screen.hold,
		}
		ctx = call.WithGrants(ctx, showing.Grant())
	}
	return ctx
}

// find is what is shared under a name.
func (j *job) find(name string) (container.Container, error) {
	if c := j.shared[name]; c != nil {
		return c, nil
	}
	have := "nothing is shared"
	if names := slices.Sorted(maps.Keys(j.shared)); len(names) > 0 {
		have = "shared are " + strings.Join(names, ", ")
	}
	return nil, fmt.Errorf("there is no shared container %q; %s: %w", name, have, fs.ErrNotExist)
}
