// Package starter puts package host behind a link: the small process that starts
// and supervises a manager's workers, and the manager's side of it.
//
// The starter is the manager's own program started once more. When the link to
// its manager ends, for whatever reason, it kills every worker and what they left
// behind, and exits. Workers are started by it rather than by the manager, so
// that starting one costs the same however large the manager has grown, and that
// they do not outlive a manager that was killed.
//
// The starter trusts its manager, which is the same user's same program; it has
// no link to any worker.
package starter

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strconv"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
)

// LinkFD is the descriptor of the link in a started process.
const LinkFD = 3

// RoleVariable is the environment variable that tells a process what it was
// started for; its values are RoleStarter and RoleWorker.
const (
	RoleVariable = "OUTWORK_ROLE"
	RoleStarter  = "starter"
	RoleWorker   = "worker"
)

// The functions of a starter.

type startArgs struct {
	Path   string
	Args   []string
	Env    []string
	Dir    string
	Link   *os.File
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
}

type startReply struct {
	ID    uint64
	PID   int
	Pidfd *os.File
}

// Exit is how a worker's process ended.
type Exit struct {
	Code         int // -1 when a signal ended it
	Signal       int // 0 when it exited
	User, System time.Duration
	MaxRSS       int64 // bytes
}

// String is "exit status 3" or "signal: killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "signal: " + syscall.Signal(e.Signal).String()
	}
	return "exit status " + strconv.Itoa(e.Code)
}

type signalArgs struct {
	ID     uint64
	Signal int
}

// function makes a link.Function; fn is nil on the side that calls.
func function[A, R any](name string, fn func(context.Context, *A) (*R, error)) *link.Function {
	f := &link.Function{
		Name: name, Args: mustPlan[A](), Reply: mustPlan[R](), Where: "package starter", Async: true,
		New:      func() any { return new(A) },
		NewReply: func() any { return new(R) },
	}
	if fn != nil {
		f.Invoke = func(ctx context.Context, a any) (any, error) { return fn(ctx, a.(*A)) }
	}
	return f
}

func mustPlan[T any]() *codec.Plan {
	p, err := codec.PlanOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err) // of this package's own types
	}
	return p
}

// does is what a starter does; zero on the side that calls.
type does struct {
	start  func(context.Context, *startArgs) (*startReply, error)
	wait   func(context.Context, *uint64) (*Exit, error)
	signal func(context.Context, *signalArgs) (*struct{}, error)
}

// functions are a starter's.
func functions(d does) (start, wait, signal *link.Function, reg *link.Registry) {
	start, wait, signal = function("start", d.start), function("wait", d.wait), function("signal", d.signal)
	reg = &link.Registry{}
	for _, f := range []*link.Function{start, wait, signal} {
		if err := reg.Add(f); err != nil {
			panic(err)
		}
	}
	return start, wait, signal, reg
}

var errGone = errors.New("the starter has no such process")
