package outwork

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/agent"
	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/lost"
)

const (
	sigKill = syscall.SIGKILL
	sigTerm = syscall.SIGTERM
)

// execThere has an agent start the worker's process. The agent itself is asked before
// it is there.
func (w *Worker) execThere(ctx context.Context, t *Target) (mux.Transport, error) {
	if !mainCalled.Load() {
		return nil, errForgotMain
	}
	s, boot, err := t.spawn(w.name)
	if err != nil {
		return nil, err
	}
	h, err := w.m.hostAt(ctx, t.hops(), t.ConnectBack)
	if err != nil {
		return nil, err
	}
	w.host, w.url, w.plain, w.tap = h, h.url, true, w.m.sink.Worker(w.name)
	p, err := h.agent.Start(ctx, s, w.deliver)
	if err != nil && ctx.Err() != nil && !h.arrived() {
		return nil, h.late(ctx.Err())
	}
	if err != nil {
		return nil, w.unstarted(h.lost(err))
	}
	w.proc = there{p, h}
	// What it cannot take its end will tell: it may not have been started at all.
	_ = transport.SendAll(p.Transport(), [][]byte{boot}, nil)
	return p.Transport(), nil
}

// lost is why nothing can be asked of the host, of which err is a sign.
func (h *hostConn) lost(err error) error {
	if h.agent.Err() != nil {
		select { // whether it was ever reached is known next
		case <-h.ready:
		case <-h.ctx.Done():
		}
	}
	if failed := h.unreached(); failed != nil {
		return failed
	}
	if h.agent.Err() != nil {
		err = fmt.Errorf("%w: %w", lost.Host, err)
	}
	return h.m.startError(err)
}

// expect gives the worker its time to greet from when its agent is there.
func (w *Worker) expect() {
	if w.host.await(context.Background()) == nil {
		w.link.Expect()
		w.startClock()
	}
}

// spawn is what an agent is to start.
func (t *Target) spawn(name string) (s *link.Spawn, boot []byte, err error) {
	s = &link.Spawn{Name: name, Lang: t.Lang, Program: t.Program, Env: slices.Clone(t.Env), Whole: t.Env != nil, Dir: t.Dir, Args: []string{}}
	if s.Env == nil {
		s.Env = []string{}
	}
	policy, err := t.policy()
	if err != nil {
		return nil, nil, err
	}
	s.Confine = policy.Encode()
	if t.Lang == "" {
		title := os.Args[0]
		if t.Program != "" {
			title = t.Program
		}
		s.Args = append(s.Args, title+" ["+name+"]")
		return s, nil, nil
	}
	i := guest.Lookup(t.Lang)
	if i == nil {
		return nil, nil, noInterpreter(t.Lang)
	}
	s.Kind = link.SpawnInterpreter
	s.Args, boot = i.Start(guest.Options{Functions: guestFunctions(), Plain: true})
	s.Args = append(s.Args, "["+name+"]") // for ps
	s.Boot = int64(len(boot))
	return s, boot, nil
}

func noInterpreter(lang string) error {
	return fmt.Errorf("no interpreter for the language %q is linked in: import package script/%[1]s", lang)
}

// there is a worker's process at an agent.
type there struct {
	*agent.Process
	h *hostConn
}

// Wait is of process.
func (p there) Wait() (starter.Exit, error) {
	exit, err := p.Process.Wait()
	if cut, ok := errors.AsType[*agent.LostError](err); ok {
		why := cut.Err
		if p.h.agent.Err() != nil { // else it has let go of this process alone
			<-p.h.gone
			why = p.h.cause
		}
		if err = lost.Host; why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
	}
	return exit, err
}

// answers is ask as a program's questions are put to it.
func answers(ask boot.Ask) askpass.Ask {
	return func(ctx context.Context, q askpass.Question) (string, error) {
		return ask(ctx, host.Question{Text: q.Text, Secret: q.Secret, Notice: q.Notice})
	}
}

// far is the place of an agent.
type far struct{ h *hostConn }

// Start is of boot.Place.
func (f far) Start(ctx context.Context, c boot.Command) (boot.Process, error) {
	s := &link.Spawn{Kind: link.SpawnCommand, Program: c.Args[0], Args: c.Args[1:], Env: c.Env}
	if s.Env == nil {
		s.Env = []string{}
	}
	stderr := func(_ int, b []byte) {
		if c.Stderr != nil {
			c.Stderr(b)
		}
	}
	var p *agent.Process
	var err error
	if c.Ask == nil {
		p, err = f.h.agent.Start(ctx, s, stderr)
	} else {
		p, err = f.h.agent.StartAsking(ctx, s, stderr, answers(c.Ask))
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}
