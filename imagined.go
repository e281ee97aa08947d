package outwork

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

func init() {
	hook.Start = func(ctx context.Context, m, t any) (any, error) {
		target := t.(Target)
		w, err := m.(*Manager).start(ctx, &target, (*Worker).imagine)
		return w, err
	}
	hook.Pool = func(ctx context.Context, m, t any, n int) (any, error) {
		manager := m.(*Manager)
		p, err := manager.pool(ctx, t.(Target), n, func(ctx context.Context, t *Target) (*Worker, error) {
			return manager.start(ctx, t, (*Worker).imagine)
		})
		return p, err
	}
	hook.StartPaged = func(ctx context.Context, m, t any) (any, error) {
		target := t.(Target)
		return m.(*Manager).start(ctx, &target, func(w *Worker, ctx context.Context, t *Target) (mux.Transport, error) {
			w.noFiles = true
			return w.imagine(ctx, t)
		})
	}
}

// imagine gives the worker a life in this process.
func (w *Worker) imagine(_ context.Context, t *Target) (mux.Transport, error) {
	if t.Program != "" || t.Lang != "" || t.Dir != "" || t.Env != nil {
		return nil, errors.New("fields Program, Lang, Dir and Env are for workers that have a process")
	}
	if t.confined() {
		return nil, errors.New("a worker without a process cannot have a Sandbox")
	}
	if p, err := t.policy(); err != nil || p != nil {
		return nil, cmp.Or(err, errNoHolder)
	}
	ours, theirs := transport.Pair()
	p := &imagined{asked: make(chan struct{}), ended: make(chan struct{})}
	cfg := workerConfig(new(slog.LevelVar), p.ask)
	cfg.NoFiles = w.noFiles
	p.l = link.New(theirs, cfg)
	w.proc = p
	go p.run()
	return ours, nil
}

// imagined stands for the process of a worker that has none.
type imagined struct {
	l     *link.Link
	once  sync.Once
	asked chan struct{} // closed when the manager wants it to finish
	ended chan struct{} // closed when it has

	mu   sync.Mutex
	exit starter.Exit
}

func (p *imagined) ask() { p.once.Do(func() { close(p.asked) }) }

// run is what work is to a process.
func (p *imagined) run() {
	finish(p.l, p.asked)
	p.l.Close()
	close(p.ended)
}

// Wait is of process. Functions that ignore their context keep it waiting: they
// cannot be killed.
func (p *imagined) Wait() (starter.Exit, error) {
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit, nil
}

// Signal is of process: every signal ends it.
func (p *imagined) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exit.Signal == 0 {
		p.exit = starter.Exit{Code: -1, Signal: int(sig)}
		p.l.Fail(io.EOF)
	}
	return nil
}
