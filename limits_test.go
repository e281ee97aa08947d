package outwork_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/outworktest"
	"github.com/outwork-go/outwork/sandbox"
)

// deaf returns after so long, whatever its context says.
var deaf = outwork.Func("test.deaf", func(_ context.Context, d time.Duration) (struct{}, error) {
	time.Sleep(d)
	return struct{}{}, nil
})

func TestWallTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		began := time.Now()
		w := outworktest.Start(t, &m, outwork.Target{Limits: sandbox.Limits{WallTime: time.Minute}})
		free := outworktest.Start(t, &m, outwork.Target{})
		closed := outworktest.Start(t, &m, outwork.Target{Limits: sandbox.Limits{WallTime: time.Minute}})
		closed.Close()
		if n, err := double.Call(t.Context(), w, 1); n != 2 || err != nil {
			t.Errorf("before: %d, %v", n, err)
		}
		_, err := wait.Call(t.Context(), w, struct{}{})
		if d := time.Since(began); !errors.Is(err, lost.Time) || d != time.Minute {
			t.Errorf("after %v: %v", d, err)
		}
		<-w.Done()
		if err := w.Err(); !errors.Is(err, lost.Time) || !strings.Contains(err.Error(), "its time was up (limit 1m0s") {
			t.Errorf("Err: %v", err)
		}
		w.Close()
		if err := w.Err(); !errors.Is(err, lost.Time) {
			t.Errorf("Err after it was closed: %v", err)
		}
		time.Sleep(time.Hour)
		if err := closed.Err(); !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("one that was closed before: %v", err)
		}
		if err := free.Err(); err != nil {
			t.Errorf("one without a limit: %v", err)
		}
	})
}

// A call that goes on when it was given up is the end of its worker, where that is asked for.
func TestOverdue(t *testing.T) {
	const grace, long = 3 * time.Second, 10 * time.Minute
	for name, c := range map[string]struct {
		limits sandbox.Limits
		strict bool
		takes  time.Duration // the call
		killed bool
	}{
		"left alone":           {takes: long},
		"asked for":            {limits: sandbox.Limits{Grace: grace}, takes: long, killed: true},
		"it returns in time":   {limits: sandbox.Limits{Grace: grace}, takes: time.Minute + grace - 10*time.Millisecond}, // it may begin after mux.Tick
		"one of a pool":        {strict: true, takes: long, killed: true},
		"asked to be let live": {limits: sandbox.Limits{Grace: -1}, strict: true, takes: long},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := outwork.Manager{Grace: grace}
				w := outworktest.Start(t, &m, outwork.Target{Limits: c.limits})
				if c.strict {
					w.StrictGrace()
				}
				other := wait.Go(t.Context(), w, struct{}{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				_, err := deaf.Call(ctx, w, c.takes)
				if d := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, lost.Overdue) || d != time.Minute {
					t.Errorf("after %v: %v", d, err)
				}
				time.Sleep(grace - 1)
				synctest.Wait()
				if n, err := double.Call(t.Context(), w, 2); n != 4 || err != nil {
					t.Errorf("within the grace: %d, %v", n, err)
				}
				time.Sleep(long)
				if !c.killed {
					if n, err := double.Call(t.Context(), w, 2); n != 4 || err != nil {
						t.Errorf("in the end: %d, %v", n, err)
					}
					return
				}
				_, err = other.Result()
				if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Cause != lost.Overdue || !e.MayHaveRun || !strings.Contains(err.Error(), "did not return within 3s of being cancelled") {
					t.Errorf("the other call: %v", err)
				}
				if err := w.Err(); !errors.Is(err, lost.Overdue) {
					t.Errorf("Err: %v", err)
				}
			})
		})
	}
}

// A call is not overdue whose end cannot be read because what the manager's own program does with
// what has come takes long.
func TestNotOverdueWhileNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long = 10 * time.Minute
		var m outwork.Manager
		w := outworktest.Start(t, &m, outwork.Target{Limits: sandbox.Limits{Grace: time.Second}})
		begun := false
		first, end := context.WithCancel(call.WithProgress(t.Context(), func(int64, int64, string) { begun = true; time.Sleep(long) }))
		defer end()
		other := wait.Go(first, w, struct{}{})
		synctest.Wait()
		if !begun {
			t.Fatal("nobody is kept from reading")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := wait.Call(ctx, w, struct{}{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * long)
		if n, err := double.Call(t.Context(), w, 2); n != 4 || err != nil {
			t.Errorf("in the end: %d, %v", n, err)
		}
		end()
		if _, err := other.Result(); !errors.Is(err, context.Canceled) {
			t.Errorf("the other call: %v", err)
		}
	})
}

// zeroes returns so many bytes.
var zeroes = outwork.Func("test.zeroes", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })

// A result of more bytes than a worker may return is an error of its call alone.
func TestReplyLimit(t *testing.T) {
	const most = 1 << 20
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{Limits: sandbox.Limits{Reply: most}})
	for _, n := range []int{most + 1, most, 20 * most, 0} {
		b, err := zeroes.Call(t.Context(), w, n)
		if n <= most {
			if len(b) != n || err != nil {
				t.Errorf("%d: %d bytes, %v", n, len(b), err)
			}
			continue
		}
		if e, ok := errors.AsType[*outwork.RemoteError](err); !ok || !strings.Contains(e.Message, "is more than the 1048576") {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// One that is killed before it has a process is killed when it has.
func TestKilledEarlyOrLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early, late := outwork.SignalsOf(lost.Output)
		synctest.Wait()
		if len(early) != 1 || <-early != syscall.SIGKILL {
			t.Errorf("before it has a process: %d more signals", len(early))
		}
		if len(late) != 0 {
			t.Errorf("when it has ended: %d signals", len(late))
		}
	})
}
