package main

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ttrpcPeer is containerd's, over a unix socket. The service is described by
// hand, with well-known messages.
var ttrpcPeer = peer{name: ttrpcName, does: echoes | concurrently | streams, open: openTTRPC, serve: serveTTRPC}

const (
	ttrpcName    = "ttrpc"
	ttrpcService = "bench.Echo"
)

var ttrpcSink = ttrpc.StreamDesc{StreamingClient: true}

type ttrpcSession struct {
	client *ttrpc.Client
	server *server
}

func openTTRPC(x exchange) (session, error) {
	conn, s, err := startListening(ttrpcName, x, func(path string) (net.Conn, error) {
		return net.Dial("unix", path)
	})
	if err != nil {
		return nil, err
	}
	return &ttrpcSession{client: ttrpc.NewClient(conn), server: s}, nil
}

func serveTTRPC(exchange) error {
	l, err := inheritedListener()
	if err != nil {
		return err
	}
	s, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	s.RegisterService(ttrpcService, &ttrpc.ServiceDesc{
		Methods: map[string]ttrpc.Method{"Echo": ttrpcServeEcho},
		Streams: map[string]ttrpc.Stream{"Sink": {Handler: ttrpcServeSink, StreamingClient: true}},
	})
	return s.Serve(context.Background(), l)
}

func ttrpcServeEcho(_ context.Context, decode func(any) error) (any, error) {
	in := new(wrapperspb.BytesValue)
	if err := decode(in); err != nil {
		return nil, err
	}
	return in, nil
}

func ttrpcServeSink(_ context.Context, s ttrpc.StreamServer) (any, error) {
	total := int64(0)
	for {
		in := new(wrapperspb.BytesValue)
		err := s.RecvMsg(in)
		if errors.Is(err, io.EOF) {
			return wrapperspb.Int64(total), nil
		}
		if err != nil {
			return nil, err
		}
		total += int64(len(in.Value))
	}
}

func (s *ttrpcSession) echo(p []byte) error {
	out := new(wrapperspb.BytesValue)
	if err := s.client.Call(context.Background(), ttrpcService, "Echo", wrapperspb.Bytes(p), out); err != nil {
		return err
	}
	return checkEcho(p, len(out.Value))
}

func (s *ttrpcSession) stream(chunk []byte, count int) error {
	stream, err := s.client.NewStream(context.Background(), &ttrpcSink, ttrpcService, "Sink", nil)
	if err != nil {
		return err
	}
	for range count {
		if err := stream.SendMsg(wrapperspb.Bytes(chunk)); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	total := new(wrapperspb.Int64Value)
	if err := stream.RecvMsg(total); err != nil {
		return err
	}
	return checkStream(len(chunk)*count, total.Value)
}

func (s *ttrpcSession) close() error {
	return errors.Join(s.client.Close(), s.server.stop())
}
