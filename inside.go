package outwork

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/module"
)

// errOutside is for what only a function in a worker can do.
var errOutside = errors.New("the context is not that of a function in a worker")

// Shared, in a worker, is the container that the manager shares under name.
// Close it when it is no longer needed. The error for an unknown name lists
// those that there are, and matches fs.ErrNotExist.
func Shared(ctx context.Context, name string) (container.Container, error) {
	in := link.From(ctx)
	if in == nil {
		return nil, fmt.Errorf("shared %q: %w", name, errOutside)
	}
	return in.Link().Shared(ctx, name)
}

// Progress, in a worker, tells the caller how far the call is, in any unit;
// total is 0 when nobody knows. Elsewhere it does nothing.
func Progress(ctx context.Context, done, total int64, label string) {
	if in := link.From(ctx); in != nil {
		in.Progress(done, total, label)
	}
}

// Back, in a worker, is where the call came from: functions that it was granted
// ([WithGrants]) can be called there while it runs.
func Back(ctx context.Context) Callee { return back{link.From(ctx)} }

type back struct{ in *link.Incoming }

func (b back) call(ctx context.Context, f *link.Function, args any) (any, error) {
	if b.in == nil {
		return nil, fmt.Errorf("%s: %w", f.Name, errOutside)
	}
	v, err := b.in.Back(ctx, f, args)
	if fail, ok := errors.AsType[*link.Failure](err); ok {
		return nil, remote(fail, f.Name, "", "")
	}
	if err != nil {
		return nil, &callError{f.Name, "", "", err}
	}
	return v, nil
}

// Module is the source of a script module.
type Module struct {
	Name    string // as it was asked for
	Path    string // inside the roots that the manager serves
	Package bool   // it has modules below it
	Source  []byte // must not be changed
	Missing bool   // there is none of that name; all else but Name is empty
}

// modules are what this worker has been sent.
type moduleCacheKey struct{}

// Import, in a worker, is the module that lang calls name, from what the
// manager serves. It is asked for once a process. That there is none is no
// error, but Missing.
func Import(ctx context.Context, lang, name string) (Module, error) {
	in := link.From(ctx)
	if in == nil {
		return Module{}, fmt.Errorf("module %q: %w", name, errOutside)
	}
	got, err := cacheOf(in.Link()).Get(ctx, lang, name)
	return Module{got.Name, got.Path, got.Package, got.Source, got.Missing}, err
}

func cacheOf(l *link.Link) *module.Cache {
	return l.Keep(moduleCacheKey{}, func() any { return module.NewCache(l.Modules) }).(*module.Cache)
}

// AnyFunction is any [Function].
type AnyFunction interface{ function() *link.Function }

type grantsKey struct{}

// WithGrants lets the functions that are called with the context call back the
// given ones, by [Back], while they run. Without it they may call nothing.
func WithGrants(ctx context.Context, functions ...AnyFunction) context.Context {
	grants := map[string]*link.Function{}
	if old, ok := ctx.Value(grantsKey{}).(map[string]*link.Function); ok {
		maps.Copy(grants, old)
	}
	for _, f := range functions {
		grants[f.function().Name] = f.function()
	}
	return context.WithValue(ctx, grantsKey{}, grants)
}

type progressKey struct{}

// WithProgress makes f receive what functions that are called with the context
// tell of their progress. It is called one call at a time for each worker,
// before the call's result is delivered, and must be quick.
func WithProgress(ctx context.Context, f func(done, total int64, label string)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// options is what ctx says of a call.
func options(ctx context.Context) *link.Call {
	c := &link.Call{}
	c.Grants, _ = ctx.Value(grantsKey{}).(map[string]*link.Function)
	c.Progress, _ = ctx.Value(progressKey{}).(func(done, total int64, label string))
	return c
}
