//go:build !linux

package starter

import (
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"

	"github.com/outwork-go/outwork/internal/confine"
)

var errNeedsLinux = errors.New("starting workers needs Linux, and this is " + runtime.GOOS + ": outworktest runs functions in this process")

// Serve needs Linux.
func Serve() error { return errNeedsLinux }

// Starter needs Linux.
type Starter struct{}

// New needs Linux.
func New(context.Context) (*Starter, error) { return nil, errNeedsLinux }

// Done is of a Starter, of which there is none here.
func (*Starter) Done() <-chan struct{} { return nil }

// Close is of a Starter, of which there is none here.
func (*Starter) Close() error { return nil }

// Command says what to start.
type Command struct {
	Path           string
	Args, Env      []string
	Dir            string
	Confine        *confine.Policy
	Stdout, Stderr *os.File
	Link           *os.File
}

// Process is of a Starter, of which there is none here.
type Process struct{ PID int }

// Start needs Linux.
func (*Starter) Start(context.Context, Command) (*Process, error) { return nil, errNeedsLinux }

// Wait needs Linux.
func (*Process) Wait() (Exit, error) { return Exit{}, errNeedsLinux }

// Signal needs Linux.
func (*Process) Signal(syscall.Signal) error { return errNeedsLinux }
