package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/sandbox"
)

// callsLoad calls plain, confined and relayed workers, with streams both ways, some of which are read
// slowly.
type callsLoad struct{}

func (callsLoad) name() string          { return "calls" }
func (callsLoad) length() time.Duration { return 4 * time.Second }

func (callsLoad) round(ctx context.Context, e *env) error {
	m := &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard, Hops: near, Grace: time.Second}
	seats := []*seat{
		{m: m, target: outwork.Target{Limits: sandbox.Limits{Grace: time.Second}}},
		{m: m, target: outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}}, marked: true},
		{m: m, target: outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Contained}}, marked: true},
		{m: m, target: outwork.Target{Host: "near://", Limits: sandbox.Limits{Grace: time.Second}}},
	}
	return e.crowd(ctx, m, 5, func(ctx context.Context, r *rand.Rand) {
		s := seats[r.IntN(len(seats))]
		w, err := s.worker(ctx, e, r)
		if err != nil {
			return
		}
		if !e.calm && r.IntN(100) == 0 {
			w.Close()
		}
		if r.IntN(3) == 0 {
			flow(ctx, e, r, w, s.runsNote(e))
		} else {
			echo(ctx, e, r, w, s.runsNote(e))
		}
	})
}

// echo is a call of Echo.
func echo(ctx context.Context, e *env, r *rand.Rand, to outwork.Callee, runs string) error {
	a := EchoArgs{Runs: runs, Payload: payload(r), Fail: r.IntN(10) == 0, Progress: r.IntN(3)}
	if r.IntN(4) == 0 {
		a.Sleep = time.Duration(r.Int64N(int64(100 * time.Millisecond)))
	}
	var told atomic.Int64
	return try(ctx, e, r, entry{what: "echo", fails: a.Fail}, func(id string) EchoArgs {
		a.ID = id
		return a
	}, func(ctx context.Context, a EchoArgs) (EchoReply, error) {
		return Echo.Call(call.WithProgress(ctx, func(done, _ int64, _ string) { told.Store(done) }), to, a)
	}, func(_ string, v EchoReply) error {
		if told.Load() != int64(a.Progress) {
			return fmt.Errorf("progress %d of %d was told before the result", told.Load(), a.Progress)
		}
		return checkEcho(a, v)
	})
}

// payload is some bytes, mostly few.
func payload(r *rand.Rand) []byte {
	n := r.IntN(512)
	if r.IntN(10) == 0 {
		n = r.IntN(1 << 20)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// flow is a call of Flow.
func flow(ctx context.Context, e *env, r *rand.Rand, to outwork.Callee, runs string) {
	body, in, out, slow := payload(r), r.IntN(2000), r.IntN(20_000), r.IntN(10) == 0
	try(ctx, e, r, entry{what: "flow"}, func(id string) FlowArgs {
		return FlowArgs{Runs: runs, ID: id, In: outwork.StreamOf(numbers(in)), Body: bytes.NewReader(body), Out: out}
	}, func(ctx context.Context, a FlowArgs) (FlowReply, error) {
		v, err := Flow.Call(ctx, to, a)
		if err != nil {
			return v, err
		}
		return v, drain(ctx, r, v.Out, out, slow)
	}, func(_ string, v FlowReply) error {
		if v.Sum != int64(in)*int64(in-1)/2 || v.Body != sha256.Sum256(body) {
			return fmt.Errorf("%d for %d elements, or the hash of %d bytes", v.Sum, in, len(body))
		}
		return nil
	})
}

// errStream is a stream with the wrong elements.
var errStream = errors.New("the wrong element of a stream")

// drain reads a stream, which must have n elements; or leaves it early.
func drain(ctx context.Context, r *rand.Rand, s *outwork.Stream[int64], n int, slow bool) error {
	leave := -1
	if r.IntN(5) == 0 {
		leave = r.IntN(n + 1)
	}
	next := int64(0)
	for v, err := range s.All() {
		switch {
		case err != nil:
			return err
		case v != next:
			return fmt.Errorf("%w: %d in place of %d", errStream, v, next)
		case int(v) == leave:
			return nil
		case slow && r.IntN(500) == 0:
			pause(ctx, r, 50*time.Millisecond)
		}
		next++
	}
	if next != int64(n) {
		return fmt.Errorf("%w: the end, after %d of %d", errStream, next, n)
	}
	return nil
}

// near is a hop to an agent on this machine, over which no file descriptor crosses.
var near = map[string]func(string) (host.Hop, error){
	"near": func(string) (host.Hop, error) { return nearHop{}, nil },
}

type nearHop struct{}

func (nearHop) String() string { return "near://" }

func (nearHop) Direct() {}

func (nearHop) Command(string) []string {
	return []string{"env", "OUTWORK_ROLE=agent", "/proc/" + strconv.Itoa(os.Getpid()) + "/exe", "[agent]"}
}
