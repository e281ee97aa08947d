//go:build !linux

package output

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// A Capture reads a worker's stdout and stderr. It is for Linux alone.
type Capture struct{}

// NewCapture fails: counting what is in a pipe and reading just that is only
// built for Linux.
func NewCapture(_, _ *os.File, _ func(fd int, p []byte)) (*Capture, error) {
	return nil, fmt.Errorf("capture the output of a worker: a counted drain of pipes (FIONREAD) exists on Linux only: %w", errors.ErrUnsupported)
}

// Drain does nothing.
func (*Capture) Drain() {}

// Tail is empty.
func (*Capture) Tail() []byte { return nil }

// Close does nothing.
func (*Capture) Close(context.Context) error { return nil }
