package starlark

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"go.starlark.net/starlark"
)

// stopReason is why a run was told to stop. The first reason stays.
type stopReason struct {
	err  atomic.Pointer[error]
	done chan struct{} // closed when there is a reason
}

// stop makes the interpreter end at its next step, and built-ins of this
// package at their next look. It may be called from any goroutine.
func (r *run) stop(err error) {
	if r.stopped.err.CompareAndSwap(nil, &err) {
		r.thread.Cancel(err.Error())
		close(r.stopped.done)
		r.cancel(err)
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
		r.stop(fmt.Errorf("%w %d steps", ErrSteps, r.limits.Steps))
	}
	if room < 0 {
		r.stop(fmt.Errorf("calls nested deeper than %d", r.limits.Depth))
	}
	next := t.Steps + uint64(min(max(room, minCheckSteps), checkSteps))
	t.SetMaxExecutionSteps(max(t.Steps+1, min(next, r.limits.Steps)))
}

// Limits that ended a script: its *Error wraps them.
var (
	ErrSteps  = errors.New("script takes more than")
	ErrMemory = errors.New("script uses more than its memory limit")
)

// watch looks at the context and at the heap beside a running script, because
// the interpreter sees neither while a built-in runs.
type watch struct {
	r     *run
	base  uint64        // heap in bytes before the script ran
	first *time.Timer   // begins the loop: a short script needs none
	done  chan struct{} // ends it
	ended chan struct{}

	told bool // Host.Stuck was called
}

func startWatch(r *run) *watch {
	w := &watch{r: r, base: heapNow().bytes, done: make(chan struct{}), ended: make(chan struct{})}
	w.first = time.AfterFunc(watchInterval, w.loop)
	return w
}

func (w *watch) stop() {
	if !w.first.Stop() {
		close(w.done)
		<-w.ended
	}
}

func (w *watch) loop() {
	defer close(w.ended)
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	cancelled := w.r.ctx.Done()
	var stopped time.Time
	w.checkHeap()
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
	now := heapNow()
	most := limit
	if w.r.stopped.err.Load() != nil {
		most *= stuckMemory
	}
	if w.told || w.grown(now.bytes) <= most {
		return
	}
	runtime.GC()
	grown := w.grown(now.survivors())
	err := fmt.Errorf("%w of %d MiB", ErrMemory, limit>>20)
	if grown > limit {
		w.r.stop(err)
	}
	if grown > stuckMemory*limit {
		w.stuck(err)
	}
}

func (w *watch) stuck(err error) {
	if !w.told {
		w.told = true
		w.r.host.Stuck(err)
	}
}

func (w *watch) grown(to uint64) uint64 { return to - min(w.base, to) }

// heap is the state of the process's heap, in bytes.
type heap struct {
	bytes uint64 // in objects, dead ones that were not yet swept too
	made  uint64 // in all objects that there ever were
}

func heapNow() heap {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64()}
}

// survivors is what a collection that began after h has left, without what was made
// meanwhile: none of that is collected, and a script that makes nothing but garbage
// makes much of it.
func (h heap) survivors() uint64 {
	now := heapNow()
	return now.bytes - min(now.made-h.made, now.bytes)
}
