package main

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/outwork-go/outwork"
)

type bulk struct{ Data []byte }

type total struct{ Bytes int64 }

type typedStream struct{ In *outwork.Stream[[]byte] }

type readerStream struct{ In io.Reader }

var (
	outworkEcho   = outwork.Func("bench.echo", echoBulk)
	outworkTyped  = outwork.Func("bench.typed", sinkTyped)
	outworkReader = outwork.Func("bench.reader", sinkReader)
)

func echoBulk(_ context.Context, b bulk) (bulk, error) { return b, nil }

func sinkTyped(_ context.Context, s typedStream) (t total, err error) {
	for chunk, err := range s.In.All() {
		if err != nil {
			return t, err
		}
		t.Bytes += int64(len(chunk))
	}
	return t, nil
}

func sinkReader(_ context.Context, s readerStream) (t total, err error) {
	buf := make([]byte, chunkBytes)
	for {
		n, err := s.In.Read(buf)
		t.Bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return t, err
		}
	}
}

// outworkPeer is a peer whose server process is a worker, which outworkMain
// serves.
func outworkPeer(name string, does ability, of func(*outworker) session) peer {
	open := func(exchange) (session, error) {
		o, err := startOutworker(new(outwork.Manager))
		if err != nil {
			return nil, err
		}
		return of(o), nil
	}
	return peer{name: name, does: does, open: open}
}

type outworkCaller struct{ *outworker }

func newOutworkCaller(o *outworker) session { return outworkCaller{o} }

func (o outworkCaller) echo(p []byte) error {
	reply, err := outworkEcho.Call(context.Background(), o.worker, bulk{Data: p})
	if err != nil {
		return err
	}
	return checkEcho(p, len(reply.Data))
}

type outworkTypedSession struct{ outworkCaller }

func newOutworkTyped(o *outworker) session { return outworkTypedSession{outworkCaller{o}} }

func (o outworkTypedSession) stream(chunk []byte, count int) error {
	in := outwork.StreamOf(repeated(chunk, count))
	got, err := outworkTyped.Call(context.Background(), o.worker, typedStream{In: in})
	if err != nil {
		return err
	}
	return checkStream(len(chunk)*count, got.Bytes)
}

func repeated(chunk []byte, count int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for range count {
			if !yield(chunk, nil) {
				return
			}
		}
	}
}

type outworkReaderSession struct{ outworkCaller }

func newOutworkReader(o *outworker) session { return outworkReaderSession{outworkCaller{o}} }

func (o outworkReaderSession) stream(chunk []byte, count int) error {
	in := &repeatedReader{chunk: chunk, left: len(chunk) * count}
	got, err := outworkReader.Call(context.Background(), o.worker, readerStream{In: in})
	if err != nil {
		return err
	}
	return checkStream(len(chunk)*count, got.Bytes)
}

// repeatedReader reads chunk over and over.
type repeatedReader struct {
	chunk []byte
	left  int
}

func (r *repeatedReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.left)], r.chunk)
	r.left -= n
	return n, nil
}
