//go:build !linux

package supervise

import (
	"errors"
	"os"
	"syscall"
)

var errNeedsLinux = errors.New("outwork: starting workers needs Linux")

// Supervisor starts and supervises processes, on Linux alone.
type Supervisor struct{}

// Child is a process that a Supervisor started.
type Child struct{}

// New returns an error that says that Linux is needed.
func New() (*Supervisor, error) { return nil, errNeedsLinux }

// Start returns an error that says that Linux is needed.
func (*Supervisor) Start(Spec) (*Child, error) { return nil, errNeedsLinux }

// Close does nothing.
func (*Supervisor) Close() error { return nil }

// Pid is always 0: there is no process.
func (*Child) Pid() int { return 0 }

// Pidfd is always nil: there is no process.
func (*Child) Pidfd() *os.File { return nil }

// Signal returns an error that says that Linux is needed.
func (*Child) Signal(syscall.Signal) error { return errNeedsLinux }

// Done is never closed: there is no process.
func (*Child) Done() <-chan struct{} { return nil }

// Exit is always zero: there is no process.
func (*Child) Exit() Exit { return Exit{} }

// NewPidfd returns an error that says that Linux is needed.
func NewPidfd(uintptr) (*os.File, error) { return nil, errNeedsLinux }

// WaitPidfd returns an error that says that Linux is needed.
func WaitPidfd(*os.File) error { return errNeedsLinux }

// SignalPidfd returns an error that says that Linux is needed.
func SignalPidfd(*os.File, syscall.Signal) error { return errNeedsLinux }
