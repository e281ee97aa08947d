// Package program runs a plain command in a worker: a program and its arguments, no
// shell, with standard input, output and errors as bytes that stream under
// backpressure, and with its own exit status.
//
// The command is the leader of a process group. What is told to stop gets SIGINT, or
// SIGTERM when its time is over, and SIGKILL after the grace; so does what it leaves
// in its group when it has ended. When the worker or its manager goes, the command
// goes too. Run blocks until the command has ended and all that it wrote was
// delivered. The worker's side needs Linux.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"syscall"
	"time"

	"github.com/outwork-go/outwork"
)

// The exit statuses of what could not be run, as a shell has them.
const (
	StatusNotRun   = 126 // there is such a program, but it cannot be run
	StatusNotFound = 127
	StatusSignal   = 128 // and the signal's number

	statusMost = 255
)

// run is the worker's side.
var run = outwork.Func("outwork.exec", start)

var _ = outwork.RegisterError("outwork.exec", &Unstarted{})

// Unstarted says that a command was not started.
type Unstarted struct {
	Status int // StatusNotRun or StatusNotFound
	Text   string
}

func (e *Unstarted) Error() string { return e.Text }

// arguments are those of a command.
type arguments struct {
	Argv    [][]byte             // need not be UTF-8
	Self    bool                 // this program, and not Argv[0]
	Stdin   io.ReadCloser        // nil: empty
	Signals *outwork.Stream[int] // to be sent to the group
}

// result is a command that runs.
type result struct {
	Stdout, Stderr io.ReadCloser
	End            *outwork.Stream[End] // of one element
}

// End is how a command ended.
type End struct {
	Code   int // its exit status; -1 when a signal ended it
	Signal int // the number of that, or 0
}

// Status is the exit status that a shell would tell, from 0 to 255, whatever a worker
// says.
func (e End) Status() int {
	status := e.Code
	if e.Signal != 0 {
		status = StatusSignal + e.Signal
	}
	if status < 0 || status > statusMost {
		return statusMost
	}
	return status
}

// Command is what is to be run. Run does not change it.
type Command struct {
	Argv           []string      // the program, looked up in PATH there, and its arguments
	Self           bool          // run the worker's own program, as Argv[0]
	Stdin          io.Reader     // nil: empty
	Stdout, Stderr io.Writer     // used by a goroutine each
	Grace          time.Duration // from being told to stop until it is killed
}

// Run runs a command in w. When ctx ends, the command is told to stop; how it then
// ended is what is returned, as ever. (While w is not ready yet, nothing is run then, and
// ctx's error is returned.) The error is an [*Unstarted], that of a writer, or says that
// the worker is lost. One Read of Stdin may still be under way when Run
// returns.
func (c *Command) Run(ctx context.Context, w *outwork.Worker) (End, error) {
	call, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	sent, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	runs := sync.OnceFunc(func() { close(sent) })
	defer context.AfterFunc(ctx, func() {
		select {
		case <-sent: // the command is told
		default:
			cancel(ctx.Err())
		}
	})()
	args := arguments{Self: c.Self, Signals: outwork.StreamOf(signals(ctx, runs, over, func() { c.kill(cancel, over) }))}
	for _, arg := range c.Argv {
		args.Argv = append(args.Argv, []byte(arg))
	}
	if c.Stdin != nil {
		args.Stdin = io.NopCloser(c.Stdin)
	}
	r, err := run.Call(call, w, args)
	if err != nil && call.Err() != nil { // for ctx alone
		err = ctx.Err()
	}
	if err != nil {
		return End{}, err
	}
	runs() // also when nobody has asked for a signal yet
	return c.deliver(call, cancel, w, r)
}

// errKilled is why a call ends whose command did not stop.
var errKilled = errors.New("it did not end when it was told to, and was killed")

// kill ends the call when the grace is over, unless the command is before.
func (c *Command) kill(cancel context.CancelCauseFunc, over <-chan struct{}) {
	timer := time.NewTimer(c.Grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel(errKilled)
	case <-over:
	}
}

// signals yields the signal that ctx's end means, and then does what follows it. It calls
// runs when a worker that is there gets the call.
func signals(ctx context.Context, runs func(), over <-chan struct{}, then func()) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		runs()
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		s := syscall.SIGINT
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s = syscall.SIGTERM
		}
		if yield(int(s), nil) {
			then()
		}
	}
}

// errNoEnd is for a worker that does not tell how the command ended.
var errNoEnd = errors.New("the worker does not tell how the command ended")

// deliver copies what the command writes, and returns how it ended.
func (c *Command) deliver(call context.Context, cancel context.CancelCauseFunc, w *outwork.Worker, r result) (End, error) {
	var copies sync.WaitGroup
	copies.Go(func() { carry(cancel, "standard output", c.Stdout, r.Stdout) })
	copies.Go(func() { carry(cancel, "standard error", c.Stderr, r.Stderr) })
	var end End
	err := errNoEnd
	copies.Go(func() { // beside the others: it may end in time, and what it has written be read late
		for end, err = range r.End.All() {
		}
	})
	copies.Wait()
	killed := errors.Is(context.Cause(call), errKilled)
	switch {
	case call.Err() != nil && !killed:
		return End{}, context.Cause(call)
	case err == nil:
		return end, nil
	case killed:
		return End{Code: -1, Signal: int(syscall.SIGKILL)}, nil
	}
	return End{}, Lost(w, err)
}

// carry copies to a writer. When that fails, the call ends.
func carry(cancel context.CancelCauseFunc, name string, to io.Writer, from io.ReadCloser) {
	defer from.Close()
	if to == nil {
		to = io.Discard
	}
	out := &failing{w: to}
	io.Copy(out, from) // errors of reading come back with the end
	if out.err != nil {
		cancel(fmt.Errorf("write %s: %w", name, out.err))
	}
}

// failing keeps the error of a writer apart from those of a reader.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (n int, err error) {
	n, err = f.w.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// Lost is err, or the loss of the worker, if that is why a stream ended: that is
// noticed a moment later, for which it waits.
func Lost(w *outwork.Worker, err error) error {
	const moment = 2 * time.Second
	select {
	case <-w.Done():
		return w.Err()
	case <-time.After(moment):
		return err
	}
}
