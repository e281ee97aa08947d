package outwork

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/lost"
)

// Start starts a worker at t, and returns when it is ready. It fails when ctx
// ends first, with a [*LostError] or [*ProtocolError] when the process comes to
// nothing, and with [ErrClosed] when the manager is closed. ctx does not end the
// worker later: Close does.
func (m *Manager) Start(ctx context.Context, t Target) (*Worker, error) {
	if t.onHost() && t.Lang != "" {
		return m.startGuestThere(ctx, &t)
	}
	return m.start(ctx, &t, t.launcher())
}

// Begin is Start that does not wait until the worker is ready: a call that is made at
// once goes along with the request for it, so that on a host it costs no round trip of
// its own. What goes wrong with starting the worker is the error of its calls and of
// [Worker.Ready]. With Target.Lang it waits until the host is reached. A call to a worker with
// a Sandbox is sent when that has told how it is held.
func (m *Manager) Begin(ctx context.Context, t Target) (*Worker, error) {
	return m.launch(ctx, &t, t.launcher())
}

// launcher is how a worker at t gets its process.
func (t *Target) launcher() launcher {
	switch {
	case t.onHost() && t.Lang != "":
		return (*Worker).execGuestThere
	case t.onHost():
		return (*Worker).execThere
	}
	return (*Worker).exec
}

// A launcher gives a worker a process, and the manager's end of its link.
type launcher func(*Worker, context.Context, *Target) (mux.Transport, error)

// start is Start by any launcher.
func (m *Manager) start(ctx context.Context, t *Target, launch launcher) (*Worker, error) {
	w, err := m.launch(ctx, t, launch)
	if err != nil {
		return nil, err
	}
	if err := w.Ready(ctx); err != nil {
		if ctx.Err() != nil {
			w.Close()
		}
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return w, nil
}

// launch is Begin by any launcher.
func (m *Manager) launch(ctx context.Context, t *Target, launch launcher) (*Worker, error) {
	w, err := m.newWorker(ctx, t)
	if err == nil {
		err = w.launch(ctx, t, launch)
		m.doneBeginning()
	}
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return w, nil
}

// unstarted is why there is no process: that its host is lost, or who starts processes here, is
// a loss of the worker.
func (w *Worker) unstarted(err error) error {
	err = w.m.startError(err)
	_, down := errors.AsType[*link.Down](err)
	if down || errors.Is(err, lost.Host) {
		return &LostError{Worker: w.name, Host: w.at(), ExitCode: -1, Cause: err}
	}
	return err
}

// newWorker makes a worker without a process. When it succeeds, doneBeginning must be
// called.
func (m *Manager) newWorker(ctx context.Context, t *Target) (*Worker, error) {
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
	w := &Worker{m: m, name: name, limits: t.limits(), strictGrace: t.pooled, same: t.Program == "" && t.Lang == "", exits: make(chan exited, 1), readying: make(chan struct{}, 1), ready: make(chan struct{}), done: make(chan struct{})}
	if t.confined() {
		w.level, w.sandbox = t.Sandbox.Level, t.Sandbox
	}
	if t.Lang != "" {
		w.asks = &asking{w, t.Lang}
	}
	if m.Output == OutputAtomic {
		w.one = make(chan struct{}, 1)
	}
	return w, nil
}

// doneBeginning tells Close that one Start less is under way.
func (m *Manager) doneBeginning() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beginning--
	m.forsakeHosts()
	m.change()
}

// launch launches the worker, and sees to it that ready tells when it serves.
func (w *Worker) launch(ctx context.Context, t *Target, launch launcher) error {
	w.preloads = t.Preload
	end, err := launch(w, ctx, t)
	if err != nil {
		w.m.forget(w)
		return fmt.Errorf("%s: %w", place(w.name, ""), err)
	}
	w.live()
	if closing := w.m.enlist(w, end); closing {
		w.Close()
		return fmt.Errorf("%s: %w", place(w.name, ""), ErrClosed)
	}
	if w.host != nil {
		w.host.reach()
		go w.expect()
	} else {
		w.startClock()
	}
	return nil
}

