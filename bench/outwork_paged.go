package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

type pagedArgs struct{ Name, Task string }

// outworkPaged does a task with a shared container, and tells how long it took.
var outworkPaged = outwork.Func("bench.paged", func(ctx context.Context, a pagedArgs) (nanoseconds int64, err error) {
	c, err := outwork.Shared(ctx, a.Name)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	task, ok := pagedTasks[a.Task]
	if !ok {
		return 0, fmt.Errorf("no task %q", a.Task)
	}
	took, err := reading.Duration(func() error { return task(ctx, c) })
	return took.Nanoseconds(), err
})

var pagedTasks = map[string]func(context.Context, container.Container) error{
	"sequential": readThrough,
	"random":     readAround,
	"find":       func(_ context.Context, c container.Container) error { return findEnd(c) },
	"ask":        func(ctx context.Context, _ container.Container) error { return ask(ctx) },
}

func readThrough(ctx context.Context, c container.Container) error {
	b := make([]byte, pagedPiece)
	for off := int64(0); off < c.Size(); off += pagedPiece {
		if n, err := container.ReadAt(ctx, c, b, off); n < len(b) {
			return fmt.Errorf("%d bytes at %d: %w", n, off, err)
		}
	}
	return nil
}

func readAround(ctx context.Context, c container.Container) error {
	b := make([]byte, pagedBytes)
	for range pagedReads {
		off := rand.Int64N(c.Size()/pagedBytes) * pagedBytes
		if n, err := container.ReadAt(ctx, c, b, off); n < len(b) {
			return fmt.Errorf("%d bytes at %d: %w", n, off, err)
		}
	}
	return nil
}

func findEnd(c container.Container) error {
	at, _, err := findIn(c)
	return errors.Join(err, checkFound(at))
}

// ask asks the manager what is answered at once.
func ask(ctx context.Context) error {
	_, err := outworkNothing.Call(ctx, call.Back(ctx), nothing{})
	return err
}

// pagedOutwork reads and searches live sources in a worker.
func pagedOutwork(j job) (readings []reading.Reading, err error) {
	o, err := startOutworker(new(outwork.Manager))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	large := bytes.NewReader(make([]byte, j.Bulk/pagedPiece*pagedPiece))
	small := bytes.NewReader(haystack())
	sequential, err := o.paged("sequential", 3, large)
	if err != nil {
		return nil, err
	}
	random, err := o.paged("random", 1, large)
	if err != nil {
		return nil, err
	}
	find, err := o.paged("find", searchRepeat, small)
	if err != nil {
		return nil, err
	}
	asked, err := o.paged("ask", searchRepeat, small)
	if err != nil {
		return nil, err
	}
	here := liveOf(small)
	defer here.Close()
	local, err := reading.MedianMillis(searchRepeat, func() (time.Duration, error) {
		return reading.Duration(func() error { return findEnd(here) })
	})
	return []reading.Reading{
		{Row: outworkRow, Metric: "sequential", Value: megabytesOf(int(large.Size()))(sequential.Seconds())},
		{Row: outworkRow, Metric: "random", Value: each(random, pagedReads)},
		{Row: outworkRow, Metric: "find", Value: reading.Millis(find)},
		{Row: liveHereRow, Metric: "find", Value: local},
		{Row: askRow, Metric: "find", Value: reading.Millis(asked)},
		{Row: twoTripsRow, Metric: "find", Value: local + 2*reading.Millis(asked)},
	}, err
}

func liveOf(r *bytes.Reader) container.Container {
	return container.FromReaderAt(struct{ io.ReaderAt }{r}, r.Size(), container.Live{Name: "memory"})
}

// paged has the worker do a task so often, each time with a container that is new to
// it, and is the median of what that took.
func (o *outworker) paged(task string, times int, r *bytes.Reader) (time.Duration, error) {
	ctx := call.WithGrants(context.Background(), outworkNothing)
	var took []time.Duration
	for i := range times {
		c, name := liveOf(r), fmt.Sprintf("%s %d", task, i)
		if err := o.manager.Share(name, c); err != nil {
			return 0, err
		}
		nanoseconds, err := outworkPaged.Call(ctx, o.worker, pagedArgs{name, task})
		o.manager.Unshare(name)
		c.Close()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", task, err)
		}
		took = append(took, time.Duration(nanoseconds))
	}
	return stat.Median(took), nil
}
