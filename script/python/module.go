package python

import (
	"context"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
)

// Module is a module of a worker whose process is an interpreter (Target.Lang).
// Its fields may be set before it is used. It is safe for concurrent use, and holds
// nothing that must be closed.
type Module struct {
	// Context gives the function, before its other arguments, an object that tells
	// of the call: its worker, deadline, cancellation, progress and granted functions.
	Context bool
	// Main runs the function on the interpreter's main thread, one call after another.
	Main bool

	w    *outwork.Worker
	name string
}

// Import is the module of that name in w, which imports it when something
// in it is first called.
func Import(w *outwork.Worker, name string) *Module { return &Module{w: w, name: name} }

// Call calls a function of the module, or a method as "Class.method", and waits for
// its result; with an empty name it only imports the module. args are what an
// outwork.Value can be, and slices, arrays, maps and pointers of such; a last one of type
// [Keywords] is the keyword arguments. The error is as that of outwork.Function.Call, or
// tells that the worker is no interpreter.
func (m *Module) Call(ctx context.Context, name string, args ...any) (outwork.Value, error) {
	c := hook.ModuleCall{Module: m.name, Function: name, Context: m.Context, Main: m.Main, Args: args}
	if n := len(args) - 1; n >= 0 {
		if k, ok := args[n].(Keywords); ok {
			c.Keywords, c.Args = k, args[:n]
		}
	}
	v, err := hook.CallModule(ctx, m.w, c)
	if err != nil {
		return outwork.Value{}, err
	}
	return v.(outwork.Value), nil
}
