//go:build !linux

package outwork

import (
	"context"
	"errors"
	"runtime"
)

// Fork needs Linux.
func (w *Worker) Fork(context.Context, string) (*Worker, error) {
	return nil, errors.New("forking a worker is not to be had on " + runtime.GOOS + ": it needs Linux")
}

// outside is of a copy, of which there is none here.
func (f *forked) outside(int) int { return 0 }
