package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
)

type openArgs struct{ Shared, Step int }

// outworkOpen opens every Step-th of the containers and looks into it.
var outworkOpen = outwork.Func("bench.open", func(ctx context.Context, a openArgs) (nothing, error) {
	for n := 0; n < a.Shared; n += a.Step {
		if err := openNumbered(ctx, n); err != nil {
			return nothing{}, err
		}
	}
	return nothing{}, nil
})

// numbered is the content of container n.
func numbered(n int) []byte {
	return binary.LittleEndian.AppendUint64(make([]byte, 0, sharedBytes), uint64(n))[:sharedBytes]
}

func openNumbered(ctx context.Context, n int) error {
	c, err := outwork.Shared(ctx, strconv.Itoa(n))
	if err != nil {
		return err
	}
	var b [8]byte
	_, err = c.ReadAt(b[:], 0)
	if got := binary.LittleEndian.Uint64(b[:]); err == nil && got != uint64(n) {
		err = fmt.Errorf("container %d holds %d", n, got)
	}
	return errors.Join(err, c.Close())
}

// sharing is a manager with sharers workers.
type sharing struct {
	manager *outwork.Manager
	workers []*outwork.Worker
}

func startSharing() (*sharing, error) {
	c := &sharing{manager: new(outwork.Manager)}
	for range sharers {
		w, err := c.manager.Start(context.Background(), outwork.Target{})
		if err != nil {
			return nil, errors.Join(err, c.manager.Close())
		}
		c.workers = append(c.workers, w)
	}
	return c, nil
}

func shareOutwork(j job) (readings []reading.Reading, err error) {
	if err := limitOpenFiles(); err != nil {
		return nil, err
	}
	c, err := startSharing()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.manager.Close()) }()
	if _, err := c.memory(); err != nil { // what the first look needs stays
		return nil, err
	}
	before, err := c.memory()
	if err != nil {
		return nil, err
	}
	all := make([]container.Container, j.Shares)
	took, err := reading.Duration(func() error { return c.shareNumbered(all) })
	if err != nil {
		return nil, err
	}
	opening, err := reading.Duration(func() error { return c.open(j) })
	if err != nil {
		return nil, err
	}
	during, err := c.memory()
	if err != nil {
		return nil, err
	}
	back, err := reading.Duration(func() error { return c.unshareNumbered(all) })
	if err != nil {
		return nil, err
	}
	all = nil
	after, err := c.memory()
	if after.files > before.files {
		err = errors.Join(err, fmt.Errorf("%d descriptors are left, %d were", after.files, before.files))
	}
	return []reading.Reading{
		{Row: outworkRow, Metric: "share", Value: each(took, j.Shares)},
		{Row: outworkRow, Metric: "open", Value: each(opening, opened*sharers)},
		{Row: outworkRow, Metric: "unshare", Value: each(back, j.Shares)},
		{Row: outworkRow, Metric: "manager", Value: grownBytes(before.manager, during.manager, j.Shares)},
		{Row: outworkRow, Metric: "worker", Value: grownBytes(before.worker, during.worker, j.Shares)},
		{Row: outworkRow, Metric: "kept in the heap", Value: max(0, float64(after.heap)-float64(before.heap)) / float64(j.Shares)},
		{Row: outworkRow, Metric: "kept", Value: max(0, grownBytes(before.manager, after.manager, j.Shares))},
	}, err
}

func (c *sharing) shareNumbered(all []container.Container) error {
	for n := range all {
		all[n] = container.FromBytes(numbered(n))
		if err := c.manager.Share(strconv.Itoa(n), all[n]); err != nil {
			return err
		}
	}
	return nil
}

func (c *sharing) unshareNumbered(all []container.Container) error {
	for n, shared := range all {
		c.manager.Unshare(strconv.Itoa(n))
		if err := shared.Close(); err != nil {
			return err
		}
	}
	return nil
}

// open has all workers open some at once.
func (c *sharing) open(j job) error {
	wrong := make([]error, len(c.workers))
	var all sync.WaitGroup
	for i, w := range c.workers {
		all.Go(func() { _, wrong[i] = outworkOpen.Call(context.Background(), w, openArgs{j.Shares, j.Shares / opened}) })
	}
	all.Wait()
	return errors.Join(wrong...)
}

// held is what processes have.
type held struct {
	manager, worker proc.Memory // without garbage; the mean of the workers
	heap            uint64      // bytes of the manager's objects
	files           int         // descriptors of the manager
}

func (c *sharing) memory() (h held, err error) {
	var pids []int
	for _, w := range c.workers {
		pids = append(pids, w.PID())
	}
	for range 3 { // the cleanups of what is dropped run between two
		debug.FreeOSMemory()
	}
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	h.heap = heap.HeapAlloc
	files, err1 := os.ReadDir("/proc/self/fd")
	h.files = len(files)
	var err2, err3 error
	h.manager, err2 = proc.MemoryOf(os.Getpid())
	h.worker, err3 = proc.MeanMemory(pids)
	return h, errors.Join(err1, err2, err3)
}

func grownBytes(before, after proc.Memory, n int) float64 {
	return float64(after.RSS-before.RSS) * 1024 / float64(n)
}
