package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// pythonLoad runs scripts in interpreters: plain, confined, on a host, and copies of one.
type pythonLoad struct{}

func (pythonLoad) name() string          { return "python" }
func (pythonLoad) length() time.Duration { return 6 * time.Second }

// pythonSource notes that it runs, prints, and adds numbers.
const pythonSource = `
import os, outwork
def main(runs, id, n, lines):
    if runs:
        with open(runs, 'a') as f:
            f.write(id + '\n')
        try:
            os.chmod(runs, 0o666)
        except OSError:
            pass  # it is another's
    else:
        outwork.call('chaos.mark', id)
    for i in range(int(lines)):
        print('line', id, i)
    return sum(range(int(n)))
`

func (l pythonLoad) round(ctx context.Context, e *env) error {
	into := newSink(e.rand, false)
	m := &outwork.Manager{Stdout: into, Stderr: io.Discard, Log: slog.New(into), Grace: time.Second}
	py := outwork.Target{Lang: python.Lang}
	strict := outwork.Target{Lang: python.Lang, Sandbox: sandbox.Config{Level: sandbox.Strict}}
	seats := []*seat{{m: m, target: py}, {m: m, target: strict, marked: true}}
	return e.crowd(ctx, m, 3, func(ctx context.Context, r *rand.Rand) {
		s := seats[r.IntN(len(seats))]
		w, err := s.worker(ctx, e, r)
		if err != nil {
			return
		}
		if r.IntN(8) == 0 && !s.marked {
			l.copied(ctx, e, r, s, w, into)
			return
		}
		l.script(ctx, e, r, s.runsNote(e), w, into)
	})
}

// copied runs a script in a copy of w, which is closed then.
func (l pythonLoad) copied(ctx context.Context, e *env, r *rand.Rand, s *seat, w *outwork.Worker, into *sink) {
	c := e.begin(entry{what: "copy an interpreter", limit: 2 * callLimit, start: true})
	within, cancel := context.WithTimeout(ctx, 2*callLimit)
	defer cancel()
	fork, err := w.Fork(within, "")
	e.end(within, c, err, nil)
	if err != nil {
		return
	}
	defer fork.Close()
	l.script(ctx, e, r, s.runsNote(e), fork, into)
}

func (pythonLoad) script(ctx context.Context, e *env, r *rand.Rand, runs string, w *outwork.Worker, into *sink) {
	n, lines := r.IntN(10_000), r.IntN(50)
	try(ctx, e, r, entry{what: "Python script"}, func(id string) outwork.Script {
		return outwork.Script{
			Lang: python.Lang, Name: "add.py", Source: pythonSource,
			Args: []string{runs, id, strconv.Itoa(n), strconv.Itoa(lines)},
		}
	}, w.Run, func(id string, v outwork.Value) error {
		if got, _ := into.came(id); got != lines {
			return fmt.Errorf("%d of %d lines are there before the result", got, lines)
		}
		if v.Any() != int64(n)*int64(n-1)/2 {
			return fmt.Errorf("%v for %d numbers", v, n)
		}
		return nil
	})
}
