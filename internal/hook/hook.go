// Package hook is how the packages around the module root reach what package
// outwork does not offer to everybody. It holds variables that package outwork
// sets when it is initialized, Serve package service, and nobody later; it does
// nothing itself.
package hook

import (
	"context"
	"os"
	"reflect"

	"github.com/outwork-go/outwork/internal/link"
)

var (
	// Start starts a worker of manager, an *outwork.Manager, in this process, and
	// returns it as an *outwork.Worker; target is an outwork.Target.
	Start func(ctx context.Context, manager, target any) (any, error)

	// StartPlain starts a worker whose process is an interpreter and whose link is
	// its standard input and output, through relay, which may put something of its
	// own between the manager's ends and those it returns; nil: nothing.
	StartPlain func(ctx context.Context, manager, target any, relay func(r, w *os.File) (*os.File, *os.File)) (any, error)

	// Function is what f, an outwork.AnyFunction, is to a link.
	Function func(f any) *link.Function

	// Call calls f at to, an outwork.Callee. It takes and returns pointers.
	Call func(ctx context.Context, to any, f *link.Function, args any) (any, error)

	// NewFunction is a function named name whose argument and result are of the
	// given types, and which is in no registry. It fails for a type that cannot
	// cross. fn is nil, or takes and returns pointers.
	NewFunction func(name string, args, reply reflect.Type, fn func(context.Context, any) (any, error)) (*link.Function, error)

	// ClientConfig is that of a client's link to a service.
	ClientConfig func() link.Config

	// Client is an *outwork.Conn over l, which it owns: the client's end of a link
	// to the service at address.
	Client func(l *link.Link, address string) any

	// Errors are the errors that cross as themselves.
	Errors *link.Errors
)
