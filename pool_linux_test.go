package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
)

// pooled is a pool of n processes; its manager is closed at the test's end.
func pooled(t testing.TB, m *outwork.Manager, target outwork.Target, n int) *outwork.Pool {
	t.Helper()
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	p, err := m.Pool(within(t), target, n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// toil takes some time of the processor.
var toil = outwork.Func("test.toil", func(_ context.Context, n int) (int, error) {
	for began := time.Now(); time.Since(began) < 200*time.Microsecond; {
	}
	return n * n, nil
})

// killing kills workers of p every 10 ms until the function that it returns is called, which
// tells how many. It waits for progress after each, unless that is nil: on a slow machine no
// worker would live for as long as an input takes.
func killing(t *testing.T, p *outwork.Pool, progress *atomic.Int64) func() int {
	killed, seen := 0, int64(-1)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			if progress != nil && progress.Load() == seen {
				continue
			}
			if workers := outwork.PoolWorkers(p); len(workers) > 0 && killWorker(workers[rand.N(len(workers))]) {
				killed++
				if progress != nil {
					seen = progress.Load()
				}
			}
		}
	})
	return func() int {
		cancel()
		all.Wait()
		return killed
	}
}

// killWorker kills a worker, unless it has ended already.
func killWorker(w *outwork.Worker) bool {
	process, err := os.FindProcess(w.PID()) // holds a pidfd
	if err != nil {
		return false
	}
	defer process.Release()
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", w.PID()))
	if !strings.Contains(string(line), "["+w.Name()+"]") {
		return false // it has ended, and its number may be another's
	}
	return process.Kill() == nil
}

// That workers are killed changes nothing of what a map finds.
func TestMapWhereWorkersAreKilled(t *testing.T) {
	nothingLeft(t)
	n := rounds(5000)
	var m outwork.Manager
	p := pooled(t, &m, outwork.Target{}, 3)
	for name, run := range map[string]func() func(func(int, outwork.Outcome[int]) bool){
		"one by one": func() func(func(int, outwork.Outcome[int]) bool) {
			return ints{Ordered: true, InFlight: 20}.With(t.Context(), p, func(ctx context.Context, w *outwork.Worker, n int) (int, error) { return toil.Call(ctx, w, n) }, upTo(n))
		},
		"in batches": func() func(func(int, outwork.Outcome[int]) bool) {
			return ints{Ordered: true, Batch: 16}.Batches(t.Context(), p, nil, inOneCall(toils), upTo(n))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var done atomic.Int64
			stop := killing(t, p, &done)
			next, again := 0, 0
			for in, out := range run() {
				if in != next || out.Index != next || out.Err != nil || out.Value != in*in {
					t.Errorf("%d instead of %d: %+v", in, next, out)
				}
				if out.Attempts > 1 {
					again++
				}
				next++
				done.Add(1)
			}
			killed := stop()
			if next != n || killed < n/250 {
				t.Errorf("%d outcomes of %d, %d workers were killed", next, n, killed)
			}
			t.Logf("%d workers were killed, %d inputs tried again", killed, again)
		})
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// toils streams the squares.
var toils = outwork.Func("test.toils", func(ctx context.Context, all []int) (*outwork.Stream[int], error) {
	return outwork.StreamOf(func(yield func(int, error) bool) {
		for _, n := range all {
			for began := time.Now(); time.Since(began) < 200*time.Microsecond; {
			}
			if !yield(n*n, nil) {
				return
			}
		}
	}), nil
})

// Inputs that crash their workers are found out, and no others.
func TestMapCulprits(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Stdout: new(buffer), Stderr: new(buffer)}
	p := pooled(t, &m, outwork.Target{}, 2)
	hows := []string{"exit", "zero", "panic", "fault", "kill"}
	want := map[string]int{"exit": 2, "zero": 2, "panic": 2, "fault": 2, "kill": 12} // attempts
	causes := map[string]lost.Cause{"exit": lost.Exit, "zero": lost.Exit, "panic": lost.Crash, "fault": lost.Crash, "kill": lost.Killed}
	do := func(ctx context.Context, w *outwork.Worker, n int) (int, error) {
		if n%20 == 10 {
			_, err := dies.Call(ctx, w, hows[n/20])
			return 0, err
		}
		return double.Call(ctx, w, n)
	}
	for n, out := range (ints{}).With(within(t), p, do, upTo(100)) {
		if n%20 != 10 {
			if out.Err != nil || out.Value != 2*n || out.Attempts != 1 {
				t.Errorf("%d: %+v", n, out)
			}
			continue
		}
		how := hows[n/20]
		if e := lossIn(t, out.Err); out.Attempts != want[how] || e.Function != "test.dies" || !e.MayHaveRun || !errors.Is(out.Err, causes[how]) {
			t.Errorf("%s: %+v, %v", how, out, out.Err)
		}
	}
	m.Close()
}

