package outwork_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/outwork-go/outwork"
)

// orderedCalls is how many calls the order is watched for.
const orderedCalls = 10_000

var speaks = outwork.Func("test.speaks", func(_ context.Context, n int) (struct{}, error) {
	fmt.Printf("call %d\n", n)
	fmt.Fprintf(os.Stderr, "call %d\n", n)
	slog.Info("call " + strconv.Itoa(n))
	return struct{}{}, nil
})

// noise leaves a child behind that prints until it is killed.
var noise = outwork.Func("test.noise", func(context.Context, struct{}) (struct{}, error) {
	cmd := exec.Command("/bin/sh", "-c", "while :; do echo noise; echo noise >&2; done")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return struct{}{}, cmd.Start()
})

// lastCall is a Writer, and a slog.Handler, that knows the last call it has
// heard of.
type lastCall struct {
	slog.Handler
	n atomic.Int64
}

func (l *lastCall) hear(line []byte) {
	if number, ok := bytes.CutPrefix(line, []byte("call ")); ok {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64); err == nil {
			l.n.Store(n)
		}
	}
}

func (l *lastCall) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		l.hear(line)
	}
	return len(p), nil
}

func (l *lastCall) Enabled(context.Context, slog.Level) bool { return true }

func (l *lastCall) Handle(_ context.Context, r slog.Record) error {
	l.hear([]byte(r.Message))
	return nil
}

// late calls speaks in the worker of m, and counts for how many calls something
// that one printed or logged came after its result.
func late(t *testing.T, m *outwork.Manager) (late struct{ Stdout, Stderr, Log int }) {
	var stdout, stderr, log lastCall
	m.Stdout, m.Stderr, m.Log = &stdout, &stderr, slog.New(&log)
	w := started(t, m, outwork.Target{})
	if _, err := noise.Call(within(t), w, struct{}{}); err != nil {
		t.Fatal(err)
	}
	for n := range orderedCalls {
		if _, err := speaks.Call(t.Context(), w, n+1); err != nil {
			t.Fatal(err)
		}
		for l, count := range map[*lastCall]*int{&stdout: &late.Stdout, &stderr: &late.Stderr, &log: &late.Log} {
			if l.n.Load() != int64(n+1) {
				*count++
			}
		}
	}
	return late
}

func TestResultsOvertakeNothing(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	if got := late(t, &m); got.Stdout+got.Stderr+got.Log > 0 {
		t.Errorf("late in %d calls: %+v", orderedCalls, got)
	}
}

// What the barrier is for: without it the test above fails.
func TestResultsOvertakeWithoutBarrier(t *testing.T) {
	var m outwork.Manager
	m.NoBarrier()
	if got := late(t, &m); got.Stdout+got.Stderr == 0 {
		t.Errorf("nothing was late in %d calls: the test of the barrier shows nothing", orderedCalls)
	} else {
		t.Logf("late in %d calls: %+v", orderedCalls, got)
	}
}
