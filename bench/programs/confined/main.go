// Command confined measures what confinement costs: the start of a worker, and a function that
// computes. It is small, because what a process imports is what its start costs, and its own worker.
//
//	confined start N    starts N plain and N strict workers in turn, and again with 1 GiB resident
//	confined compute N  has a plain and a strict worker compute in turn
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/outwork-go/outwork"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
	"github.com/outwork-go/outwork/sandbox"
)

type nothing struct{}

var (
	identify = outwork.Func("identify", func(context.Context, nothing) (nothing, error) { return nothing{}, nil })
	compute  = outwork.Func("compute", func(_ context.Context, n int) (uint64, error) { return spin(n), nil })
)

// spin hashes, in memory that it allocates as it goes.
func spin(n int) (h uint64) {
	h = 14695981039346656037
	for range n {
		b := make([]byte, 4096)
		for i := range b {
			b[i] = byte(h)
			h = (h ^ uint64(b[i])) * 1099511628211
		}
	}
	return h
}

// rounds of spin take some 100 ms.
const rounds = 25_000

// resident is what the manager holds when it is large.
const resident = 1 << 30

var targets = []struct {
	row    string
	target outwork.Target
}{
	{"plain", outwork.Target{}},
	{"contained", outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Contained}}},
	{"strict", outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}}},
}

func main() {
	outwork.Main()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "confined:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want a task and a number, not %q", args)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var m outwork.Manager
	defer m.Close()
	var readings []reading.Reading
	switch args[0] {
	case "start":
		readings, err = starts(&m, n)
	case "compute":
		readings, err = computes(&m, n)
	default:
		err = fmt.Errorf("unknown task %q", args[0])
	}
	if err != nil {
		return err
	}
	return reading.Write(os.Stdout, readings)
}

// starts measures small, and then large.
func starts(m *outwork.Manager, n int) ([]reading.Reading, error) {
	small, err := startsOf(m, n, "")
	if err != nil {
		return nil, err
	}
	ballast := make([]byte, resident)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	large, err := startsOf(m, n, ", 1 GiB in the manager")
	ballast[0]++
	return append(small, large...), err
}

func startsOf(m *outwork.Manager, n int, suffix string) ([]reading.Reading, error) {
	took := make([][]float64, len(targets))
	for round := range n + 1 {
		for i, t := range targets {
			d, err := first(m, t.target)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.row, err)
			}
			if round > 0 { // the first has the starter's start in it
				took[i] = append(took[i], reading.Millis(d))
			}
		}
	}
	var readings []reading.Reading
	for i, t := range targets {
		readings = append(readings, reading.Reading{Row: t.row + suffix, Metric: reading.Time, Value: stat.Median(took[i])})
	}
	return readings, nil
}

// first is how long it takes to start a worker and have a reply; then it is closed.
func first(m *outwork.Manager, t outwork.Target) (time.Duration, error) {
	ctx := context.Background()
	began := time.Now()
	w, err := m.Start(ctx, t)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	_, err = identify.Call(ctx, w, nothing{})
	return time.Since(began), err
}

// computes has each worker compute in turn.
func computes(m *outwork.Manager, n int) ([]reading.Reading, error) {
	ctx := context.Background()
	took := make([][]float64, len(targets))
	workers := make([]*outwork.Worker, len(targets))
	for i, t := range targets {
		var err error
		if workers[i], err = m.Start(ctx, t.target); err != nil {
			return nil, fmt.Errorf("%s: %w", t.row, err)
		}
	}
	for range n {
		for i, w := range workers {
			began := time.Now()
			if _, err := compute.Call(ctx, w, rounds); err != nil {
				return nil, err
			}
			took[i] = append(took[i], reading.Millis(time.Since(began)))
		}
	}
	var readings []reading.Reading
	for i, t := range targets {
		readings = append(readings, reading.Reading{Row: t.row, Metric: reading.Time, Value: stat.Median(took[i])})
	}
	return readings, nil
}
