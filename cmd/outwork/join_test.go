package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/tcp"
)

// What keeps a host from its listener is tried again, ever more slowly, and a refusal is
// not.
func TestRetry(t *testing.T) {
	defer func(j func(context.Context, tcp.JoinConfig) error) { joiner = j }(joiner)
	unreachable := &tcp.JoinError{Address: "m:1", Err: errors.New("connection refused")}
	refusal := &tcp.JoinError{Address: "m:1", Refused: true, Err: errors.New("the token is unknown")}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var tried []time.Duration
		joiner = func(_ context.Context, c tcp.JoinConfig) error {
			tried = append(tried, time.Since(begun).Round(time.Second))
			switch n := len(tried); {
			case n == 8: // it was joined for an hour, and then lost
				c.Joined("web1")
				time.Sleep(time.Hour)
				return &tcp.JoinError{Address: "m:1", Refused: true, Err: errors.New("it knows no such host")}
			case n == 10:
				return refusal
			}
			return unreachable
		}
		var log bytes.Buffer
		c := tcp.JoinConfig{Address: "m:1", Log: slog.New(newLogHandler(&log, slog.LevelInfo, false))}
		err := stayJoined(t.Context(), c, true)
		if f := asFailure(err); f == nil || f.status != statusFailed || f.Message != "join m:1: the token is unknown" {
			t.Errorf("got %v", err)
		}
		want := []time.Duration{0, 1, 3, 7, 15, 31, 61, 91, 3692, 3694}
		for i := range want {
			want[i] *= time.Second
		}
		if !reflect.DeepEqual(tried, want) {
			t.Errorf("tried at %v, want %v", tried, want)
		}
		for _, line := range []string{"WARN  join m:1: connection refused; trying again in 30s\n", "INFO  joined m:1 as=web1\n", "WARN  join m:1: it knows no such host; trying again in 1s\n"} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("the log lacks %q:\n%s", line, &log)
			}
		}
	})
}

func TestJoinEnds(t *testing.T) {
	defer func(j func(context.Context, tcp.JoinConfig) error) { joiner = j }(joiner)
	c := tcp.JoinConfig{Address: "m:1", Log: slog.New(slog.DiscardHandler)}
	for status, end := range map[int]error{
		statusOK:     nil,
		statusLost:   errors.New("the listener was lost"),
		statusFailed: &tcp.JoinError{Refused: true, Err: errors.New("no")},
	} {
		joiner = func(context.Context, tcp.JoinConfig) error { return end }
		err := stayJoined(t.Context(), c, false)
		if f := asFailure(err); (f == nil) != (status == statusOK) || f != nil && f.status != status {
			t.Errorf("%v: got %+v", end, f)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	joiner = func(ctx context.Context, _ tcp.JoinConfig) error {
		cancel(shell.ErrInterrupted)
		return ctx.Err()
	}
	if f := asFailure(stayJoined(ctx, c, true)); f == nil || f.status != statusInterrupted {
		t.Errorf("got %+v", f)
	}
}
