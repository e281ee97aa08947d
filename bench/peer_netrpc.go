package main

import (
	"errors"
	"net/rpc"
)

// netRPC is the standard library's, in gob, over a socketpair.
var netRPC = peer{name: netRPCName, does: echoes | concurrently, open: openNetRPC, serve: serveNetRPC}

const netRPCName = "net/rpc"

// EchoMessage is both argument and reply; net/rpc wants it exported.
type EchoMessage struct{ Data []byte }

// EchoService is what net/rpc serves.
type EchoService struct{}

// Echo answers with what it is sent.
func (EchoService) Echo(in *EchoMessage, out *EchoMessage) error {
	out.Data = in.Data
	return nil
}

type netRPCSession struct {
	client *rpc.Client
	server *server
}

func openNetRPC(x exchange) (session, error) {
	conn, s, err := startWithConn(netRPCName, x)
	if err != nil {
		return nil, err
	}
	return &netRPCSession{client: rpc.NewClient(conn), server: s}, nil
}

func serveNetRPC(exchange) error {
	conn, err := inheritedConn()
	if err != nil {
		return err
	}
	services := rpc.NewServer()
	if err := services.RegisterName("Bench", EchoService{}); err != nil {
		return err
	}
	services.ServeConn(conn)
	return nil
}

func (s *netRPCSession) echo(p []byte) error {
	var out EchoMessage
	if err := s.client.Call("Bench.Echo", &EchoMessage{Data: p}, &out); err != nil {
		return err
	}
	return checkEcho(p, len(out.Data))
}

func (s *netRPCSession) close() error {
	return errors.Join(s.client.Close(), s.server.stop())
}
