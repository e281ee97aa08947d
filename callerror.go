package outwork

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/internal/link"
)

// answerer is who answers calls over a link, a worker or a service, as their errors tell of it.
type answerer interface {
	// where is its worker's name and its host, as in the errors: "" is what it has none of.
	where() (worker, host string)

	// lostCall is the error of a call that came to nothing because the link has ended.
	lostCall(ctx context.Context, function string, mayHaveRun bool) error
}

// callOver calls f over l at who is at its other end.
func callOver(ctx context.Context, l *link.Link, at answerer, f *link.Function, args any, o *link.Call) (any, error) {
	if len(f.Reply.Crossings()) > 0 {
		o.StreamError = func(err error) error { return callFailure(ctx, at, f.Name, err) }
	}
	v, err := l.Call(ctx, f, args, o)
	if err != nil {
		return nil, callFailure(ctx, at, f.Name, err)
	}
	return v, nil
}

// callFailure is the error of a call as its caller sees it; err is as package link tells it. What the
// function has answered is a RemoteError, the end of the link a LostError or ProtocolError; ctx's
// error, and why nothing was sent, stay what they are.
func callFailure(ctx context.Context, at answerer, function string, err error) error {
	worker, host := at.where()
	if f, ok := errors.AsType[*link.Failure](err); ok {
		own := contextError(ctx)
		if own == nil || !errors.Is(f, own) {
			return remote(f, function, worker, host)
		}
		err = own
	}
	if d, ok := errors.AsType[*link.Down](err); ok {
		return at.lostCall(ctx, function, d.MayHaveRun)
	}
	return &callError{function, worker, host, err}
}

// contextError is ctx's error, also when the worker's clock was quicker to notice
// the deadline than ctx's timer.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// remote is a Failure as callers see it.
func remote(f *link.Failure, function, worker, host string) error {
	return &RemoteError{
		Worker: worker, Host: host, Function: function, Message: f.Message, Stack: f.Stack,
		Panicked: f.Code == link.CodePanicked,
		Refused:  f.Code == link.CodeUnknown || f.Code == link.CodeMismatch || f.Code == link.CodeRefused,
		errs:     f.Errs,
	}
}

// callError is an error of the caller's side, with where it happened.
type callError struct {
	function, worker, host string
	err                    error
}

func (e *callError) Error() string {
	return fmt.Sprintf("%s on %s: %v", e.function, place(e.worker, e.host), e.err)
}

func (e *callError) Unwrap() error { return e.err }
