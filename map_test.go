package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
)

// upTo yields 0 to n-1.
func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// ints are the maps of most tests.
type ints = outwork.Mapping[int, int]

// calls is work on an input: a call that takes no time.
func calls(ctx context.Context, w *outwork.Worker, n int) (int, error) { return double.Call(ctx, w, n) }

func TestMap(t *testing.T) {
	bubble(t, 3, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		for _, n := range []int{0, 1, 2, 500} {
			seen := map[int]bool{}
			for in, out := range outwork.Map(t.Context(), p, double, upTo(n)) {
				if out.Err != nil || out.Value != 2*in || out.Index != in || out.Attempts != 1 || seen[in] {
					t.Errorf("%d: %+v", in, out)
				}
				seen[in] = true
			}
			if len(seen) != n {
				t.Errorf("%d outcomes of %d inputs", len(seen), n)
			}
		}
	})
}

func TestMapOrder(t *testing.T) {
	times := []time.Duration{9, 1, 1, 3, 1}
	for ordered, want := range map[bool]string{true: "[0 1 2 3 4]", false: "[1 2 3 4 0]"} {
		bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
			do := func(ctx context.Context, w *outwork.Worker, i int) (time.Duration, error) {
				return nap.Call(ctx, w, times[i]*time.Second)
			}
			var order []int
			for i, out := range (outwork.Mapping[int, time.Duration]{Ordered: ordered, InFlight: 5}).With(t.Context(), p, do, upTo(len(times))) {
				order = append(order, i)
				if out.Err != nil || out.Time.Round(time.Second) != times[i]*time.Second {
					t.Errorf("%d: %+v", i, out)
				}
			}
			if fmt.Sprint(order) != want {
				t.Errorf("the order is %v, want %s", order, want)
			}
			order = nil
			for _, out := range (outwork.Mapping[time.Duration, time.Duration]{Ordered: ordered, InFlight: 5}).Map(t.Context(), p, nap, slices.Values(times)) {
				order = append(order, out.Index)
			}
			if fmt.Sprint(order) != want {
				t.Errorf("the order of calls is %v, want %s", order, want)
			}
		})
	}
}

// Inputs are taken as outcomes are, and each worker has one at a time.
func TestMapBackpressure(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		bubble(t, 3, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
			const inFlight = 5
			var taken, told, running atomic.Int64
			inputs := func(yield func(int) bool) {
				for i := range 100 {
					if n := taken.Add(1) - told.Load(); n > inFlight+1 { // the one that is being looked at was told
						t.Errorf("%d inputs are in flight", n)
					}
					if !yield(i) {
						return
					}
				}
			}
			var mu sync.Mutex
			busy := map[*outwork.Worker]bool{}
			do := func(ctx context.Context, w *outwork.Worker, n int) (int, error) {
				mu.Lock()
				if busy[w] {
					t.Error("a worker has two inputs")
				}
				busy[w] = true
				mu.Unlock()
				running.Add(1)
				nap.Call(ctx, w, time.Duration(n%7)*time.Second)
				running.Add(-1)
				mu.Lock()
				defer mu.Unlock()
				busy[w] = false
				return n, nil
			}
			for range (ints{Ordered: ordered, InFlight: inFlight}).With(t.Context(), p, do, inputs) {
				time.Sleep(10 * time.Second) // a slow reader
				synctest.Wait()
				told.Add(1)
			}
			if told.Load() != 100 || running.Load() != 0 {
				t.Errorf("%d outcomes, %d run", told.Load(), running.Load())
			}
		})
	}
}

// lossy is work on an input that loses its worker as often as how says.
type lossy struct {
	t    *testing.T
	how  func(n, attempt int) syscall.Signal
	mu   sync.Mutex
	had  map[int]int      // attempts
	used map[string][]int // inputs of each worker
}

func newLossy(t *testing.T, how func(n, attempt int) syscall.Signal) *lossy {
	return &lossy{t: t, how: how, had: map[int]int{}, used: map[string][]int{}}
}