// Ready returns when the worker serves, or with the reason why it does not. A call does
// not need it: what Begin has begun is ready at the latest when its first call returns.
func (w *Worker) Ready(ctx context.Context) error {
	select {
	case <-w.ready:
		return w.notReady
	case w.readying <- struct{}{}:
		defer func() { <-w.readying }()
	case <-ctx.Done():
		return w.late(ctx.Err())
	}
	select {
	case <-w.ready: // since a moment ago
		return w.notReady
	default:
	}
	err := w.greet(ctx)
	if err == nil || ctx.Err() == nil {
		w.notReady = err
		close(w.ready)
	}
	return err
}

// late is err, of a context that has ended before the worker served; that its host was not
// reached is why.
func (w *Worker) late(err error) error {
	if w.host != nil && !w.host.arrived() {
		return fmt.Errorf("%s: %w", place(w.name, ""), w.host.late(err))
	}
	return fmt.Errorf("%s: %w", w.place(), err)
}

// greet waits until the worker serves, and has it import what is to be there.
func (w *Worker) greet(ctx context.Context) error {
	if _, err := w.link.Greeted(ctx); err != nil {
		if ctx.Err() != nil {
			return w.late(ctx.Err())
		}
		return w.stillborn(err)
	}
	if err := w.checkHeld(); err != nil {
		w.kill(err)
		w.gone()
		return err
	}
	w.greeted.Store(true)
	return w.preload(ctx)
}

// mayCall waits until a call of f with args may be sent: at once when it is likely that
// the worker takes it. One that is to be confined says first that it is.
func (w *Worker) mayCall(ctx context.Context, f *link.Function, args any) error {
	likely := w.level == "" && (w.same || w.asks != nil && len(w.preloads) == 0)
	if w.greeted.Load() || likely && link.Brief(f, args) {
		return nil
	}
	return w.Ready(ctx)
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
		NoFiles: w.plain || w.noFiles, Patient: w.host != nil, Excused: w.host.excused(), Holes: w.host != nil, Same: w.same,
		Side: mux.ManagerSide, Functions: &functions, Errors: &crossing,
		Hello:     link.Hello{Name: w.name, Build: buildID(), Level: int(m.level), Confinement: "none"},
		Log:       w.log,
		Modules:   w.module,
		Container: w.shared,
		Quota:     w.limits.Served,
		Collect:   w.limits.Reply,
	}
	if w.plain {
		cfg.Output = w.print
	}
	if w.host == nil && w.url != "" { // there is no agent that would be heard
		cfg.Alive, cfg.Paced = link.Silence, true
	}
	if m.recorder != nil {
		cfg.Record = m.recorder.link(w.name)
	}
	if w.capture != nil && !m.noBarrier {
		cfg.Drain = w.capture.Drain
	}
	return cfg
}

// print delivers what came over the link as output.
func (w *Worker) print(fd int, p []byte) {
	if fd == 2 && w.words != nil {
		w.words.Write(p)
	}
	w.deliver(fd, p)
}

// stillborn is why a worker never came to serve.
func (w *Worker) stillborn(err error) error {
	w.link.Fail(err)
	w.gone()
	if failed := w.host.unreached(); failed != nil {
		return fmt.Errorf("%s: %w", place(w.name, ""), failed)
	}
	err = w.loss("", false)
	if !unspoken(err) {
		return err
	}
	if w.asks != nil {
		return fmt.Errorf("%w (is its program an interpreter for %s?)", err, w.asks.lang)
	}
	return fmt.Errorf("%w (does its main call outwork.Main first?)", err)
}

// unspoken reports whether err is how a program ends that is no worker at all.
func unspoken(err error) bool {
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		return e.Rule == "preamble" || e.Rule == "handshake"
	}
	e, ok := errors.AsType[*LostError](err)
	return ok && errors.Is(err, lost.Exit) && !bytes.Contains(e.Stderr, []byte("outwork: ")) // Main has said what is wrong
}
