package main

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// unixConn is a socketpair through Go's poller, without a protocol.
var unixConn = peer{name: unixConnName, does: echoes | streams, open: openUnixConn, serve: serveUnixConn}

const unixConnName = "net.UnixConn"

type unixSession struct {
	net.Conn
	server *server
	buf    []byte
}

func openUnixConn(x exchange) (session, error) {
	conn, s, err := startWithConn(unixConnName, x)
	if err != nil {
		return nil, err
	}
	return &unixSession{Conn: conn, server: s, buf: make([]byte, x.size)}, nil
}

func serveUnixConn(x exchange) error {
	conn, err := inheritedConn()
	if err != nil {
		return err
	}
	defer conn.Close()
	return serveExchange(conn, x)
}

func (s *unixSession) echo(p []byte) error { return echoBytes(s.Conn, p, s.buf) }

func (s *unixSession) stream(chunk []byte, count int) error {
	return streamBytes(s.Conn, chunk, count)
}

func (s *unixSession) close() error {
	return errors.Join(s.Conn.Close(), s.server.stop())
}

// startWithConn starts the server of name with one end of a socketpair, and
// returns the other.
func startWithConn(name string, x exchange) (net.Conn, *server, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	conn, err := connOf(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, unix.Close(fds[1]))
	}
	s, err := startServer(name, x, os.NewFile(uintptr(fds[1]), "socket"))
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, s, nil
}

// inheritedConn is, in the server process, what startWithConn gave it.
func inheritedConn() (net.Conn, error) { return connOf(firstFile) }

func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	return net.FileConn(f)
}
