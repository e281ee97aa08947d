package starlark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/script"
)

// Importing the package makes a program's workers run Starlark.
func init() {
	script.Register("starlark", func(ctx context.Context, s outwork.Script) (any, error) {
		v, err := Run(ctx, WorkerHost(ctx, s.Grants), Script{Name: s.Name, Source: []byte(s.Source), Args: s.Args}, Limits{Steps: s.Steps})
		if e, ok := errors.AsType[*Error](err); ok {
			err = traced{e}
		}
		return v, err
	})
}

// traced is an Error that crosses with its traceback.
type traced struct{ err *Error }

func (t traced) Error() string { return t.err.Error() }

// Traceback is what the caller gets as the error's Stack.
func (t traced) Traceback() string { return t.err.Traceback }

func (t traced) Unwrap() error { return t.err }

// noModule is that the manager serves none of that name. It matches fs.ErrNotExist.
type noModule struct{}

func (noModule) Error() string { return "there is no module of that name" }

func (noModule) Unwrap() error { return fs.ErrNotExist }

// WorkerHost, in a worker, is that worker as scripts see it that have these grants: ctx is that
// of the function which runs them. What is stuck ends the process.
func WorkerHost(ctx context.Context, grants []string) Host {
	return Host{
		Grants: grants,
		Shared: outwork.Shared,
		Module: func(ctx context.Context, name string) ([]byte, string, error) {
			m, err := script.Import(ctx, "starlark", name)
			if err == nil && m.Missing {
				err = noModule{}
			}
			return m.Source, m.Path, err
		},
		Log:      slog.Default(),
		Progress: func(done, total int64, label string) { call.Progress(ctx, done, total, label) },
		Stdout:   os.Stdout,
		Stuck: func(err error) {
			fmt.Fprintf(os.Stderr, "outwork: the worker ends: %v\n", err)
			os.Exit(1)
		},
	}
}
