package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/outworktest"
)

// nap takes its time, unless it is given up.
var nap = outwork.Func("test.nap", func(ctx context.Context, d time.Duration) (time.Duration, error) {
	select {
	case <-time.After(d):
		return d, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
})

// snore takes its time, whoever gives it up.
var snore = outwork.Func("test.snore", func(_ context.Context, d time.Duration) (time.Duration, error) {
	time.Sleep(d)
	return d, nil
})

// bubble is a test with a pool in memory, whose time is its own. No goroutine may be left of it.
func bubble(t *testing.T, n int, f func(t *testing.T, m *outwork.Manager, p *outwork.Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &outwork.Manager{Log: slog.New(slog.DiscardHandler)}
		p := outworktest.Pool(t, m, outwork.Target{}, n)
		synctest.Wait()
		f(t, m, p)
		if t.Failed() {
			return
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPoolEach(t *testing.T) {
	for each, want := range map[int]time.Duration{0: 1, 1: 6, 2: 3, 3: 2, 12: 1} {
		t.Run(fmt.Sprint(each), func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
				p.Each = each
				began := time.Now()
				var all sync.WaitGroup
				for range 12 {
					all.Go(func() {
						if _, err := nap.Call(t.Context(), p, time.Second); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				if took := time.Since(began); took.Round(time.Second/10) != want*time.Second {
					t.Errorf("12 calls of a second took %v", took)
				}
			})
		})
	}
}

func TestPoolIsFair(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		p.Each = 1
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				p.Do(t.Context(), func(context.Context, *outwork.Worker) error {
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					time.Sleep(time.Duration(i+1) * time.Second) // they end one by one
					return nil
				})
			})
			synctest.Wait()
		}
		all.Wait()
		if !slices.IsSorted(order) || len(order) != 20 {
			t.Errorf("the order is %v", order)
		}
	})
}

func TestPoolTakesTheLeastBusy(t *testing.T) {
	bubble(t, 3, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		loads := map[string]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 9 {
			all.Go(func() {
				p.Do(t.Context(), func(ctx context.Context, w *outwork.Worker) error {
					mu.Lock()
					loads[w.Name()]++
					mu.Unlock()
					_, err := nap.Call(ctx, w, time.Minute)
					return err
				})
			})
		}
		all.Wait()
		for name, n := range loads {
			if n != 3 {
				t.Errorf("%s had %d of 9", name, n)
			}
		}
	})
}

func TestPoolFailFast(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		p.Each, p.FailFast = 1, true
		first, second := nap.Go(t.Context(), p, time.Second), nap.Go(t.Context(), p, time.Hour)
		synctest.Wait()
		_, err := nap.Call(t.Context(), p, 0)
		if !errors.Is(err, outwork.ErrBusy) || err.Error() != "test.nap: all workers of the pool are busy" {
			t.Errorf("got %v", err)
		}
		if err := p.Do(t.Context(), func(context.Context, *outwork.Worker) error { return nil }); !errors.Is(err, outwork.ErrBusy) {
			t.Errorf("Do: %v", err)
		}
		if _, err := first.Result(); err != nil {
			t.Error(err)
		}
		if _, err := nap.Call(t.Context(), p, 0); err != nil {
			t.Errorf("when one is free: %v", err)
		}
		p.Close()
		if _, err := second.Result(); !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestPoolGivesUpWaiting(t *testing.T) {
	bubble(t, 1, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		p.Each = 1
		long := nap.Go(t.Context(), p, time.Hour)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		given, next := nap.Go(ctx, p, 0), nap.Go(t.Context(), p, 0)
		if _, err := given.Result(); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if _, err := next.Result(); err != nil || time.Since(began) != time.Hour {
			t.Errorf("the next, after %v: %v", time.Since(began), err)
		}
		long.Result()
	})
}

// A call that was given up and runs on has the worker's place until it ends, or for the grace.
func TestPoolKeepsThePlaceOfWhatRuns(t *testing.T) {
	for lasts, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: outwork.DefaultGrace + time.Millisecond} {
		t.Run(lasts.String(), func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
				p.Each = 1
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				began := time.Now()
				if _, err := snore.Call(ctx, p, lasts); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				_, err := nap.Call(t.Context(), p, 0)
				if took := time.Since(began); took < want || took > want+time.Second || err != nil {
					t.Errorf("the next had its turn after %v: %v", took, err)
				}
				m.Wait(t.Context())
			})
		})
	}
}

