package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/script/python"
)

// The exit statuses, as the help of run tells them.
const (
	statusOK          = 0
	statusFailed      = 1                 // the script failed
	statusUsage       = 2                 // the command line, or a file that it names, is no good
	statusLost        = 3                 // there is no worker (any more)
	statusTimeout     = 124               // as timeout(1)
	statusInterrupted = shell.Interrupted // 130
)

// Kinds of failures, for programs, besides those of package shell.
const (
	kindScript      = "script"
	kindUsage       = shell.KindUsage
	kindLost        = "lost"
	kindTimeout     = shell.KindTimeout
	kindInterrupted = shell.KindInterrupted
	kindExit        = "exit" // the script ended itself with a status
	kindOther       = shell.KindOther
)

// failure is an error with the exit status that it asks for. Its JSON is for programs.
type failure struct {
	status    int
	Kind      string `json:"kind"`
	Message   string `json:"message"`
	Stage     string `json:"stage,omitempty"` // of the way to a host that was not reached
	Traceback string `json:"traceback,omitempty"`

	quiet bool // it is what the script asked for, and nothing to be told to people
	told  bool // all of it was told, to programs too
}

func (f *failure) Error() string { return f.Message }

// usage is the failure of whoever wrote the command line.
func usage(format string, args ...any) error {
	return &failure{status: statusUsage, Kind: kindUsage, Message: fmt.Sprintf(format, args...)}
}

// ending is how a script that was run for at most timeout ended, as a failure.
func ending(ctx context.Context, name string, timeout time.Duration, err error) error {
	if errors.Is(err, errUnread) { // that is told when the context has ended
		err = ctx.Err()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), shell.ErrInterrupted):
		return &failure{status: statusInterrupted, Kind: kindInterrupted, Message: shell.ErrInterrupted.Error()}
	case timeout > 0 && errors.Is(err, context.DeadlineExceeded):
		f := &failure{status: statusTimeout, Kind: kindTimeout, Message: fmt.Sprintf("%s timed out after %s", name, timeout)}
		if far, ok := errors.AsType[*host.Error](err); ok {
			f.Message += fmt.Sprintf(": %s was not reached yet (stage %s)", far.Hop, far.Stage)
			f.Stage = far.Stage.String()
		}
		return f
	}
	f, ok := errors.AsType[*failure](err)
	if ok {
		return f
	}
	f = &failure{status: statusFailed, Kind: kindOther, Message: err.Error()}
	if far, ok := errors.AsType[*host.Error](err); ok {
		f.status, f.Kind, f.Message, f.Stage = statusLost, kindLost, nearHost(far.Error(), far.Hop), far.Stage.String()
	} else if lost, ok := errors.AsType[*outwork.LostError](err); ok {
		f.status, f.Kind, f.Message = statusLost, kindLost, lossText(lost)
		if held, ok := errors.AsType[unconfined](err); ok {
			f.Message = held.Error()
		}
	} else if exit, ok := errors.AsType[*python.Exit](err); ok {
		f.status, f.Kind, f.Message, f.quiet = exit.Status, kindExit, exit.Error(), true
	} else if remote, ok := errors.AsType[*outwork.RemoteError](err); ok {
		f.Kind, f.Message, f.Traceback = kindScript, remote.Message, remote.Stack
		if remote.Panicked { // its stack does not say why
			f.Traceback = remote.Message + "\n\n" + remote.Stack
		}
	} else if isLost(err) {
		f.status, f.Kind = statusLost, kindLost
	}
	return f
}

// lossText is a lost worker without the function that was called: which one that was is
// this command's own affair.
func lossText(e *outwork.LostError) string {
	loss := *e
	loss.Function = ""
	return loss.Error()
}

// isLost reports whether err says that the worker is no more, or never was.
func isLost(err error) bool {
	_, lost := errors.AsType[*outwork.LostError](err)
	_, broke := errors.AsType[*outwork.ProtocolError](err)
	_, unborn := errors.AsType[*startError](err)
	_, unreached := errors.AsType[*host.Error](err)
	return lost || broke || unborn || unreached
}

// startError is that no worker could be started.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }
