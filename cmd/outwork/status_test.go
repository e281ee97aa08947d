package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

func TestEnding(t *testing.T) {
	going := t.Context()
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(shell.ErrInterrupted)
	script := &outwork.RemoteError{Message: "no", Stack: "Traceback\nError: no"}
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		want failure
	}{
		{"script", going, script, failure{status: statusFailed, Kind: kindScript, Message: "no", Traceback: "Traceback\nError: no"}},
		{
			"panic", going, &outwork.RemoteError{Message: "panic: x", Stack: "main.f()", Panicked: true},
			failure{status: statusFailed, Kind: kindScript, Message: "panic: x", Traceback: "panic: x\n\nmain.f()"},
		},
		{
			"lost", going, &outwork.LostError{Worker: "w", Signal: "killed", ExitCode: -1},
			failure{status: statusLost, Kind: kindLost, Message: `worker "w" is lost: signal killed`},
		},
		{
			"protocol", going, &outwork.ProtocolError{Worker: "w", Rule: "credit", Detail: "more"},
			failure{status: statusLost, Kind: kindLost, Message: `worker "w" broke the protocol and was killed: rule credit: more`},
		},
		{"never started", going, &startError{errors.New("start worker: no")}, failure{status: statusLost, Kind: kindLost, Message: "start worker: no"}},
		{"deadline", going, fmt.Errorf("x: %w", context.DeadlineExceeded), failure{status: statusTimeout, Kind: kindTimeout, Message: "s timed out after 1s"}},
		{"deadline at start", going, &startError{context.DeadlineExceeded}, failure{status: statusTimeout, Kind: kindTimeout, Message: "s timed out after 1s"}},
		{
			"deadline on the way", going, &startError{&host.Error{Stage: host.Upload, Hop: "ssh://a", Err: context.DeadlineExceeded, Code: -1}},
			failure{status: statusTimeout, Kind: kindTimeout, Message: "s timed out after 1s: ssh://a was not reached yet (stage upload)", Stage: "upload"},
		},
		{"interrupted", interrupted, context.Canceled, failure{status: statusInterrupted, Kind: kindInterrupted, Message: "interrupted"}},
		{"interrupted at a loss", interrupted, &outwork.LostError{}, failure{status: statusInterrupted, Kind: kindInterrupted, Message: "interrupted"}},
		{"output", going, errors.New("disk full"), failure{status: statusFailed, Kind: kindOther, Message: "disk full"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := errors.AsType[*failure](ending(test.ctx, "s", time.Second, test.err))
			if !ok || *got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if err := ending(interrupted, "s", time.Second, nil); err != nil {
		t.Errorf("a script that ended well: %v", err)
	}
}
