package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
)

// outputLoad has workers print and log, in every mode, to somebody who is slow at times. What a call
// has printed and logged must be there when its result is.
type outputLoad struct{}

func (outputLoad) name() string          { return "output" }
func (outputLoad) length() time.Duration { return 3 * time.Second }

func (outputLoad) round(ctx context.Context, e *env) error {
	mode := []outwork.OutputMode{outwork.OutputStream, outwork.OutputAtomic, outwork.OutputLog}[e.rand.IntN(3)]
	into := newSink(e.rand, !e.calm && e.rand.IntN(2) == 0)
	m := &outwork.Manager{Output: mode, Stdout: into, Stderr: into, Log: slog.New(into), Hops: near, Grace: time.Second, Tag: e.rand.IntN(2) == 0}
	seats := []*seat{
		{m: m, target: outwork.Target{Limits: sandbox.Limits{Grace: time.Second}}},
		{m: m, target: outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}}, marked: true},
		{m: m, target: outwork.Target{Host: "near://", Limits: sandbox.Limits{Grace: time.Second}}},
	}
	return e.crowd(ctx, m, 4, func(ctx context.Context, r *rand.Rand) {
		s := seats[r.IntN(len(seats))]
		w, err := s.worker(ctx, e, r)
		if err != nil {
			return
		}
		prints(ctx, e, r, w, s.runsNote(e), into)
	})
}

// prints is a call of Echo that prints and logs.
func prints(ctx context.Context, e *env, r *rand.Rand, to outwork.Callee, runs string, into *sink) {
	a := EchoArgs{Runs: runs, Lines: r.IntN(200), Records: r.IntN(20)}
	try(ctx, e, r, entry{what: "echo that prints"}, func(id string) EchoArgs {
		a.ID = id
		return a
	}, func(ctx context.Context, a EchoArgs) (EchoReply, error) {
		return Echo.Call(ctx, to, a)
	}, func(id string, v EchoReply) error {
		if lines, records := into.came(id); lines != a.Lines || records != a.Records {
			return fmt.Errorf("%d of %d lines and %d of %d records are there before the result", lines, a.Lines, records, a.Records)
		}
		return checkEcho(a, v)
	})
}
