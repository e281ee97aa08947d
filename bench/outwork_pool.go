package main

import (
	"context"
	"errors"
	"time"

	"github.com/outwork-go/outwork"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// Rows of the table of calls on a pool.
const (
	workerCallRow = "a worker"
	poolCallRow   = "a pool of 1"
)

func poolCallTable() table {
	return table{
		name:    confineName,
		title:   "A call, of a worker and of a warm pool",
		metrics: []metric{{"p50", "µs"}},
		modes:   []mode{pinned, free},
		probes:  []probe{{name: "pool call", run: poolCalls}},
		subject: poolCallRow,
		goals:   bothModes(goal{row: poolCallRow, column: "p50", of: workerCallRow, atMost: 1.05}),
	}
}

// poolCalls has both take turns.
func poolCalls(j job) (readings []reading.Reading, err error) {
	m := new(outwork.Manager)
	defer func() { err = errors.Join(err, m.Close()) }()
	ctx := context.Background()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		return nil, err
	}
	p, err := m.Pool(ctx, outwork.Target{}, 1)
	if err != nil {
		return nil, err
	}
	return callsInTurn(j, []string{workerCallRow, poolCallRow}, func(row string) error {
		var to outwork.Callee = w
		if row == poolCallRow {
			to = p
		}
		_, err := outworkNothing.Call(ctx, to, nothing{})
		return err
	})
}

// callsInTurn reads the median of each row's calls, in batches by turns.
func callsInTurn(j job, rows []string, call func(row string) error) ([]reading.Reading, error) {
	took := make(map[string][]time.Duration)
	for began := time.Now(); time.Since(began) < time.Duration(len(rows))*j.Budget; {
		for _, row := range rows {
			for range batch {
				d, err := reading.Duration(func() error { return call(row) })
				if err != nil {
					return nil, err
				}
				took[row] = append(took[row], d)
			}
		}
	}
	var readings []reading.Reading
	for _, row := range rows {
		readings = append(readings, reading.Reading{Row: row, Metric: "p50", Value: reading.Micros(stat.Median(took[row]))})
	}
	return readings, nil
}
