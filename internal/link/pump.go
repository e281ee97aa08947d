package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// pumpBuffer is how much of a reader is sent at a time, in bytes.
const pumpBuffer = 256 << 10

// pump sends what a reader or a stream yields, and then its end or its error.
func (up *lifted) pump(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // the peer's RESET ends it: the result may outlive the call
	conn := up.l.conn
	finished := false
	defer func() {
		if !finished { // the source ended the goroutine
			conn.Reset(up.st, mux.Failed, "")
		}
	}()
	err := up.produce(ctx)
	finished = true
	switch {
	case errors.Is(err, mux.ErrUnwanted):
		conn.Reset(up.st, mux.Unwanted, "")
	case err != nil && up.carried: // no message is among its bytes
		conn.Reset(up.st, mux.Failed, clip(err.Error()))
	case err != nil:
		conn.Send(ctx, up.st, frame.Error, up.l.failure(err), true)
	default:
		conn.Send(ctx, up.st, 0, nil, true)
	}
}

// produce sends what the source yields. A source that panics has failed.
func (up *lifted) produce(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Failure{Code: CodePanicked, Message: fmt.Sprintf("panic: %v", v), Stack: string(debug.Stack())}
		}
	}()
	if up.stream != nil {
		return up.stream.Pump(func(payload []byte) error {
			return up.l.conn.Send(ctx, up.st, frame.Item, payload, false)
		}, up.l.positional.Load())
	}
	return up.copyReader(ctx)
}

func (up *lifted) copyReader(ctx context.Context) error {
	buf := make([]byte, pumpBuffer)
	for {
		n, err := up.reader.Read(buf)
		if n > 0 {
			if err := up.l.conn.Send(ctx, up.st, 0, buf[:n], false); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
