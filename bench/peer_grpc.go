package main

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/outwork-go/outwork/bench/internal/grpcecho"
)

// grpcPeer is grpc-go over a unix socket.
var grpcPeer = peer{name: grpcName, does: echoes | concurrently | streams | guarded, open: openGRPC, serve: serveGRPC}

const grpcName = "grpc-go"

// grpcSession serves go-plugin too, whose calls are gRPC's.
type grpcSession struct {
	conn *grpc.ClientConn
	end  func() error
}

func openGRPC(x exchange) (session, error) {
	conn, s, err := startListening(grpcName, x, dialGRPC)
	if err != nil {
		return nil, err
	}
	end := func() error { return errors.Join(conn.Close(), s.stop()) }
	return &grpcSession{conn: conn, end: end}, nil
}

// dialGRPC makes a first call, because grpc-go connects when it has to, and
// the socket's path is soon gone.
func dialGRPC(path string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	if _, err := grpcecho.Echo(context.Background(), conn, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func serveGRPC(exchange) error {
	l, err := inheritedListener()
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	grpcecho.Register(s)
	return s.Serve(l)
}

func (s *grpcSession) echo(p []byte) error {
	out, err := grpcecho.Echo(context.Background(), s.conn, p)
	if err != nil {
		return err
	}
	return checkEcho(p, len(out))
}

func (s *grpcSession) stream(chunk []byte, count int) error {
	total, err := grpcecho.Sink(context.Background(), s.conn, chunk, count)
	if err != nil {
		return err
	}
	return checkStream(len(chunk)*count, total)
}

func (s *grpcSession) close() error { return s.end() }
