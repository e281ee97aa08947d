package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/outwork-go/outwork"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

var (
	smallProgram   = program{name: "small", build: []string{"./programs/small"}}
	commandProgram = program{name: "outwork", build: []string{"-C", "..", "./cmd/outwork"}}
)

// commandProbes are the command on its own, its worker, and all of a run.
func commandProbes() []probe {
	run := []string{"run", "--lang", "starlark", "-c", "None"}
	return []probe{
		commandProbe(commandRow, commandProgram, "version"),
		{name: commandWorkerRow, run: probeCommandWorker},
		commandProbe("`outwork run -c None`, start to end", commandProgram, run...),
	}
}

// probeCommandWorker starts workers that are processes of the command, and
// has them evaluate next to nothing. The first is not counted: the starter
// starts with it.
func probeCommandWorker(j job) (readings []reading.Reading, err error) {
	m := new(outwork.Manager)
	defer func() { err = errors.Join(err, m.Close()) }()
	t := outwork.Target{Program: filepath.Join(j.Programs, commandProgram.name)}
	if _, err := startAndRun(m, t); err != nil {
		return nil, err
	}
	took, err := reading.MedianMillis(j.Starts, func() (time.Duration, error) { return startAndRun(m, t) })
	return []reading.Reading{{Row: commandWorkerRow, Metric: reading.Time, Value: took}}, err
}

func startAndRun(m *outwork.Manager, t outwork.Target) (time.Duration, error) {
	ctx := context.Background()
	began := time.Now()
	w, err := m.Start(ctx, t)
	if err != nil {
		return 0, err
	}
	_, err = w.Run(ctx, outwork.Script{Name: "bench.star", Lang: "starlark", Source: "None"})
	return time.Since(began), errors.Join(err, w.Close())
}
