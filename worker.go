package outwork

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/sandbox"
)

// Worker is a process that does work for one manager. Functions are called on
// it. It is safe for concurrent use.
type Worker struct {
	m       *Manager
	name    string
	host    *hostConn // its agent; nil: it has none
	url     string    // of its hops; "": this machine
	link    *link.Link
	proc    process
	capture *output.Capture // nil in memory
	tap     *output.Tap
	words   *output.Tail // what came over its link as stderr, of one without an agent
	plain   bool         // its link is a pair of byte streams: no files cross, and output comes over it
	noFiles bool         // no files cross its link, which is in memory
	limits  sandbox.Limits
	level   string         // of the sandbox that it must have; "": none is asked for
	sandbox sandbox.Config // of which that is the level
	spent   atomic.Int64   // bytes of output, where Limits.Output counts them
	exits   chan exited    // how the process ended: tell
	one     chan struct{}  // in atomic mode, holds the token of the one call
	done    chan struct{}

	// Until it serves.
	same     bool          // it is likely to be this same program
	preloads []string      // modules that it is to import
	readying chan struct{} // holds the token of who waits for it
	ready    chan struct{} // closed when it serves, or will not
	notReady error         // why not; set before ready is closed
	greeted  atomic.Bool

	draining atomic.Bool // it takes no more calls

	strictGrace bool // it is killed for a call that was given up and goes on, as one with a Sandbox is; set before it has a process

	asks *asking                  // of an interpreter; nil: its process runs this program or another of ours
	key  atomic.Pointer[[32]byte] // of what was run or imported last: modules that are asked for belong to it
	told sync.Map                 // modules that callModule has told the worker about

	mu       sync.Mutex
	launched bool        // proc is set
	over     bool        // the process has ended
	clock    *time.Timer // of its WallTime
	closed   bool        // by this side
	killed   error       // why, if this side did, or is about to
	ended    ending
	shares   shares
}

// process is what a worker runs in.
type process interface {
	Wait() (starter.Exit, error)
	Signal(syscall.Signal) error
}

// ending is how a worker ended; set before done is closed.
type ending struct {
	err   error // why the link ended
	lost  error // why nobody knows how the process ended
	by    error // why this side ended it; nil: it did not
	cause error // all that taken together
	exit  starter.Exit
	tail  []byte
}

// Name is the worker's name.
func (w *Worker) Name() string { return w.name }

// Host is the place that the worker was started at, its hops in order, as
// "ssh://bastion sudo://root"; empty: this machine.
func (w *Worker) Host() string { return w.at() }

func (w *Worker) at() string { return w.url }

// place is the worker in an error's text.
func (w *Worker) place() string { return place(w.name, w.at()) }

// PID is the worker's process number on its machine. Before the worker is ready, and of a copy of
// a confined interpreter, it is 0: not known.
func (w *Worker) PID() int {
	if w.level == "" || w.level == sandbox.None {
		return w.link.Peer().PID // as it tells itself: its process here may be one that looks after it
	}
	switch p := w.proc.(type) { // itself it tells a number of its own namespace
	case *starter.Process:
		return p.PID
	case there:
		return p.PID()
	case *forked:
		return p.outside(w.link.Peer().PID)
	}
	return 0
}

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
	return w.callWith(ctx, f, args, link.Carried(ctx))
}

// callWith is call with options that the caller keeps.
func (w *Worker) callWith(ctx context.Context, f *link.Function, args any, o *link.Call) (any, error) {
	if w.draining.Load() {
		return nil, &callError{f.Name, w.name, w.at(), ErrClosed}
	}
	if err := w.mayCall(ctx, f, args); err != nil {
		return nil, &callError{f.Name, w.name, w.at(), err}
	}
	if w.one != nil {
		select {
		case w.one <- struct{}{}:
			defer func() { <-w.one }()
		case <-ctx.Done():
			return nil, &callError{f.Name, w.name, w.at(), ctx.Err()}
		case <-w.done:
		}
	}
	if w.tap != nil {
		w.tap.CallBegin()
		defer w.tap.CallEnd()
	}
	v, err := callOver(ctx, w.link, w, f, args, o)
	if err != nil && contextError(ctx) != nil {
		w.overdueSoon(o)
	}
	return v, err
}

// where is of answerer.
func (w *Worker) where() (worker, host string) { return w.name, w.at() }

// lostCall is of answerer. It waits until the worker has ended, which then tells how: it is dead, or
// is being killed.
func (w *Worker) lostCall(ctx context.Context, function string, mayHaveRun bool) error {
	select {
	case <-w.done:
	case <-ctx.Done():
		return &callError{function, w.name, w.at(), ctx.Err()}
	}
	if failed := w.host.unreached(); failed != nil {
		return &callError{function, w.name, "", failed}
	}
	return w.loss(function, mayHaveRun)
}

// loss is the error for an ended worker.
func (w *Worker) loss(function string, mayHaveRun bool) error {
	e := &w.ended
	if v := violation(e.err); v != nil {
		return &ProtocolError{Worker: w.name, Host: w.at(), Function: function, Rule: v.Rule, Detail: v.Detail}
	}
	lost := &LostError{
		Worker: w.name, Host: w.at(), Function: function, ExitCode: e.exit.Code, Stderr: e.tail, MayHaveRun: mayHaveRun, Cause: e.cause,
		PeakMemory: cmp.Or(e.exit.PeakMemory, e.exit.MaxRSS), CPU: e.exit.User + e.exit.System, limits: w.limits,
	}
	lost.limits.Grace = w.callGrace()
	if e.exit.Signal != 0 {
		lost.Signal = syscall.Signal(e.exit.Signal).String()
	}
	return lost
}

// shutdown ends the worker when its calls have finished. When ctx ends first, they are lost: it
// cancels them, gives them the grace to return, and returns ctx's error.
func (w *Worker) shutdown(ctx context.Context) error {
	w.draining.Store(true)
	err := w.link.Quiet(ctx)
	if err == nil || ctx.Err() == nil { // done, or lost
		w.end(w.link.Shutdown)
		return nil
	}
	w.blame(ErrClosed)
	w.link.CancelCalls(fmt.Errorf("shutdown: %w", ctx.Err()))
	grace, cancel := context.WithTimeout(context.Background(), w.m.grace())
	defer cancel()
	if w.link.Quiet(grace) != nil {
		w.Close()
	}
	w.end(w.link.Shutdown)
	return ctx.Err()
}

// Close ends the worker now, as Manager.Close does for all. It always returns
// nil.
func (w *Worker) Close() error {
	w.end(func() {
		if s := w.last(); s == syscall.SIGKILL {
			w.finish()
		} else {
			w.proc.Signal(s)
		}
	})
	return nil
}

// last is the signal that ends the worker. As the first process of a namespace it loses one that
// comes while it becomes another program, and until it has greeted it has nothing to clean up.
func (w *Worker) last() syscall.Signal {
	if w.level != "" && !w.greeted.Load() {
		return syscall.SIGKILL
	}
	return syscall.SIGTERM
}

// end asks the worker to end, if nobody has yet, kills it when it takes longer
// than the grace, and waits until nothing of it is left, or it is given up.
func (w *Worker) end(ask func()) {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		w.host.forsake(w)
		ask()
		timer := time.AfterFunc(w.m.grace(), w.finish)
		defer timer.Stop()
	}
	w.gone()
}
