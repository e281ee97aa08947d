// Package script is for who writes a guest: what runs scripts of a language in workers,
// as package script/starlark does. [Register] makes the workers of a program run them,
// and [Import] gives a script the modules that its manager serves (Manager.Modules).
//
// Who runs scripts needs none of it: that is Worker.Run, in a program that imports the
// guest. Python is a guest of another kind: its worker is an interpreter (package
// script/python).
//
// All is safe for concurrent use.
package script

import (
	"context"
	"fmt"
	"runtime"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/module"
)

// Register makes the workers of this program run scripts of lang, by run, which is
// called for many scripts at once. Its context is that of a function in a worker, and ends
// as that does (outwork.Func). What run returns crosses as an outwork.Value; see there for
// what that can be. An error with a method Traceback() string crosses with that as its
// Stack. Guests call it from init; it panics when lang is taken, naming both places.
func Register(lang string, run func(context.Context, outwork.Script) (any, error)) {
	_, file, line, _ := runtime.Caller(1)
	hook.RegisterGuest(lang, fmt.Sprintf("%s:%d", file, line), func(ctx context.Context, s any) (any, error) {
		return run(ctx, s.(outwork.Script))
	})
}

// Module is the source of a script module.
type Module struct {
	Name    string // as it was asked for
	Path    string // inside the roots that the manager serves
	Package bool   // it has modules below it
	Source  []byte // at most 4 MiB; must not be changed
	Missing bool   // there is none of that name; all else but Name is empty
}

// Import, in a worker, is the module that lang calls name, from what the
// manager serves. It is asked for once a process. That there is none is no
// error, but Missing. The error matches ctx's, or tells why the manager could not
// be asked; elsewhere than in a function in a worker there is always one.
func Import(ctx context.Context, lang, name string) (Module, error) {
	in := link.From(ctx)
	if in == nil {
		return Module{}, fmt.Errorf("module %q: %w", name, link.ErrOutside)
	}
	got, err := cacheOf(in.Link()).Get(ctx, lang, name)
	return Module{got.Name, got.Path, got.Package, got.Source, got.Missing}, err
}

type cacheKey struct{}

// cacheOf is what this worker has been sent.
func cacheOf(l *link.Link) *module.Cache {
	return l.Keep(cacheKey{}, func() any { return module.NewCache(l.Modules) }).(*module.Cache)
}
