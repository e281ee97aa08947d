package starlark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/outwork-go/outwork"
)

// Importing the package makes a program's workers run Starlark.
func init() {
	outwork.RegisterGuest("starlark", func(ctx context.Context, s outwork.Script) (any, error) {
		v, err := Run(ctx, workerHost(ctx), Script{Name: s.Name, Source: []byte(s.Source), Args: s.Args}, Limits{Steps: s.Steps})
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

// workerHost is a worker as scripts see it.
func workerHost(ctx context.Context) Host {
	return Host{
		Shared: outwork.Shared,
		Module: func(ctx context.Context, name string) ([]byte, string, error) {
			m, err := outwork.Import(ctx, "starlark", name)
			if err == nil && m.Missing {
				err = fmt.Errorf("there is no module of that name: %w", fs.ErrNotExist)
			}
			return m.Source, m.Path, err
		},
		Log:      slog.Default(),
		Progress: func(done, total int64, label string) { outwork.Progress(ctx, done, total, label) },
		Stdout:   os.Stdout,
		Stuck: func(err error) {
			fmt.Fprintf(os.Stderr, "outwork: the worker ends: %v\n", err)
			os.Exit(1)
		},
	}
}