func TestPoolRecycle(t *testing.T) {
	bubble(t, 2, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
		p.Each, p.Recycle = 1, 3
		served := map[string]int{}
		for range 60 {
			if err := p.Do(t.Context(), func(ctx context.Context, w *outwork.Worker) error {
				served[w.Name()]++
				_, err := nap.Call(ctx, w, time.Second)
				return err
			}); err != nil {
				t.Error(err)
			}
		}
		for name, n := range served {
			if n > 3 {
				t.Errorf("%s had %d calls", name, n)
			}
		}
		time.Sleep(time.Second)
		if n := len(outwork.PoolWorkers(p)); n != 2 {
			t.Errorf("%d workers", n)
		}
		if n := outwork.LiveWorkers(m); n != 2 {
			t.Errorf("%d workers live", n)
		}
	})
}

// A worker that is to go does what it has.
func TestPoolRecycleDrains(t *testing.T) {
	bubble(t, 1, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
		p.Recycle = 2
		long, short := nap.Go(t.Context(), p, time.Hour), nap.Go(t.Context(), p, time.Second)
		if _, err := short.Result(); err != nil {
			t.Error(err)
		}
		if _, err := nap.Call(t.Context(), p, time.Second); err != nil {
			t.Errorf("in the new worker: %v", err)
		}
		if n := outwork.LiveWorkers(m); n != 2 {
			t.Errorf("%d workers live", n)
		}
		if _, err := long.Result(); err != nil {
			t.Errorf("the long call: %v", err)
		}
		time.Sleep(time.Second)
		if n := outwork.LiveWorkers(m); n != 1 {
			t.Errorf("%d workers live when the old one has nothing more to do", n)
		}
	})
}

func TestPoolReplaces(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		for range 20 {
			var lost string
			err := p.Do(t.Context(), func(ctx context.Context, w *outwork.Worker) error {
				lost = w.Name()
				return crash(ctx, w, syscall.SIGSEGV)
			})
			if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Worker != lost || e.Signal != "segmentation fault" {
				t.Errorf("got %T %v", err, err)
			}
			for range 4 {
				if _, err := nap.Call(t.Context(), p, time.Second); err != nil {
					t.Errorf("after a loss: %v", err)
				}
			}
			for _, w := range outwork.PoolWorkers(p) {
				if w.Name() == lost {
					t.Error("the lost worker is still there")
				}
			}
		}
		synctest.Wait()
		if n := len(outwork.PoolWorkers(p)); n != 2 {
			t.Errorf("%d workers", n)
		}
	})
}

// What was not sent to a worker, because it was just lost, is sent to another.
func TestPoolSendsElsewhere(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		for range 50 {
			w := outwork.PoolWorkers(p)[0]
			outwork.Signal(w, syscall.SIGKILL)
			<-w.Done() // the pool may not have noticed yet
			if _, err := nap.Call(t.Context(), p, time.Second); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestPoolNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		p := outworktest.Pool(t, &m, outwork.Target{Name: "cook"}, 3)
		synctest.Wait()
		var names []string
		for _, w := range outwork.PoolWorkers(p) {
			names = append(names, w.Name())
		}
		slices.Sort(names)
		if fmt.Sprint(names) != "[cook-1 cook-2 cook-3]" || p.Size() != 3 {
			t.Errorf("got %v, size %d", names, p.Size())
		}
		if p := outworktest.Pool(t, &m, outwork.Target{}, 0); p.Size() < 1 {
			t.Errorf("a pool of %d", p.Size())
		}
	})
}

func TestPoolShutdown(t *testing.T) {
	bubble(t, 2, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
		p.Each = 1
		first, second := nap.Go(t.Context(), p, time.Second), nap.Go(t.Context(), p, time.Minute)
		synctest.Wait()
		waits := nap.Go(t.Context(), p, 0)
		synctest.Wait()
		began := time.Now()
		if err := p.Shutdown(t.Context()); err != nil || time.Since(began).Round(time.Second) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		for _, call := range []*outwork.Pending[time.Duration]{first, second} {
			if _, err := call.Result(); err != nil {
				t.Errorf("a call that ran: %v", err)
			}
		}
		if _, err := waits.Result(); !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("a call that waited: %v", err)
		}
		if _, err := nap.Call(t.Context(), p, 0); !errors.Is(err, outwork.ErrClosed) || err.Error() != "test.nap: no worker of the pool: closed by its manager" {
			t.Errorf("a call afterwards: %v", err)
		}
		if n := outwork.LiveWorkers(m); n != 0 {
			t.Errorf("%d workers live", n)
		}
		outworktest.Start(t, m, outwork.Target{}) // the manager lives on
		if err := errors.Join(p.Shutdown(t.Context()), p.Close()); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestPoolShutdownIsCut(t *testing.T) {
	bubble(t, 2, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
		call := nap.Go(t.Context(), p, time.Hour)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := call.Result(); err == nil {
			t.Error("the call has not ended")
		}
		if n := outwork.LiveWorkers(m); n != 0 {
			t.Errorf("%d workers live", n)
		}
	})
}