func (l *lossy) do(ctx context.Context, w *outwork.Worker, n int) (int, error) {
	l.mu.Lock()
	l.had[n]++
	l.used[w.Name()] = append(l.used[w.Name()], n)
	sig := l.how(n, l.had[n])
	l.mu.Unlock()
	if sig == 0 {
		return double.Call(ctx, w, n)
	}
	return 0, crash(ctx, w, sig)
}

// crash loses w by a call that has begun.
func crash(ctx context.Context, w *outwork.Worker, sig syscall.Signal) error {
	ctx = call.WithProgress(ctx, func(int64, int64, string) { go outwork.Signal(w, sig) })
	_, err := wait.Call(ctx, w, struct{}{})
	return err
}

func TestMapRetries(t *testing.T) {
	const bad = 7
	for name, c := range map[string]struct {
		retries  int
		losses   int // how often it crashes its worker
		kills    int // how often that is killed before
		attempts int
		lost     bool
	}{
		"once":             {0, 1, 0, 2, false},
		"always":           {0, 99, 0, 2, true},
		"three":            {3, 3, 0, 4, false},
		"four":             {3, 99, 0, 4, true},
		"never":            {-1, 99, 0, 1, true},
		"killed":           {-1, 0, 10, 11, false},
		"killed and lost":  {0, 1, 10, 12, false},
		"killed too often": {0, 0, 99, 12, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
				l := newLossy(t, func(n, attempt int) syscall.Signal {
					switch {
					case n != bad || attempt > c.kills+c.losses:
						return 0
					case attempt <= c.kills:
						return syscall.SIGKILL
					}
					return syscall.SIGSEGV
				})
				for n, out := range (ints{Retries: c.retries}).With(t.Context(), p, l.do, upTo(20)) {
					if n != bad {
						if out.Err != nil || out.Value != 2*n || out.Attempts != 1 {
							t.Errorf("%d: %+v", n, out)
						}
						continue
					}
					e, lost := errors.AsType[*outwork.LostError](out.Err)
					if lost != c.lost || !lost && out.Value != 2*n || out.Attempts != c.attempts {
						t.Errorf("the bad one: %+v, want %d attempts", out, c.attempts)
					}
					if lost && (!e.MayHaveRun || e.Function != "test.wait") {
						t.Errorf("the loss is %+v", e)
					}
				}
				for name, inputs := range l.used {
					if i := slices.Index(inputs, bad); i > 0 && c.kills == 0 && l.had[bad] > 1 && len(inputs) > 1 && slices.Index(inputs[i+1:], bad) >= 0 {
						t.Errorf("%s had the bad one twice: %v", name, inputs)
					}
				}
			})
		})
	}
}

// What was the end of its worker is tried where nothing was done before, and nothing else is.
func TestMapRetriesAlone(t *testing.T) {
	bubble(t, 3, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		ctx, cancel := context.WithCancel(t.Context())
		var noise sync.WaitGroup
		for range 6 { // others use the pool
			noise.Go(func() {
				for ctx.Err() == nil {
					double.Call(ctx, p, 1)
					time.Sleep(time.Millisecond)
				}
			})
		}
		l := newLossy(t, func(n, attempt int) syscall.Signal {
			if n%5 == 0 && attempt <= 2 {
				return syscall.SIGBUS
			}
			return 0
		})
		do := func(ctx context.Context, w *outwork.Worker, n int) (int, error) {
			l.mu.Lock()
			retry := l.had[n] > 0
			l.mu.Unlock()
			if served, load, alone := outwork.Taken(p, w); retry && (served != 1 || load != 1 || !alone) {
				t.Errorf("%d is tried again in a worker that has had %d, and has %d", n, served, load)
			}
			time.Sleep(5 * time.Millisecond)
			if _, load, _ := outwork.Taken(p, w); retry && load != 1 {
				t.Errorf("%d is not alone", n)
			}
			return l.do(ctx, w, n)
		}
		for n, out := range (ints{Retries: 2}).With(t.Context(), p, do, upTo(50)) {
			if want := 1 + 2*(1-min(n%5, 1)); out.Err != nil || out.Attempts != want {
				t.Errorf("%d: %+v, want %d attempts", n, out, want)
			}
		}
		cancel()
		noise.Wait()
	})
}

