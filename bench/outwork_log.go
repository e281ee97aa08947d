package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/outwork-go/outwork"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

type nothing struct{}

var outworkLog = outwork.Func("bench.log", func(context.Context, nothing) (nothing, error) {
	logBatchTo(slog.Default())
	return nothing{}, nil
})

// counter is a handler that counts records.
type counter struct{ records *atomic.Int64 }

func (c counter) Enabled(context.Context, slog.Level) bool { return true }

func (c counter) Handle(context.Context, slog.Record) error {
	c.records.Add(1)
	return nil
}

func (c counter) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c counter) WithGroup(string) slog.Handler      { return c }

func logOutwork(j job) (readings []reading.Reading, err error) {
	var records atomic.Int64
	o, err := startOutworker(&outwork.Manager{Log: slog.New(counter{&records})})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	return measureLog(outworkRow, j.Budget, func() error {
		before := records.Load()
		if _, err := outworkLog.Call(context.Background(), o.worker, nothing{}); err != nil {
			return err
		}
		// A result never overtakes the records of its call.
		if got := records.Load() - before; got != logBatch {
			return fmt.Errorf("%d of %d records had arrived with the result", got, logBatch)
		}
		return nil
	})
}
