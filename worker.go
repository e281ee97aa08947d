package outwork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
)

// Worker is a process that does work for one manager. Functions are called on
// it. It is safe for concurrent use.
type Worker struct {
	m       *Manager
	name    string
	link    *link.Link
	proc    process
	capture *output.Capture // nil in memory
	tap     *output.Tap
	plain   bool          // its link is a pair of byte streams: no files cross, and output comes over it
	one     chan struct{} // in atomic mode, holds the token of the one call
	done    chan struct{}

	draining atomic.Bool // it takes no more calls

	asks *asking                  // of an interpreter; nil: its process runs this program or another of ours
	key  atomic.Pointer[[32]byte] // of what was run or imported last: modules that are asked for belong to it
	told sync.Map                 // names that Import has told the worker about

	mu     sync.Mutex
	closed bool  // by this side
	killed error // why, if this side did
	ended  ending
	shares map[string]*share
}

// process is what a worker runs in.
type process interface {
	Wait() (starter.Exit, error)
	Signal(syscall.Signal) error
}

// ending is how a worker ended; set before done is closed.
type ending struct {
	err  error // why the link ended
	lost error // why nobody knows how the process ended
	exit starter.Exit
	tail []byte
}

// Name is the worker's name.
func (w *Worker) Name() string { return w.name }

// PID is the worker's process number, as it tells itself.
func (w *Worker) PID() int { return w.link.Peer().PID }

// Done is closed when the worker has ended.
func (w *Worker) Done() <-chan struct{} { return w.done }

// Err is nil while the worker lives, and then the [*LostError] or
// [*ProtocolError] that says how it ended.
func (w *Worker) Err() error {
	select {
	case <-w.done:
		return w.loss("", false)
	default:
		return nil
	}
}

// Busy reports whether a call runs in the worker, also one that nobody waits
// for any more.
func (w *Worker) Busy() bool { return w.link.Err() == nil && w.link.Busy() > 0 }

// call is of Callee.
func (w *Worker) call(ctx context.Context, f *link.Function, args any) (any, error) {
	return w.callWith(ctx, f, args, options(ctx))
}

// callWith is call with options that the caller keeps.
func (w *Worker) callWith(ctx context.Context, f *link.Function, args any, o *link.Call) (any, error) {
	if w.draining.Load() {
		return nil, &callError{f.Name, w.name, "", ErrClosed}
	}
	if w.one != nil {
		select {
		case w.one <- struct{}{}:
			defer func() { <-w.one }()
		case <-ctx.Done():
			return nil, &callError{f.Name, w.name, "", ctx.Err()}
		case <-w.done:
		}
	}
	if w.tap != nil {
		w.tap.CallBegin()
		defer w.tap.CallEnd()
	}
	v, err := w.link.Call(ctx, f, args, o)
	if err == nil {
		return v, nil
	}
	return nil, w.explain(ctx, f.Name, err)
}

// explain is a failed call's error as callers see it.
func (w *Worker) explain(ctx context.Context, function string, err error) error {
	if f, ok := errors.AsType[*link.Failure](err); ok {
		if own := contextError(ctx); own != nil && errors.Is(f, own) {
			return &callError{function, w.name, "", own}
		}
		return remote(f, function, w.name, "")
	}
	if d, ok := errors.AsType[*link.Down](err); ok {
		select {
		case <-w.done: // soon: the process is dead, or is being killed
			return w.loss(function, d.MayHaveRun)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return &callError{function, w.name, "", err}
}

// contextError is ctx's error, also when the worker's clock was quicker to notice
// the deadline than ctx's timer.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// loss is the error for an ended worker.
func (w *Worker) loss(function string, mayHaveRun bool) error {
	e := &w.ended
	if v := violation(e.err); v != nil {
		return &ProtocolError{Worker: w.name, Function: function, Rule: v.Rule, Detail: v.Detail}
	}
	cause := e.err
	if e.lost != nil {
		cause = e.lost
	}
	w.mu.Lock()
	switch {
	case w.killed != nil:
		cause = w.killed
	case w.closed:
		cause = ErrClosed
	}
	w.mu.Unlock()
	if cause == nil || errors.Is(cause, io.EOF) {
		cause = errEnded
	}
	lost := &LostError{Worker: w.name, Function: function, ExitCode: e.exit.Code, Stderr: e.tail, MayHaveRun: mayHaveRun, Cause: cause}
	if e.exit.Signal != 0 {
		lost.Signal = syscall.Signal(e.exit.Signal).String()
	}
	return lost
}

var errEnded = errors.New("its process ended")

// shutdown ends the worker when its calls have finished. When ctx ends first,
// it cancels them, gives them the grace to return, and returns ctx's error.
func (w *Worker) shutdown(ctx context.Context) error {
	w.draining.Store(true)
	err := w.link.Quiet(ctx)
	if err == nil || ctx.Err() == nil { // done, or lost
		w.end(w.link.Shutdown)
		return nil
	}
	w.link.CancelCalls(fmt.Errorf("%w: shutdown: %w", ErrClosed, ctx.Err()))
	grace, cancel := context.WithTimeout(context.Background(), w.m.grace())
	defer cancel()
	if w.link.Quiet(grace) != nil {
		w.Close()
	}
	w.end(w.link.Shutdown)
	return ctx.Err()
}

// kill ends the worker for a reason that its loss tells.
func (w *Worker) kill(why error) {
	w.mu.Lock()
	if w.killed == nil && !w.closed {
		w.killed = why
	}
	w.mu.Unlock()
	w.proc.Signal(syscall.SIGKILL)
}

// Close ends the worker now, as Manager.Close does for all. It always returns
// nil.
func (w *Worker) Close() error {
	w.end(func() { w.proc.Signal(syscall.SIGTERM) })
	return nil
}

// end asks the worker to end, if nobody has yet, kills it when it takes longer
// than the grace, and waits until nothing of it is left.
func (w *Worker) end(ask func()) {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		ask()
		timer := time.AfterFunc(w.m.grace(), func() { w.proc.Signal(syscall.SIGKILL) })
		defer timer.Stop()
	}
	w.gone()
}