// Who closes workers does not blame their inputs.
func TestMapWhereWorkersAreClosed(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		var closed atomic.Int64
		do := func(ctx context.Context, w *outwork.Worker, n int) (int, error) {
			if closed.Add(1)%3 == 0 {
				w.Close()
			}
			return double.Call(ctx, w, n)
		}
		for n, out := range (ints{Retries: -1}).With(t.Context(), p, do, upTo(60)) {
			if out.Err != nil || out.Value != 2*n {
				t.Errorf("%d: %+v", n, out)
			}
		}
	})
}

func TestMapErrors(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		own := errors.New("of do")
		do := func(ctx context.Context, w *outwork.Worker, n int) (struct{}, error) {
			if n == 3 {
				return struct{}{}, own
			}
			return fails.Call(ctx, w, []string{"plain", "panic", "open"}[n])
		}
		for n, out := range (outwork.Mapping[int, struct{}]{}).With(t.Context(), p, do, upTo(4)) {
			e, remote := errors.AsType[*outwork.RemoteError](out.Err)
			switch {
			case out.Attempts != 1:
				t.Errorf("%d was tried %d times", n, out.Attempts)
			case n == 3 && out.Err == own, n == 0 && remote, n == 1 && remote && e.Panicked, n == 2 && errors.Is(out.Err, fs.ErrNotExist):
			default:
				t.Errorf("%d: %T %v", n, out.Err, out.Err)
			}
		}
	})
}

func TestMapBreak(t *testing.T) {
	ends := map[string]func(){
		"break":  func() {},
		"panic":  func() { panic("in the loop") },
		"Goexit": func() { runtime.Goexit() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
				var running atomic.Int64
				var asked atomic.Bool
				inputs := func(yield func(int) bool) {
					defer asked.Store(false)
					asked.Store(true)
					for i := 0; yield(i); i++ { // without end
					}
				}
				do := func(ctx context.Context, w *outwork.Worker, n int) (time.Duration, error) {
					running.Add(1)
					defer running.Add(-1)
					return nap.Call(ctx, w, time.Duration(n)*time.Minute)
				}
				began := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() {
						if r := recover(); (r == "in the loop") != (name == "panic") {
							t.Errorf("the panic is %v", r)
						}
						if running.Load() != 0 || asked.Load() {
							t.Errorf("%d calls run, inputs are asked for: %v", running.Load(), asked.Load())
						}
					}()
					for range (outwork.Mapping[int, time.Duration]{}).With(t.Context(), p, do, inputs) {
						end()
						break
					}
				}()
				<-done
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v", took)
				}
				if err := m.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := double.Call(t.Context(), p, 1); err != nil {
					t.Errorf("the pool afterwards: %v", err)
				}
			})
		})
	}
}

