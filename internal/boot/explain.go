package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/starter"
)

// Why a host was not reached, and at which stage.

// unstarted explains why the hop's command cannot be started.
func (b *boot) unstarted(ctx context.Context, args []string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if errors.Is(err, exec.ErrNotFound) || strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		err = fmt.Errorf("%s is not installed here, or not in PATH", args[0])
		if args[0] == "ssh" {
			err = fmt.Errorf("%w: Debian has it in openssh-client", err)
		}
	}
	return &host.Error{Stage: host.Connect, Hop: b.hop.String(), Err: err, Code: -1}
}

// explain makes a *host.Error of how a session ended.
func (b *boot) explain(err error, exit starter.Exit) error {
	e := &host.Error{Stage: b.now, Hop: b.hop.String(), Err: err, Lines: b.words.lines(), Facts: (*host.Facts)(b.facts), Code: exit.Code}
	if f, ok := errors.AsType[*fault](err); ok {
		e.Stage, e.Err = f.stage, f.err
		return e
	}
	if d := b.denied.Load(); d != nil && errors.Is(err, io.EOF) && !b.spoke {
		e.Stage, e.Err = d.stage, d.err // the command was faster
		return e
	}
	switch {
	case errors.Is(err, io.EOF) && !b.spoke && b.lacksLoader(exit, e.Lines):
		e.Stage, e.Err = host.Execute, noAgent{errLoader}
	case errors.Is(err, io.EOF) && !b.spoke:
		e.Stage, e.Err = b.refused(exit, e.Lines)
	case errors.Is(err, io.EOF):
		e.Err = fmt.Errorf("it ended (%v) instead of going on", exit)
		if b.now == host.Execute && b.lacksLoader(exit, e.Lines) {
			e.Err = errLoader
		}
		if b.now == host.Execute && b.o.Exec == nil {
			e.Err = noAgent{e.Err}
		}
	case errors.Is(err, errStalled):
		e.Stage, e.Err = b.stalled()
	case !b.spoke && b.ctx.Err() == nil: // it speaks, but makes no sense
		e.Stage = host.Shell
	case !b.spoke:
		e.Stage = b.reachedStage()
	}
	return e
}

// refused is why the hop's command ended without a shell.
func (b *boot) refused(exit starter.Exit, lines []string) (host.Stage, error) {
	if x, ok := b.hop.(host.Explainer); ok {
		stage, why := x.Explain(exit.Code, lines)
		if why != "" {
			return stage, errors.New(why)
		}
		if stage != 0 {
			return stage, b.ended(exit)
		}
	}
	return host.Shell, b.ended(exit)
}

func (b *boot) ended(exit starter.Exit) error {
	switch {
	case exit.Code == 126:
		return noAgent{fmt.Errorf("the shell there cannot run /bin/sh, or that the agent (%v)", exit)}
	case exit.Code == 127:
		return fmt.Errorf("there is no /bin/sh, or what leads to it (%v)", exit)
	case b.p != nil && (exit.Code == AgentFailed || exit.Code == goFatal || exit.Code > 128):
		return noAgent{fmt.Errorf("the agent there has ended (%v) before it said anything", exit)}
	}
	return fmt.Errorf("it ended (%v) before a shell or an agent said anything", exit)
}

// stalled is for a silence.
func (b *boot) stalled() (host.Stage, error) {
	err := fmt.Errorf("nothing came from it, and nothing could be sent, for %v", b.stall)
	switch {
	case !b.spoke && b.prompt != "" && b.tries == 0:
		return host.Authenticate, fmt.Errorf("%w: it may be asking for something in a way that is not known here", err)
	case !b.spoke:
		return b.reachedStage(), err
	case b.now == host.Execute:
		return host.Handshake, err
	}
	return b.now, err
}

// reachedStage is what a hop's command that has not led to a shell is most likely at.
func (b *boot) reachedStage() host.Stage {
	switch {
	case b.noise > 0: // a login shell, or what it runs
		return host.Shell
	case b.prompt != "" || b.asked.Load():
		return host.Authenticate
	}
	return host.Connect
}

// notFound is a shell's exit status for a program that it cannot find, or whose loader.
const notFound = 127

var errLoader = errors.New("the program was put there, and does not run: the C library that it was built for is not there, it seems (built with CGO_ENABLED=0 it needs none)")

// lacksLoader reports whether a program that is there was not found.
func (b *boot) lacksLoader(exit starter.Exit, lines []string) bool {
	return exit.Code == notFound && b.p != nil && slices.ContainsFunc(lines, func(line string) bool {
		return strings.Contains(line, "outwork-"+b.is.hash)
	})
}