// A batch of which one input crashes the worker.
func TestMapBatchCulprits(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Stdout: new(buffer), Stderr: new(buffer)}
	p := pooled(t, &m, outwork.Target{}, 2)
	for n, out := range (ints{}).Batches(within(t), p, nil, inOneCall(fragile), upTo(1000)) {
		if n%250 == 249 {
			if e := lossIn(t, out.Err); out.Attempts != 2 || e.ExitCode != 9 {
				t.Errorf("%d: %+v, %v", n, out, out.Err)
			}
		} else if out.Err != nil || out.Value != n || out.Attempts != 1 {
			t.Errorf("%d: %+v", n, out)
		}
	}
	m.Close()
}

// fragile streams its argument, and dies of some.
var fragile = outwork.Func("test.fragile", func(_ context.Context, all []int) (*outwork.Stream[int], error) {
	return outwork.StreamOf(func(yield func(int, error) bool) {
		for _, n := range all {
			if n%250 == 249 {
				time.Sleep(5 * time.Millisecond) // what was told before has arrived
				os.Exit(9)
			}
			if !yield(n, nil) {
				return
			}
		}
	}), nil
})

// A pool of processes in a rush: calls, maps, kills, and an end in the middle.
func TestPoolIsClosedAtRandom(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	for range rounds(10) {
		p := pooled(t, &m, outwork.Target{Name: "rush"}, 3)
		p.Each, p.Recycle = 2, 50
		stop := killing(t, p, nil)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					if _, err := double.Call(t.Context(), p, 1); errors.Is(err, outwork.ErrClosed) {
						return
					}
				}
			})
		}
		all.Go(func() {
			for _, out := range outwork.Map(t.Context(), p, double, upTo(1<<40)) {
				if errors.Is(out.Err, outwork.ErrClosed) {
					return
				}
			}
		})
		<-time.After(rand.N(60 * time.Millisecond))
		if rand.N(2) == 0 {
			p.Close()
		} else if err := p.Shutdown(within(t)); err != nil {
			t.Error(err)
		}
		stop()
		all.Wait()
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A target that cannot work fails at once, and leaves nothing.
func TestPoolOfNothing(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	defer m.Close()
	for _, target := range []outwork.Target{{Program: "/nonexistent"}, {Program: "true"}, {Dir: "/nonexistent"}} {
		if p, err := m.Pool(within(t), target, 4); err == nil {
			t.Errorf("%+v: %v", target, p)
		} else {
			t.Log(err)
		}
	}
}

// Workers elsewhere are like others, and a host that is lost costs no input.
func TestMapOnHost(t *testing.T) {
	m := outwork.Manager{Hops: near}
	p := pooled(t, &m, outwork.Target{Host: "near://"}, 2)
	agents := 0
	for n, out := range outwork.Map(within(t), p, double, upTo(200)) {
		if out.Err != nil || out.Value != 2*n {
			t.Errorf("%d: %+v, %v", n, out, out.Err)
		}
		if n%50 == 49 {
			agents += killAgents(t, p)
		}
	}
	if agents == 0 {
		t.Error("no agent was killed")
	}
}

// killAgents kills what the workers of p are children of.
func killAgents(t *testing.T, p *outwork.Pool) int {
	workers, agents := outwork.PoolWorkers(p), map[int]bool{}
	for _, w := range workers {
		if w.Err() == nil {
			agents[parentOf(t, w.PID())] = true
		}
	}
	for pid := range agents {
		process, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		process.Kill()
		process.Release()
	}
	for _, w := range workers {
		<-w.Done()
	}
	return len(agents)
}

// BenchmarkPoolCall is to be compared with BenchmarkCall: the pool costs what a mutex costs.
func BenchmarkPoolCall(b *testing.B) {
	var m outwork.Manager
	p := pooled(b, &m, outwork.Target{}, 2)
	ctx := b.Context()
	for b.Loop() {
		if _, err := double.Call(ctx, p, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	var m outwork.Manager
	w := started(b, &m, outwork.Target{})
	ctx := b.Context()
	for b.Loop() {
		if _, err := double.Call(ctx, w, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMap is of one input.
func BenchmarkMap(b *testing.B) {
	var m outwork.Manager
	p := pooled(b, &m, outwork.Target{}, runtime.GOMAXPROCS(0))
	b.ResetTimer()
	for _, out := range outwork.Map(b.Context(), p, double, upTo(b.N)) {
		if out.Err != nil {
			b.Fatal(out.Err)
		}
	}
}

// BenchmarkMapBatches is of one input.
func BenchmarkMapBatches(b *testing.B) {
	var m outwork.Manager
	p := pooled(b, &m, outwork.Target{}, runtime.GOMAXPROCS(0))
	b.ResetTimer()
	for _, out := range (ints{}).Batches(b.Context(), p, nil, together, upTo(b.N)) {
		if out.Err != nil {
			b.Fatal(out.Err)
		}
	}
}
