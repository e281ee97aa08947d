package listen

import (
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// Conn is a connection that was accepted. It holds a place until Release.
type Conn struct {
	Peer *ident.Peer // until Release

	fd       int // -1: taken over by Transport or Net
	places   *places
	released sync.Once
}

// Transport is the connection for a link, which owns it from then on, and to which
// its client may pass files, or not. It or Net is called, at most once.
func (c *Conn) Transport(files bool) (mux.Transport, error) {
	s, err := transport.NewSocket(c.fd)
	if err != nil {
		return nil, err
	}
	if !files {
		s.RefuseFiles()
	}
	c.fd = -1
	return s, nil
}

// Net is the connection for who speaks another protocol. It or Transport is called, at
// most once, and its result must be closed.
func (c *Conn) Net() (net.Conn, error) {
	f := os.NewFile(uintptr(c.fd), "client")
	c.fd = -1
	defer f.Close()
	return net.FileConn(f)
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
