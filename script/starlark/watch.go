package starlark

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"go.starlark.net/starlark"
)

// stopReason is why a run was told to stop. The first reason stays.
type stopReason struct{ err atomic.Pointer[error] }

// stop makes the interpreter end at its next step, and built-ins of this
// package at their next look. It may be called from any goroutine.
func (r *run) stop(err error) {
	if r.stopped.err.CompareAndSwap(nil, &err) {
		r.thread.Cancel(err.Error())
	}
}

// interrupted is why the run must stop, or nil. Once it was not nil, the
// interpreter ends at its next step.
func (r *run) interrupted() error {
	if r.ctx.Err() != nil {
		r.stop(stoppedBy(r.ctx))
	}
	if err := r.stopped.err.Load(); err != nil {
		return *err
	}
	return nil
}

func stoppedBy(ctx context.Context) error {
	return fmt.Errorf("script stopped: %w", context.Cause(ctx))
}

// onSteps looks at steps and depth, and says when it must look again. A step
// enters one call at most, so the depth cannot be overrun between two looks by
// more than minCheckSteps.
func (r *run) onSteps(t *starlark.Thread) {
	room := r.limits.Depth - t.CallStackDepth()
	if t.Steps >= r.limits.Steps {
		r.stop(fmt.Errorf("script takes more than %d steps", r.limits.Steps))
	}
	if room < 0 {
		r.stop(fmt.Errorf("calls nested deeper than %d", r.limits.Depth))
	}
	next := t.Steps + uint64(min(max(room, minCheckSteps), checkSteps))
	t.SetMaxExecutionSteps(max(t.Steps+1, min(next, r.limits.Steps)))
}

// watch looks at the context and at the heap beside a running script, because
// the interpreter sees neither while a built-in runs.
type watch struct {
	r    *run
	base uint64 // heap in bytes before the script ran
	done chan struct{}
	wg   sync.WaitGroup

	told bool // Host.Stuck was called
}

func startWatch(r *run) *watch {
	w := &watch{r: r, base: heapBytes(), done: make(chan struct{})}
	w.wg.Go(w.loop)
	return w
}

func (w *watch) stop() {
	close(w.done)
	w.wg.Wait()
}

func (w *watch) loop() {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	cancelled := w.r.ctx.Done()
	var stopped time.Time
	for {
		select {
		case <-w.done:
			return
		case <-cancelled:
			cancelled = nil
			w.r.stop(stoppedBy(w.r.ctx))
		case <-tick.C:
			w.checkHeap()
		}
		err := w.r.stopped.err.Load()
		switch {
		case err == nil:
		case stopped.IsZero():
			stopped = time.Now()
		case time.Since(stopped) > stuckAfter:
			w.stuck(*err)
		}
	}
}

// checkHeap stops the script when the heap has grown too far, garbage not
// counted. The heap belongs to the whole process: what runs beside the script
// counts too.
func (w *watch) checkHeap() {
	limit := uint64(w.r.limits.Memory)
	grown := w.grown()
	if grown <= limit {
		return
	}
	err := fmt.Errorf("%w of %d MiB", errMemory, limit>>20)
	if grown > stuckMemory*limit {
		w.r.stop(err)
		w.stuck(err)
		return
	}
	if w.r.stopped.err.Load() != nil {
		return
	}
	runtime.GC()
	if w.grown() > limit {
		w.r.stop(err)
	}
}

var errMemory = errors.New("script uses more than its memory limit")

func (w *watch) stuck(err error) {
	if !w.told {
		w.told = true
		w.r.host.Stuck(err)
	}
}

func (w *watch) grown() uint64 {
	now := heapBytes()
	return now - min(w.base, now)
}

// heapBytes is the memory in objects, dead ones that were not yet swept too.
func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
