package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

// logBatch is how many records are logged until the receiver has them all.
const logBatch = 5000

// logPipe is the floor of forwarding: a child that logs JSON lines into a
// pipe, and a parent that counts them.
var logPipe = peer{name: logPipeName, serve: serveLogLines}

const logPipeName = "slog's JSON lines over a pipe"

func logTable() table {
	return table{
		name:    "log",
		title:   "Log records, forwarded",
		note:    "A message and two attributes each. CPU is that of both processes. The floor decodes nothing.",
		metrics: []metric{{"rate", "k records/s"}, {"CPU a record", "µs"}},
		modes:   []mode{pinned, free},
		probes:  append([]probe{{name: logPipeName, run: probeLogLines}}, outworkProbes("log")...),
		subject: outworkRow,
	}
}

// logBatchTo logs one batch.
func logBatchTo(l *slog.Logger) {
	for i := range logBatch {
		l.Info("a record of the benchmark", "number", i, "worker", "bench")
	}
}

// serveLogLines logs a batch for every byte that it is sent.
func serveLogLines(exchange) error {
	l := slog.New(slog.NewJSONHandler(fdPair{w: firstFile + 1}, nil))
	asked := fdPair{r: firstFile}
	var b [1]byte
	for {
		if _, err := asked.Read(b[:]); err != nil {
			return endOfFileIsFine(err)
		}
		logBatchTo(l)
	}
}

func probeLogLines(j job) ([]reading.Reading, error) {
	ours, theirs, err := pipePair()
	if err != nil {
		return nil, err
	}
	s, err := startServer(logPipeName, exchange{},
		os.NewFile(uintptr(theirs.r), "read"), os.NewFile(uintptr(theirs.w), "write"))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(ours)
	readings, err := measureLog(logPipeName, j.Budget, func() error {
		if _, err := ours.Write([]byte{0}); err != nil {
			return err
		}
		for n := range logBatch {
			if !lines.Scan() {
				return fmt.Errorf("after %d of %d records: %w", n, logBatch, cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
			}
		}
		return nil
	})
	return readings, errors.Join(err, unix.Close(ours.w), unix.Close(ours.r), s.stop())
}

// measureLog measures batch, which returns when logBatch records are here.
func measureLog(row string, budget time.Duration, batch func() error) ([]reading.Reading, error) {
	cost, err := costOf(func(budget time.Duration) (int, error) {
		n, err := countWithin(budget, batch)
		return n * logBatch, err
	}, budget)
	return []reading.Reading{
		{Row: row, Metric: "rate", Value: cost.rate() / 1000},
		{Row: row, Metric: "CPU a record", Value: cost.cpuMicros()},
	}, err
}
