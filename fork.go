package outwork

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/starter"
)

// forkArgs are the ends of a copy's link and output.
type forkArgs struct {
	Name                 string
	Link, Stdout, Stderr *os.File
}

// An interpreter that can copy itself serves these too.
var (
	guestFork   = newFunction[forkArgs, Value]("guest.fork", "Worker.Fork", nil)
	guestSignal = newFunction[Value, Value]("guest.signal", "Worker.Fork", nil)
)

var errPlainFork = errors.New("files cannot cross to it, and a copy needs some")

// forked is a process that is a copy of a worker's: the worker started it and waits
// for it.
type forked struct {
	of    *Worker
	pid   atomic.Int64
	began chan struct{} // closed when pid is known
	ended chan struct{} // closed when exit and err are
	exit  starter.Exit
	err   error
}

// call is the copy's whole life: the call of guest.fork ends with it.
func (f *forked) call(args *forkArgs) {
	defer close(f.ended)
	call := &link.Call{Progress: func(pid, _ int64, _ string) {
		if pid > 0 && f.pid.CompareAndSwap(0, pid) { // no other number is of a process, and 0 would begin it twice
			close(f.began)
		}
	}}
	v, err := f.of.link.Call(context.Background(), guestFork, args, call)
	if err == nil {
		f.exit, err = exitOf(*v.(*Value))
	}
	if err != nil {
		f.exit, f.err = starter.Exit{Code: -1}, callFailure(context.Background(), f.of, "Worker.Fork", err)
	}
}

// exitOf is how a copy ended, as its worker tells.
func exitOf(v Value) (e starter.Exit, err error) {
	list, ok := v.Any().([]any)
	if !ok || len(list) != 5 {
		return e, fmt.Errorf("an interpreter told the end of its copy as %v", v)
	}
	var n [5]int64
	for i := range list {
		if n[i], ok = list[i].(int64); !ok {
			return e, fmt.Errorf("an interpreter told the end of its copy as %v", v)
		}
	}
	return starter.Exit{Code: int(n[0]), Signal: int(n[1]), User: time.Duration(n[2]), System: time.Duration(n[3]), MaxRSS: n[4]}, nil
}

// Wait is of process.
func (f *forked) Wait() (starter.Exit, error) {
	<-f.ended
	return f.exit, f.err
}

// signalPatience is how long an interpreter may take to signal its copy; then it is
// killed, and its copies with it.
const signalPatience = 5 * time.Second

// Signal is of process.
func (f *forked) Signal(sig syscall.Signal) error {
	select {
	case <-f.ended:
		return nil
	case <-f.began:
	case <-time.After(signalPatience): // it is busy with something else, and has not begun
		return f.of.proc.Signal(syscall.SIGKILL)
	}
	raw, err := codec.EncodeValue([]any{f.pid.Load(), int64(sig)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), signalPatience)
	defer cancel()
	_, err = f.of.link.Call(ctx, guestSignal, &Value{raw}, nil)
	if err != nil && ctx.Err() != nil {
		f.of.proc.Signal(syscall.SIGKILL)
	}
	return err
}
