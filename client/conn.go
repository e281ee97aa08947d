package client

import (
	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
)

func init() {
	hook.Client = func(l *link.Link, address string) any { return newConn(l, address) }
}

// Conn is a connection to a service: an [outwork.Callee]. Functions are called on
// it, as on a worker: an [*outwork.RemoteError] is the service's answer, an
// [*outwork.LostError] a connection that has ended. It is safe for concurrent use.
type Conn struct {
	callee
	conn hook.Conn // the same
}

type callee = outwork.Callee

// newConn is the client's end of l, which it owns.
func newConn(l *link.Link, address string) *Conn {
	c := hook.NewConn(l, address)
	return &Conn{c.(outwork.Callee), c}
}

// Address is where the service is, as unix:///run/hostctl.sock.
func (c *Conn) Address() string { return c.conn.Address() }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.conn.Done() }

// Err is nil while there is a connection, and then the [*outwork.LostError] or
// [*outwork.ProtocolError] that says how it ended.
func (c *Conn) Err() error { return c.conn.Err() }

// Close ends the connection now: calls under way end with an
// [*outwork.LostError]. It returns when no goroutine or file of the connection's
// is left, and may be called again. It always returns nil.
func (c *Conn) Close() error { return c.conn.Close() }
