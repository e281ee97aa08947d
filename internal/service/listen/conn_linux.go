package listen

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// Conn is a connection that was accepted. It holds a place until Release.
type Conn struct {
	Peer *ident.Peer // until Release

	fd       int // -1: taken over by Transport
	places   *places
	released sync.Once
}

// Transport is the connection for a link, which owns it from then on. It is
// called at most once.
func (c *Conn) Transport() (mux.Transport, error) {
	s, err := transport.NewSocket(c.fd)
	if err != nil {
		return nil, err
	}
	c.fd = -1
	return s, nil
}

// Release gives the connection's place to others and closes Peer. It is called
// when the transport is closed, or in place of taking it, and may be called
// again.
func (c *Conn) Release() {
	c.released.Do(func() {
		if c.fd >= 0 {
			unix.Close(c.fd)
		}
		c.Peer.Close()
		c.places.give(c.Peer.UID)
	})
}
