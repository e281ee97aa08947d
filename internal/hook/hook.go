// Package hook is how the packages around the module root reach what package
// outwork does not offer to everybody. It holds variables that package outwork
// sets when it is initialized, Serve package service, Client package client, and
// nobody later; it does nothing itself.
package hook

import (
	"context"
	"os"
	"reflect"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/tcp"
)

var (
	// Start starts a worker of manager, an *outwork.Manager, in this process, and
	// returns it as an *outwork.Worker; target is an outwork.Target.
	Start func(ctx context.Context, manager, target any) (any, error)

	// Pool starts a pool of n such workers, and returns it as an *outwork.Pool.
	Pool func(ctx context.Context, manager, target any, n int) (any, error)

	// StartPaged is Start over a link that carries no files, as one to another machine
	// is: shared containers stay at the manager.
	StartPaged func(ctx context.Context, manager, target any) (any, error)

	// StartPlain starts a worker whose process is an interpreter and whose link is
	// its standard input and output, through relay, which may put something of its
	// own between the manager's ends and those it returns; nil: nothing.
	StartPlain func(ctx context.Context, manager, target any, relay func(r, w *os.File) (*os.File, *os.File)) (any, error)

	// Function is what f, an outwork.AnyFunction, is to a link.
	Function func(f any) *link.Function

	// Call calls f at to, an outwork.Callee. It takes and returns pointers.
	Call func(ctx context.Context, to any, f *link.Function, args any) (any, error)

	// Back is where the call came from that ctx belongs to, as an outwork.Callee.
	Back func(ctx context.Context) any

	// NewFunction is a function named name whose argument and result are of the
	// given types, and which is in no registry. It fails for a type that cannot
	// cross. fn is nil, or takes and returns pointers.
	NewFunction func(name string, args, reply reflect.Type, fn func(context.Context, any) (any, error)) (*link.Function, error)

	// RegisterGuest makes this program's workers run scripts of lang, by run, which gets
	// an outwork.Script; where is the place that asks for it.
	RegisterGuest func(lang, where string, run func(ctx context.Context, script any) (any, error))

	// CallModule calls in worker, an *outwork.Worker whose process is an interpreter,
	// and returns an outwork.Value.
	CallModule func(ctx context.Context, worker any, c ModuleCall) (any, error)

	// ClientConfig is that of a client's link to a service.
	ClientConfig func() link.Config

	// NewConn is the client's end of l, which it owns: a link to the service at
	// address. It is an outwork.Callee too.
	NewConn func(l *link.Link, address string) Conn

	// Client is the same as a *client.Conn. Package client sets it.
	Client func(l *link.Link, address string) any

	// Joinable is manager, an *outwork.Manager, for hosts that join it.
	Joinable func(manager any) (tcp.Manager, error)

	// Joins is what this process tells the manager that it joins.
	Joins func() (link.Hello, error)

	// Errors are the errors that cross as themselves.
	Errors *link.Errors
)

// Conn is a connection to a service, as a client has it.
type Conn interface {
	Address() string
	Done() <-chan struct{}
	Err() error
	Close() error
}

// ModuleCall is the call of a function of a module in an interpreter.
type ModuleCall struct {
	Module, Function string // without a function the module is only imported
	Context          bool   // an object that tells of the call goes before Args
	Main             bool   // it runs on the main thread
	Args             []any
	Keywords         map[string]any
}