func TestMapPanics(t *testing.T) {
	boom := errors.New("boom")
	good := func(ctx context.Context, w *outwork.Worker, n int) (int, error) { return double.Call(ctx, w, n) }
	for name, c := range map[string]struct {
		do     func(context.Context, *outwork.Worker, int) (int, error)
		inputs iter.Seq[int]
		goexit bool
	}{
		"do": {do: func(_ context.Context, _ *outwork.Worker, n int) (int, error) {
			if n == 5 {
				panic(boom)
			}
			return n, nil
		}, inputs: upTo(100)},
		"inputs": {do: good, inputs: func(yield func(int) bool) { yield(1); panic(boom) }},
		"Goexit": {do: func(context.Context, *outwork.Worker, int) (int, error) { runtime.Goexit(); return 0, nil }, inputs: upTo(10), goexit: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
				p.Each = 1
				var got any
				ended := make(chan bool, 1)
				go func() {
					normal := false
					defer func() {
						got = recover()
						ended <- normal
					}()
					for range (ints{}).With(t.Context(), p, c.do, c.inputs) {
					}
					normal = true
				}()
				if <-ended {
					t.Fatal("the loop has ended well")
				}
				if err, ok := got.(error); c.goexit != (got == nil) || !c.goexit && (!ok || !errors.Is(err, boom) || !strings.Contains(err.Error(), "map_test.go")) {
					t.Errorf("got %v", got)
				}
				for range 4 { // it has given back what it had
					if _, err := double.Call(t.Context(), p, 1); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

func TestMapContextEnds(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		do := func(ctx context.Context, w *outwork.Worker, _ int) (time.Duration, error) {
			return nap.Call(ctx, w, time.Minute)
		}
		var taken atomic.Int64
		inputs := func(yield func(int) bool) {
			for i := range 100 {
				if taken.Add(1); !yield(i) {
					return
				}
			}
		}
		began := time.Now()
		var fine, ended int
		for n, out := range (outwork.Mapping[int, time.Duration]{InFlight: 6}).With(ctx, p, do, inputs) {
			switch {
			case out.Err == nil:
				fine++
			case errors.Is(out.Err, context.DeadlineExceeded):
				ended++
			default:
				t.Errorf("%d: %+v", n, out)
			}
		}
		if fine != 2 || ended != 6 || time.Since(began).Round(time.Second) != 90*time.Second {
			t.Errorf("%d went well, %d ended, after %v", fine, ended, time.Since(began))
		}
		if n := taken.Load(); n != 8 {
			t.Errorf("%d were taken", n)
		}
	})
}

func TestMapTimeout(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		do := func(ctx context.Context, w *outwork.Worker, n int) (time.Duration, error) {
			if n == 1 {
				return snore.Call(ctx, w, time.Second+time.Minute)
			}
			return nap.Call(ctx, w, time.Duration(n)*time.Second)
		}
		for n, out := range (outwork.Mapping[int, time.Duration]{Timeout: 9500 * time.Millisecond}).With(t.Context(), p, do, upTo(20)) {
			if late := errors.Is(out.Err, context.DeadlineExceeded); late != (n == 1 || n >= 10) || out.Attempts != 1 {
				t.Errorf("%d: %+v", n, out)
			}
			if out.Time > 11*time.Second {
				t.Errorf("%d took %v", n, out.Time)
			}
		}
	})
}

func TestMapPoolCloses(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		i := 0
		for n, out := range (ints{Ordered: true, InFlight: 4}).With(t.Context(), p, calls, upTo(50)) {
			if i++; i == 10 {
				p.Close()
			}
			if n < 10 && out.Err != nil || n > 14 && !errors.Is(out.Err, outwork.ErrClosed) {
				t.Errorf("%d: %+v", n, out)
			}
		}
		if i != 50 {
			t.Errorf("%d outcomes", i)
		}
	})
}

// An iterator that waits holds nothing back.
func TestMapInputsThatWait(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		next := make(chan int)
		inputs := func(yield func(int) bool) {
			for n := range next {
				if !yield(n) {
					return
				}
			}
		}
		go func() { next <- 0 }()
		last := 0
		for n, out := range outwork.Map(t.Context(), p, double, inputs) {
			if n != last || out.Value != 2*n {
				t.Errorf("%d: %+v", n, out)
			}
			if last++; last == 20 {
				close(next)
				continue
			}
			next <- last
		}
		if last != 20 {
			t.Errorf("%d outcomes", last)
		}
	})
}

// Maps and calls share a pool, also a map in the loop of another.
func TestMapInMap(t *testing.T) {
	for _, each := range []int{0, 1} {
		bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
			p.Each = each
			sum := 0
			for n := range outwork.Map(t.Context(), p, double, upTo(20)) {
				for _, out := range outwork.Map(t.Context(), p, double, upTo(n)) {
					if out.Err != nil {
						t.Error(out.Err)
					}
					sum++
				}
				if _, err := double.Call(t.Context(), p, n); err != nil {
					t.Error(err)
				}
			}
			if sum != 190 {
				t.Errorf("%d outcomes within", sum)
			}
		})
	}
}

func TestMapTwice(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		all := outwork.Map(t.Context(), p, double, upTo(10))
		for range 2 {
			n := 0
			for range all {
				n++
			}
			if n != 10 {
				t.Errorf("%d outcomes", n)
			}
		}
	})
}
