package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/service/fault"
)

// The exit statuses.
const (
	OK          = 0
	Failed      = 1   // the function failed
	Usage       = 2   // the command line is wrong, or a value in it
	Unavailable = 69  // there is no daemon, or not the right one (EX_UNAVAILABLE)
	Busy        = 75  // it may be tried again (EX_TEMPFAIL)
	Denied      = 77  // by the policy (EX_NOPERM)
	TimedOut    = 124 // after --timeout, as timeout(1) has it
	Interrupted = 130 // as a shell says of SIGINT
)

// Statuses are the exit statuses with what they mean, for help.
var Statuses = []struct {
	Status int
	Means  string
}{
	{OK, "the function returned"},
	{Failed, "the function failed, or its reply could not be written"},
	{Usage, "the command line, or a value in it, is wrong"},
	{Unavailable, "the daemon does not run, was lost, or is not who it should be"},
	{Busy, "the daemon is busy: try again later"},
	{Denied, "the policy denies the call"},
	{TimedOut, "the call took longer than --timeout"},
	{Interrupted, "it was interrupted"},
}

// Kinds of failures, for programs.
const (
	KindUsage       = "usage"
	KindUnavailable = "unavailable"
	KindBusy        = "busy"
	KindDenied      = "denied"
	KindTimeout     = "timeout"
	KindInterrupted = "interrupted"
	KindOther       = "other"
)

// KindOf is the kind of what ends with a status.
func KindOf(status int) string {
	switch status {
	case Usage:
		return KindUsage
	case Unavailable:
		return KindUnavailable
	case Busy:
		return KindBusy
	case Denied:
		return KindDenied
	case TimedOut:
		return KindTimeout
	case Interrupted:
		return KindInterrupted
	}
	return KindOther
}

// Failure is an error with the exit status that it asks for.
type Failure struct {
	Status int
	Text   string // one sentence
}

func (f *Failure) Error() string { return f.Text }

// ExitStatus is the status, for those who know no more of f.
func (f *Failure) ExitStatus() int { return f.Status }

// Failf is a failure with a sentence.
func Failf(status int, format string, args ...any) error {
	return &Failure{Status: status, Text: fmt.Sprintf(format, args...)}
}

// Usagef is the failure of whoever wrote the command line.
func Usagef(format string, args ...any) error { return Failf(Usage, format, args...) }

// FailureOf is err with its exit status: that of a Failure, of an error that a
// daemon answers with, or 1.
func FailureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if f := answered(err); f != nil {
		return f
	}
	if lost(err) {
		return &Failure{Unavailable, err.Error()}
	}
	if remote, ok := errors.AsType[*outwork.RemoteError](err); ok {
		return &Failure{Failed, remoteText(remote)}
	}
	return &Failure{Failed, err.Error()}
}

// answered is what err says when it is one of the daemon's own, or nil.
func answered(err error) *Failure {
	if e, ok := errors.AsType[*fault.Denied](err); ok {
		return &Failure{Denied, e.Error()}
	}
	if e, ok := errors.AsType[*fault.Busy](err); ok {
		return &Failure{Busy, e.Error()}
	}
	if e, ok := errors.AsType[*fault.Invalid](err); ok {
		return &Failure{Usage, e.Error()}
	}
	if e, ok := errors.AsType[*fault.Internal](err); ok {
		return &Failure{Failed, e.Error()}
	}
	return nil
}

// Undialed is err, of connecting, with its exit status.
func Undialed(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	_, impostor := errors.AsType[*client.ImpostorError](err)
	switch {
	case impostor:
		return &Failure{Unavailable, err.Error()}
	case errors.Is(err, syscall.EAGAIN):
		return &Failure{Busy, err.Error()}
	case errors.Is(err, fs.ErrPermission): // the socket is not for this user
		return &Failure{Denied, err.Error()}
	}
	return &Failure{Unavailable, err.Error()}
}

// lost reports whether err is of the connection, and not of a function.
func lost(err error) bool {
	_, gone := errors.AsType[*outwork.LostError](err)
	_, broke := errors.AsType[*outwork.ProtocolError](err)
	return gone || broke
}

// remoteText is what a function's error said. Where it ran is plain to whoever
// called it.
func remoteText(e *outwork.RemoteError) string {
	if e.Message == "" {
		return e.Function + " failed"
	}
	return e.Message
}

// Ended is how a call ended, as a *Failure, that was made in a context of
// Begin's.
func Ended(ctx context.Context, function string, timeout time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), ErrInterrupted):
		return Failf(Interrupted, "%s was interrupted", function)
	case timeout > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Failf(TimedOut, "%s did not answer within %s, and was told to stop", function, timeout)
	}
	return FailureOf(err)
}

// bare is err without the operation and path that a sentence about it names
// already.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
