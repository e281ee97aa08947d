package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
)

// Mark notes at the manager that a call's function was entered, where there is no file to note it
// in.
var Mark = outwork.Func("chaos.mark", func(context.Context, string) (bool, error) {
	return false, errors.New("there is no ledger here")
})

// noted is the beginning of each function: nothing of a call may happen twice. runs is a file, or
// empty for the manager's ledger.
func noted(ctx context.Context, runs, id string) error {
	if runs == "" {
		_, err := Mark.Call(ctx, call.Back(ctx), id)
		return err
	}
	f, err := os.OpenFile(runs, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Chmod(0o666) // for other users of the machine; or it is another's
	_, err = f.WriteString(id + "\n")
	return err
}

// EchoArgs are the arguments of Echo.
type EchoArgs struct {
	Runs, ID string
	Payload  []byte
	Sleep    time.Duration
	Lines    int // that it prints, by turns to standard output and error
	Records  int // that it logs
	Progress int
	Fail     bool
}

// EchoReply is what Echo returns.
type EchoReply struct {
	ID   string
	Back []byte // the payload
	Sum  []byte // of it
}

// Echo returns what it is given, and does what else it is told.
var Echo = outwork.Func("chaos.echo", func(ctx context.Context, a EchoArgs) (r EchoReply, err error) {
	if err := noted(ctx, a.Runs, a.ID); err != nil {
		return r, err
	}
	for i := range a.Lines {
		fmt.Fprintf([]*os.File{os.Stdout, os.Stderr}[i%2], "line %s %d\n", a.ID, i)
	}
	for range a.Records {
		slog.InfoContext(ctx, "record", "id", a.ID)
	}
	for i := range a.Progress {
		call.Progress(ctx, int64(i+1), int64(a.Progress), a.ID)
	}
	if a.Sleep > 0 {
		select {
		case <-time.After(a.Sleep):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
	if a.Fail {
		return r, fmt.Errorf("call %s was to fail: %w", a.ID, io.ErrNoProgress)
	}
	sum := sha256.Sum256(a.Payload)
	return EchoReply{a.ID, a.Payload, sum[:]}, nil
})

// checkEcho says what is wrong with a reply.
func checkEcho(a EchoArgs, r EchoReply) error {
	sum := sha256.Sum256(a.Payload)
	if r.ID != a.ID || !bytes.Equal(r.Back, a.Payload) || !bytes.Equal(r.Sum, sum[:]) {
		return fmt.Errorf("%d bytes came back of %d, for %s", len(r.Back), len(a.Payload), r.ID)
	}
	return nil
}

// FlowArgs are the arguments of Flow.
type FlowArgs struct {
	Runs, ID string
	In       *outwork.Stream[int64]
	Body     io.Reader
	Out      int // how many elements it returns
}

// FlowReply is what Flow returns.
type FlowReply struct {
	Sum  int64
	Body [sha256.Size]byte
	Out  *outwork.Stream[int64]
}

// Flow reads two streams and returns one.
var Flow = outwork.Func("chaos.flow", func(ctx context.Context, a FlowArgs) (r FlowReply, err error) {
	if err := noted(ctx, a.Runs, a.ID); err != nil {
		return r, err
	}
	for v, err := range a.In.All() {
		if err != nil {
			return r, err
		}
		r.Sum += v
	}
	h := sha256.New()
	if _, err := io.Copy(h, a.Body); err != nil {
		return r, err
	}
	h.Sum(r.Body[:0])
	r.Out = outwork.StreamOf(numbers(a.Out))
	return r, nil
})

// numbers are those from 0 to before n.
func numbers(n int) func(func(int64, error) bool) {
	return func(yield func(int64, error) bool) {
		for i := range n {
			if !yield(int64(i), nil) {
				return
			}
		}
	}
}