// A manager that is closed ends its pools, whatever they are at.
func TestPoolEndsWithItsManager(t *testing.T) {
	for name, end := range map[string]func(*outwork.Manager) error{
		"Close":    (*outwork.Manager).Close,
		"Shutdown": func(m *outwork.Manager) error { return m.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, m *outwork.Manager, p *outwork.Pool) {
				p.Each = 1
				var calls []*outwork.Pending[time.Duration]
				for range 5 {
					calls = append(calls, nap.Go(t.Context(), p, time.Minute))
					synctest.Wait()
				}
				outwork.Signal(outwork.PoolWorkers(p)[1], syscall.SIGKILL)
				if err := end(m); err != nil {
					t.Error(err)
				}
				fine := 0
				for _, call := range calls {
					if _, err := call.Result(); err == nil {
						fine++
					}
				}
				if want := map[string]int{"Close": 0, "Shutdown": 2}[name]; fine != want {
					t.Errorf("%d calls went well, want %d", fine, want)
				}
				if _, err := m.Pool(t.Context(), outwork.Target{}, 1); !errors.Is(err, outwork.ErrClosed) {
					t.Errorf("a pool afterwards: %v", err)
				}
			})
		})
	}
}

// starts are the attempts of a pool's seats to start workers.
type starts struct {
	mu    sync.Mutex
	m     *outwork.Manager
	n     atomic.Int64
	fails func() error
}

func (s *starts) start(ctx context.Context) (*outwork.Worker, error) {
	s.mu.Lock()
	s.n.Add(1)
	err := s.fails()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	w, err := hook.Start(ctx, s.m, outwork.Target{})
	if err != nil {
		return nil, err // the pool is closed meanwhile
	}
	return w.(*outwork.Worker), nil
}

func TestPoolThatCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		s := &starts{m: &m, fails: func() error { return fs.ErrNotExist }}
		if _, err := outwork.StartPool(t.Context(), &m, 4, s.start); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		if s.n.Load() < 4 || s.n.Load() > 8 {
			t.Errorf("%d attempts", s.n.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := outwork.StartPool(ctx, &m, 2, func(ctx context.Context) (*outwork.Worker, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		m.Close()
	})
}

// When workers are lost and none can be started, calls fail with the reason, and work again when
// one could be.
func TestPoolRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log buffer
		m := outwork.Manager{Log: slog.New(slog.NewTextHandler(&log, nil))}
		var broken bool
		s := &starts{m: &m, fails: func() error {
			if broken {
				return fs.ErrPermission
			}
			return nil
		}}
		p, err := outwork.StartPool(t.Context(), &m, 2, s.start)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.mu.Lock()
		broken = true
		s.mu.Unlock()
		outwork.Signal(outwork.PoolWorkers(p)[0], syscall.SIGSEGV)
		time.Sleep(time.Hour)
		if s.n.Load() > 1000 {
			t.Errorf("%d attempts in an hour", s.n.Load())
		}
		if _, err := nap.Call(t.Context(), p, 0); err != nil {
			t.Errorf("one worker is left: %v", err)
		}
		if n := strings.Count(log.String(), "cannot start a worker"); n != 1 {
			t.Errorf("it was logged %d times: %s", n, log.String())
		}
		outwork.Signal(outwork.PoolWorkers(p)[0], syscall.SIGSEGV)
		time.Sleep(time.Second)
		began := time.Now()
		if _, err := nap.Call(t.Context(), p, 0); !errors.Is(err, fs.ErrPermission) || time.Since(began) > time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		s.mu.Lock()
		broken = false
		s.mu.Unlock()
		time.Sleep(time.Minute)
		if _, err := nap.Call(t.Context(), p, 0); err != nil {
			t.Errorf("when workers can be started again: %v", err)
		}
		for _, w := range outwork.PoolWorkers(p) {
			outwork.Signal(w, syscall.SIGSEGV)
			<-w.Done()
		}
		if _, err := nap.Call(t.Context(), p, 0); err != nil {
			t.Errorf("what is long past: %v", err)
		}
		m.Close()
	})
}

