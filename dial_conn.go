package outwork

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/link"
)

// Conn is a connection to a service. Functions are called on it, as on a
// [Worker]: a [*RemoteError] is the service's answer, a [*LostError] a connection
// that has ended. It is safe for concurrent use.
type Conn struct {
	address string
	link    *link.Link
	closed  atomic.Bool // by this side
}

// Address is where the service is, as unix:///run/hostctl.sock.
func (c *Conn) Address() string { return c.address }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.link.Done() }

// Err is nil while there is a connection, and then the [*LostError] or
// [*ProtocolError] that says how it ended.
func (c *Conn) Err() error {
	if c.link.Err() == nil {
		return nil
	}
	return c.loss("", false)
}

// Close ends the connection now: calls under way end with a [*LostError]. It
// returns when no goroutine or file of the connection's is left, and may be
// called again. It always returns nil.
func (c *Conn) Close() error {
	if c.link.Err() == nil {
		c.closed.Store(true)
	}
	c.link.Close()
	return nil
}

// call is of Callee.
func (c *Conn) call(ctx context.Context, f *link.Function, args any) (any, error) {
	v, err := c.link.Call(ctx, f, args, options(ctx))
	if err == nil {
		return v, nil
	}
	return nil, c.explain(ctx, f.Name, err)
}

// explain is a failed call's error as callers see it.
func (c *Conn) explain(ctx context.Context, function string, err error) error {
	if f, ok := errors.AsType[*link.Failure](err); ok {
		if own := contextError(ctx); own != nil && errors.Is(f, own) {
			return &callError{function, "", c.address, own}
		}
		return remote(f, function, "", c.address)
	}
	if d, ok := errors.AsType[*link.Down](err); ok {
		return c.loss(function, d.MayHaveRun)
	}
	return &callError{function, "", c.address, err}
}

// loss is the error for a connection that has ended.
func (c *Conn) loss(function string, mayHaveRun bool) error {
	err := c.link.Err()
	if v := violation(err); v != nil {
		return &ProtocolError{Host: c.address, Function: function, Rule: v.Rule, Detail: v.Detail}
	}
	switch {
	case c.closed.Load():
		err = ErrClosed
	case errors.Is(err, io.EOF):
		err = errHungUp
	}
	return &LostError{Host: c.address, Function: function, ExitCode: -1, MayHaveRun: mayHaveRun, Cause: err}
}

var errHungUp = errors.New("it ended the connection, or has ended")
