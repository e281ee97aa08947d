package outwork

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

func init() {
	hook.ClientConfig = clientConfig
	hook.NewConn = func(l *link.Link, address string) hook.Conn { return &conn{address: address, link: l} }
}

// clientConfig is a client's side of a link to a service.
func clientConfig() link.Config {
	return link.Config{
		Side: mux.ManagerSide, Service: true, Functions: &functions, Errors: &crossing,
		Hello: link.Hello{Confinement: "none"},
	}
}

// conn is a connection to a service: a Callee, of which package client makes its Conn.
type conn struct {
	address string
	link    *link.Link
	closed  atomic.Bool // by this side
}

// Address is where the service is.
func (c *conn) Address() string { return c.address }

// Done is closed when the connection has ended.
func (c *conn) Done() <-chan struct{} { return c.link.Done() }

// Err is nil while there is a connection, and then says how it ended.
func (c *conn) Err() error {
	if c.link.Err() == nil {
		return nil
	}
	return c.loss("", false)
}

// Close ends the connection now.
func (c *conn) Close() error {
	if c.link.Err() == nil {
		c.closed.Store(true)
	}
	c.link.Close()
	return nil
}

// call is of Callee.
func (c *conn) call(ctx context.Context, f *link.Function, args any) (any, error) {
	return callOver(ctx, c.link, c, f, args, link.Carried(ctx))
}

// where is of answerer.
func (c *conn) where() (worker, host string) { return "", c.address }

// lostCall is of answerer.
func (c *conn) lostCall(_ context.Context, function string, mayHaveRun bool) error {
	return c.loss(function, mayHaveRun)
}

// loss is the error for a connection that has ended.
func (c *conn) loss(function string, mayHaveRun bool) error {
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
