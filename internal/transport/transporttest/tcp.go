// Package transporttest has what tests of transports need in several packages.
package transporttest

import (
	"net"
	"testing"
)

// TCP is both ends of a TCP connection over loopback: of who has dialled, and of who has
// listened. The caller closes them.
func TCP(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}
