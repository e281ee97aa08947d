package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
)

type openArgs struct{ Shared, Step int }

type openReply struct{ Nanoseconds int64 }

// outworkOpen opens every Step-th of the containers and looks into it.
var outworkOpen = outwork.Func("bench.open", func(ctx context.Context, a openArgs) (openReply, error) {
	began := time.Now()
	for n := 0; n < a.Shared; n += a.Step {
		if err := openNumbered(ctx, n); err != nil {
			return openReply{}, err
		}
	}
	return openReply{time.Since(began).Nanoseconds()}, nil
})

var outworkPID = outwork.Func("bench.pid", func(context.Context, nothing) (int, error) {
	return os.Getpid(), nil
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

func shareOutwork(j job) (readings []reading.Reading, err error) {
	if err := limitOpenFiles(); err != nil {
		return nil, err
	}
	o, err := startOutworker(new(outwork.Manager))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	before, err := o.memory()
	if err != nil {
		return nil, err
	}
	sharing, err := reading.Duration(func() error { return o.shareNumbered(j.Shares) })
	if err != nil {
		return nil, err
	}
	reply, err := outworkOpen.Call(context.Background(), o.worker, openArgs{j.Shares, j.Shares / opened})
	if err != nil {
		return nil, err
	}
	after, err := o.memory()
	return []reading.Reading{
		{Row: outworkRow, Metric: "share", Value: each(sharing, j.Shares)},
		{Row: outworkRow, Metric: "open", Value: each(time.Duration(reply.Nanoseconds), opened)},
		{Row: outworkRow, Metric: "manager", Value: grownBytes(before[0], after[0], j.Shares)},
		{Row: outworkRow, Metric: "worker", Value: grownBytes(before[1], after[1], j.Shares)},
	}, err
}

func (o *outworker) shareNumbered(count int) error {
	for n := range count {
		if err := o.manager.Share(strconv.Itoa(n), container.FromBytes(numbered(n))); err != nil {
			return err
		}
	}
	return nil
}

// memory is this process's, without garbage, and the worker's.
func (o *outworker) memory() (m [2]proc.Memory, err error) {
	pid, err := outworkPID.Call(context.Background(), o.worker, nothing{})
	if err != nil {
		return m, err
	}
	debug.FreeOSMemory()
	for i, pid := range []int{os.Getpid(), pid} {
		if m[i], err = proc.MemoryOf(pid); err != nil {
			return m, err
		}
	}
	return m, nil
}

func grownBytes(before, after proc.Memory, n int) float64 {
	return float64(after.RSS-before.RSS) * 1024 / float64(n)
}
