// Package grpcecho is an echo service for gRPC without generated code: its
// description is written by hand, and its messages are well-known ones.
package grpcecho

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	echoMethod = "/bench.Echo/Echo"
	sinkMethod = "/bench.Echo/Sink"
)

var sinkStream = grpc.StreamDesc{StreamName: "Sink", Handler: serveSink, ClientStreams: true}

var service = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: serveEcho}},
	Streams:     []grpc.StreamDesc{sinkStream},
}

// Register adds the service to s.
func Register(s grpc.ServiceRegistrar) {
	s.RegisterService(&service, nil)
}

func serveEcho(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(wrapperspb.BytesValue)
	if err := decode(in); err != nil {
		return nil, err
	}
	return in, nil
}

// serveSink takes chunks until their end, and answers with their total size.
func serveSink(_ any, s grpc.ServerStream) error {
	total := int64(0)
	for {
		in := new(wrapperspb.BytesValue)
		err := s.RecvMsg(in)
		if errors.Is(err, io.EOF) {
			return s.SendMsg(wrapperspb.Int64(total))
		}
		if err != nil {
			return err
		}
		total += int64(len(in.Value))
	}
}

// Echo sends p over c and returns what came back. It may be called
// concurrently.
func Echo(ctx context.Context, c grpc.ClientConnInterface, p []byte) ([]byte, error) {
	out := new(wrapperspb.BytesValue)
	err := c.Invoke(ctx, echoMethod, wrapperspb.Bytes(p), out)
	return out.Value, err
}

// Sink sends chunk count times over one stream, and returns how many bytes
// the other side says that it received.
func Sink(ctx context.Context, c grpc.ClientConnInterface, chunk []byte, count int) (int64, error) {
	s, err := c.NewStream(ctx, &sinkStream, sinkMethod)
	if err != nil {
		return 0, err
	}
	for range count {
		if err := s.SendMsg(wrapperspb.Bytes(chunk)); err != nil {
			return 0, err
		}
	}
	if err := s.CloseSend(); err != nil {
		return 0, err
	}
	total := new(wrapperspb.Int64Value)
	err = s.RecvMsg(total)
	return total.Value, err
}
