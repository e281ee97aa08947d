package outworktest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
	_ "github.com/outwork-go/outwork/script/starlark"
)

var naps = outwork.Func("naps", func(ctx context.Context, d time.Duration) (time.Duration, error) {
	began := time.Now()
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return time.Since(began), ctx.Err()
})

func TestTimeOfBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		w := outworktest.Start(t, &m, outwork.Target{})
		if d, err := naps.Call(t.Context(), w, time.Hour); d != time.Hour || err != nil {
			t.Errorf("napped for %v, %v", d, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := naps.Call(ctx, w, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		call := naps.Go(t.Context(), w, time.Second)
		synctest.Wait()
		if !m.Busy() {
			t.Error("not busy while a call runs")
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if d, err := call.Result(); d != time.Second || err != nil {
			t.Errorf("Shutdown: %v, %v", d, err)
		}
		<-w.Done()
		if err := w.Err(); !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("Err: %v", err)
		}
	})
}

func TestCloseCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		call := naps.Go(t.Context(), outworktest.Start(t, &m, outwork.Target{Name: "ann"}), time.Hour)
		synctest.Wait()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		_, err := call.Result()
		e, ok := errors.AsType[*outwork.LostError](err)
		if !ok || e.Worker != "ann" || !e.MayHaveRun || !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("got %T %v", err, err)
		}
	})
}

func TestScripts(t *testing.T) {
	m := outwork.Manager{
		Modules: fstest.MapFS{"lib/x.star": {Data: []byte("def f(n): return n + 1\n")}},
		Log:     slog.New(slog.DiscardHandler),
	}
	w := outworktest.Start(t, &m, outwork.Target{})
	v, err := w.Run(t.Context(), outwork.Script{Lang: "starlark", Name: "a.star", Source: "load('lib/x.star', 'f')\ndef main(a): return [f(41), a]\n", Args: []string{"x"}})
	if err != nil || fmt.Sprint(v.Any()) != "[42 x]" {
		t.Errorf("got %v, %v", v.Any(), err)
	}
	_, err = w.Run(t.Context(), outwork.Script{Lang: "starlark", Name: "a.star", Source: "\nfail('no luck')\n"})
	e, ok := errors.AsType[*outwork.RemoteError](err)
	if !ok || !strings.Contains(e.Message, "no luck") || !strings.Contains(e.Stack, `"a.star", line 2`) {
		t.Errorf("got %T %+v\n%s", err, err, e.Stack)
	}
	if _, err = w.Run(t.Context(), outwork.Script{Lang: "cobol", Name: "a.cob"}); err == nil || !strings.Contains(err.Error(), "it runs starlark") {
		t.Errorf("an unknown language: %v", err)
	}
}

// recorder is a testing.TB that takes failures for what is tested.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r)
}

func TestNoProcess(t *testing.T) {
	for _, target := range []outwork.Target{{Program: "x"}, {Dir: "/"}, {Env: []string{"A=b"}}} {
		func() {
			r := &recorder{TB: t}
			defer func() {
				if recover() != r || !strings.Contains(r.fatal, "have a process") {
					t.Errorf("%+v: got %q", target, r.fatal)
				}
			}()
			var m outwork.Manager
			outworktest.Start(r, &m, target)
		}()
		func() {
			r := &recorder{TB: t}
			defer func() {
				if recover() != r || !strings.Contains(r.fatal, "have a process") {
					t.Errorf("a pool at %+v: got %q", target, r.fatal)
				}
			}()
			var m outwork.Manager
			outworktest.Pool(r, &m, target, 2)
		}()
	}
}

func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m outwork.Manager
		p := outworktest.Pool(t, &m, outwork.Target{Name: "cook"}, 2)
		p.Each = 1
		began := time.Now()
		for range 3 {
			err := p.Do(t.Context(), func(ctx context.Context, w *outwork.Worker) error {
				if !strings.HasPrefix(w.Name(), "cook-") {
					t.Errorf("a worker called %q", w.Name())
				}
				w.Close() // another comes
				_, err := naps.Call(ctx, w, time.Hour)
				return err
			})
			if !errors.Is(err, outwork.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		first, second := naps.Go(t.Context(), p, time.Hour), naps.Go(t.Context(), p, time.Hour)
		for _, call := range []*outwork.Pending[time.Duration]{first, second} {
			if _, err := call.Result(); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began).Round(time.Minute); took != time.Hour {
			t.Errorf("it took %v", took)
		}
	})
}