// A map whose input needs a fresh worker, when there are none, tells why.
func TestMapRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := outwork.Manager{Log: slog.New(slog.DiscardHandler)}
		var broken atomic.Bool
		s := &starts{m: &m, fails: func() error {
			if broken.Load() {
				return fs.ErrPermission
			}
			return nil
		}}
		p, err := outwork.StartPool(t.Context(), &m, 2, s.start)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		broken.Store(true)
		l := newLossy(t, func(n, _ int) syscall.Signal {
			if n == 3 {
				return syscall.SIGSEGV
			}
			return 0
		})
		for n, out := range (ints{}).With(t.Context(), p, l.do, upTo(10)) {
			if n == 3 && (!errors.Is(out.Err, fs.ErrPermission) || out.Attempts != 0) || n != 3 && out.Err != nil {
				t.Errorf("%d: %+v", n, out)
			}
		}
		m.Close()
	})
}

// That somebody kills workers that are being started is no sign that none can be.
func TestPoolWhereStartsAreKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		var left atomic.Int64
		s := &starts{m: &m, fails: func() error {
			if left.Add(-1) >= 0 {
				return &outwork.LostError{Signal: "killed", Cause: lost.Killed}
			}
			return nil
		}}
		p, err := outwork.StartPool(t.Context(), &m, 1, s.start)
		if err != nil {
			t.Fatal(err)
		}
		left.Store(8)
		w := outwork.PoolWorkers(p)[0]
		outwork.Signal(w, syscall.SIGKILL)
		<-w.Done()
		if _, err := nap.Call(t.Context(), p, 0); err != nil {
			t.Error(err)
		}
		m.Close()
	})
}

// Workers that die as soon as they are there are not started without end.
func TestPoolOfTheShortLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := outwork.Manager{Log: slog.New(slog.DiscardHandler)}
		s := &starts{m: &m, fails: func() error { return nil }}
		p, err := outwork.StartPool(t.Context(), &m, 1, func(ctx context.Context) (*outwork.Worker, error) {
			w, err := s.start(ctx)
			if err == nil {
				outwork.Signal(w, syscall.SIGABRT)
			}
			return w, err
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if s.n.Load() > 1000 {
			t.Errorf("%d attempts in an hour", s.n.Load())
		}
		began := time.Now()
		if _, err := nap.Call(t.Context(), p, 0); err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		m.Close()
	})
}

func TestPoolDoPanics(t *testing.T) {
	bubble(t, 1, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		p.Each = 1
		func() {
			defer func() {
				if recover() != "oh" {
					t.Error("the panic is gone")
				}
			}()
			p.Do(t.Context(), func(context.Context, *outwork.Worker) error { panic("oh") })
		}()
		if _, err := nap.Call(t.Context(), p, 0); err != nil {
			t.Error(err)
		}
	})
}

// All of this at once, for the race detector.
func TestPoolInARush(t *testing.T) {
	bubble(t, 4, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		p.Each, p.Recycle = 2, 7
		var all sync.WaitGroup
		for caller := range 16 {
			all.Go(func() {
				for i := range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%9+1)*time.Millisecond)
					_, err := nap.Call(ctx, p, time.Duration(caller%5)*time.Millisecond)
					cancel()
					if e, lost := errors.AsType[*outwork.LostError](err); lost && !e.MayHaveRun {
						t.Errorf("a call that was not sent fails: %v", err)
					} else if err != nil && !lost && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 30 {
				time.Sleep(2 * time.Millisecond)
				if workers := outwork.PoolWorkers(p); len(workers) > 0 {
					outwork.Signal(workers[0], syscall.SIGKILL)
				}
			}
		})
		all.Wait()
		time.Sleep(time.Minute)
		if n := len(outwork.PoolWorkers(p)); n != 4 {
			t.Errorf("%d workers", n)
		}
	})
}

// A pool whose manager is closed meanwhile is an error, however early that is.
func TestPoolOfAManagerThatCloses(t *testing.T) {
	for n := range 300 {
		synctest.Test(t, func(t *testing.T) {
			m := &outwork.Manager{Log: slog.New(slog.DiscardHandler)}
			began := make(chan error, 1)
			go func() {
				_, err := hook.Pool(context.Background(), m, outwork.Target{}, 2)
				began <- err
			}()
			for range n % 30 { // wherever it has got to
				runtime.Gosched()
			}
			m.Close()
			if err := <-began; err != nil && !errors.Is(err, outwork.ErrClosed) {
				t.Error(err)
			}
			m.Close()
		})
	}
}
