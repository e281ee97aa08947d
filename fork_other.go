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
