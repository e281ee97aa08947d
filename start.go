package outwork

import (
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

// Start starts a worker at t, and returns when it is ready. It fails when ctx
// ends first, with a [*LostError] or [*ProtocolError] when the process comes to
// nothing, and with [ErrClosed] when the manager is closed. ctx does not end the
// worker later: Close does.
func (m *Manager) Start(ctx context.Context, t Target) (*Worker, error) {
	return m.start(ctx, &t, (*Worker).exec)
}

// A launcher gives a worker a process, and the manager's end of its link.
type launcher func(*Worker, context.Context, *Target) (mux.Transport, error)

// start is Start by any launcher.
func (m *Manager) start(ctx context.Context, t *Target, launch launcher) (*Worker, error) {
	w, err := m.begin(ctx, t)
	if err == nil {
		err = w.begin(ctx, t, launch)
		m.begun()
	}
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return w, nil
}

// begin makes a worker without a process. When it succeeds, begun must be
// called.
func (m *Manager) begin(ctx context.Context, t *Target) (*Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setup()
	if m.closing {
		return nil, ErrClosed
	}
	name, err := m.name(t)
	if err != nil {
		return nil, err
	}
	m.beginning++
	w := &Worker{m: m, name: name, done: make(chan struct{})}
	if t.Lang != "" {
		w.asks = &asking{w, t.Lang}
	}
	if m.Output == OutputAtomic {
		w.one = make(chan struct{}, 1)
	}
	return w, nil
}

// begun tells Close that one Start less is under way.
func (m *Manager) begun() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beginning--
	m.change()
}

// begin launches the worker and waits until it serves.
func (w *Worker) begin(ctx context.Context, t *Target, launch launcher) error {
	end, err := launch(w, ctx, t)
	if err != nil {
		w.m.forget(w)
		return fmt.Errorf("%s: %w", place(w.name, ""), err)
	}
	if closing := w.m.enlist(w, end); closing {
		w.Close()
		return fmt.Errorf("%s: %w", place(w.name, ""), ErrClosed)
	}
	if _, err := w.link.Greeted(ctx); err != nil {
		return w.stillborn(ctx, err)
	}
	return w.preload(ctx, t)
}

// enlist links w to its manager. It reports whether that is closing.
func (m *Manager) enlist(w *Worker, end mux.Transport) (closing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.link = link.New(end, m.config(w))
	m.workers[w] = true
	if len(m.workers) > 1 {
		m.sink.SetTag(true)
	}
	go w.supervise()
	return m.closing
}

// config is the manager's side of a worker's link. m.mu is held.
func (m *Manager) config(w *Worker) link.Config {
	cfg := link.Config{
		NoFiles: w.plain,
		Side:    mux.ManagerSide, Functions: &functions, Errors: &crossing,
		Hello:     link.Hello{Name: w.name, Build: buildID(), Level: int(m.level), Confinement: "none"},
		Log:       w.log,
		Modules:   w.module,
		Container: w.shared,
	}
	if w.plain {
		cfg.Output = w.tap.Write
	}
	if m.recorder != nil {
		cfg.Record = m.recorder.link(w.name)
	}
	if w.capture != nil && !m.noBarrier {
		cfg.Drain = w.capture.Drain
	}
	return cfg
}

// stillborn is why a worker never came to serve.
func (w *Worker) stillborn(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		w.Close()
		return fmt.Errorf("%s: %w", place(w.name, ""), ctx.Err())
	}
	w.link.Fail(err)
	w.gone()
	err = w.loss("", false)
	if w.asks != nil || !unspoken(err) {
		return err
	}
	return fmt.Errorf("%w (does its main call outwork.Main first?)", err)
}

// unspoken reports whether err is how a program ends that is no worker at all.
func unspoken(err error) bool {
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		return e.Rule == "preamble" || e.Rule == "handshake"
	}
	e, ok := errors.AsType[*LostError](err)
	return ok && e.ExitCode >= 0 && !errors.Is(err, ErrClosed)
}
