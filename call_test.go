package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
)

type (
	HelloArgs  struct{ Name string }
	HelloReply struct{ Text string }
)

var Hello = outwork.Func("test.hello", func(_ context.Context, a HelloArgs) (HelloReply, error) {
	return HelloReply{"Hello, " + a.Name}, nil
})

var double = outwork.Func("test.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

// wait returns when its context ends.
var wait = outwork.Func("test.wait", func(ctx context.Context, _ struct{}) (struct{}, error) {
	call.Progress(ctx, 1, 1, "waiting")
	<-ctx.Done()
	return struct{}{}, context.Cause(ctx)
})

var fails = outwork.Func("test.fails", func(_ context.Context, how string) (struct{}, error) {
	switch how {
	case "plain":
		return struct{}{}, errors.New("it is broken")
	case "open":
		_, err := os.Open("/nonexistent/file")
		return struct{}{}, fmt.Errorf("read the settings: %w", err)
	case "eof":
		return struct{}{}, io.ErrUnexpectedEOF
	case "sentinel":
		return struct{}{}, fmt.Errorf("pay: %w", errBroke)
	case "typed":
		return struct{}{}, fmt.Errorf("look: %w", &lineError{"a.txt", 7})
	case "terminal":
		return struct{}{}, errors.New("\x1b]0;title\x07\x1b[31mred")
	case "panic":
		panic("no such luck")
	case "goexit":
		runtime.Goexit()
	}
	return struct{}{}, nil
})

var (
	errBroke = errors.New("out of money")
	_        = outwork.RegisterError("test.broke", errBroke)
	_        = outwork.RegisterError("test.line", &lineError{})
)

type lineError struct {
	File string
	Line int
}

func (e *lineError) Error() string { return fmt.Sprintf("%s:%d is odd", e.File, e.Line) }

func TestHello(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		r, err := Hello.Call(within(t), w, HelloArgs{"World"})
		if err != nil || r.Text != "Hello, World" {
			t.Errorf("got %q, %v", r.Text, err)
		}
	})
}

func TestCallers(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		ctx := within(t)
		var all sync.WaitGroup
		for caller := range 64 {
			all.Go(func() {
				for i := range 200 {
					n := caller*1000 + i
					if got, err := double.Call(ctx, w, n); err != nil || got != 2*n {
						t.Errorf("2*%d: got %d, %v", n, got, err)
						return
					}
				}
			})
		}
		all.Wait()
		if m.Busy() || w.Busy() {
			t.Error("busy after all calls have returned")
		}
	})
}

func TestPending(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		ctx, cancel := context.WithCancel(within(t))
		first, second := wait.Go(ctx, w, struct{}{}), double.Go(ctx, w, 21)
		if n, err := second.Result(); n != 42 || err != nil {
			t.Errorf("the later call: got %d, %v", n, err)
		}
		select {
		case <-first.Done():
			t.Error("the call that waits is done")
		default:
		}
		eventually(t, "busy", m.Busy)
		short, stop := context.WithTimeout(ctx, time.Millisecond)
		defer stop()
		if err := m.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait while a call runs: %v", err)
		}
		cancel()
		<-first.Done()
		if _, err := first.Result(); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call: %v", err)
		}
		if err := m.Wait(within(t)); err != nil || m.Busy() {
			t.Errorf("Wait: %v, then busy: %v", err, m.Busy())
		}
	})
}

func TestDeadlineReachesFunction(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := wait.Call(ctx, w, struct{}{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, ok := errors.AsType[*outwork.RemoteError](err); ok {
			t.Errorf("the caller's own deadline is a RemoteError: %v", err)
		}
		if want := "test.wait on " + named(w) + ": "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %q, want it to begin with %q", err, want)
		}
		if err := m.Wait(within(t)); err != nil { // the function has returned
			t.Error(err)
		}
	})
}

func TestErrorsCross(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		call := func(t *testing.T, how string) *outwork.RemoteError {
			_, err := fails.Call(within(t), w, how)
			e, ok := errors.AsType[*outwork.RemoteError](err)
			if !ok {
				t.Fatalf("%s: got %T %v", how, err, err)
			}
			if e.Worker != w.Name() || e.Function != "test.fails" || e.Refused {
				t.Errorf("%s: got %+v", how, e)
			}
			return e
		}
		if e := call(t, "terminal"); !strings.HasPrefix(e.Message, "\x1b]") || !strings.HasSuffix(e.Error(), `: \x1b]0;title\x07`+"\x1b[31mred") {
			t.Errorf("an error that would drive the terminal: %q", e.Error())
		}
		if e := call(t, "plain"); e.Message != "it is broken" || e.Panicked || e.Error() != "test.fails on "+named(w)+": it is broken" {
			t.Errorf("plain: %q", e)
		}
		for how, targets := range map[string][]error{
			"open":     {fs.ErrNotExist, syscall.ENOENT},
			"eof":      {io.ErrUnexpectedEOF},
			"sentinel": {errBroke},
		} {
			for _, target := range targets {
				if e := call(t, how); !errors.Is(e, target) {
					t.Errorf("%s: %v is not %v", how, e, target)
				}
			}
		}
		if errors.Is(call(t, "plain"), fs.ErrNotExist) {
			t.Error("a plain error is fs.ErrNotExist")
		}
		if line, ok := errors.AsType[*lineError](call(t, "typed")); !ok || *line != (lineError{"a.txt", 7}) {
			t.Errorf("typed: got %+v", line)
		}
	})
}

func TestPanic(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		_, err := fails.Call(within(t), w, "panic")
		e, ok := errors.AsType[*outwork.RemoteError](err)
		if !ok || !e.Panicked || !strings.Contains(e.Message, "no such luck") || !strings.Contains(e.Stack, "call_test.go") {
			t.Errorf("got %T %+v", err, err)
		}
		_, err = fails.Call(within(t), w, "goexit")
		if e, ok := errors.AsType[*outwork.RemoteError](err); !ok || !e.Panicked || !strings.Contains(e.Message, "Goexit") {
			t.Errorf("got %T %v", err, err)
		}
		if n, err := double.Call(within(t), w, 4); n != 8 || err != nil {
			t.Errorf("after panics: %d, %v", n, err)
		}
	})
}

var grantee = outwork.Func("test.grantee", func(ctx context.Context, n int) (int, error) {
	return double.Call(ctx, call.Back(ctx), n)
})

func TestGrants(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		if n, err := grantee.Call(call.WithGrants(within(t), Hello, double), w, 5); n != 10 || err != nil {
			t.Errorf("granted: got %d, %v", n, err)
		}
		_, err := grantee.Call(call.WithGrants(within(t), Hello), w, 5)
		if err == nil || !strings.Contains(err.Error(), `was not granted "test.double"`) || !strings.Contains(err.Error(), "test.hello") ||
			!strings.Contains(err.Error(), "test.double on the caller: ") {
			t.Errorf("not granted: %v", err)
		}
		if _, err := grantee.Call(within(t), w, 5); err == nil || !strings.HasSuffix(err.Error(), "; its grants: none") {
			t.Errorf("nothing granted: %v", err)
		}
	})
	if _, err := double.Call(t.Context(), call.Back(t.Context()), 1); err == nil {
		t.Error("Back outside a worker leads somewhere")
	}
}

var progresses = outwork.Func("test.progresses", func(ctx context.Context, n int64) (struct{}, error) {
	for i := range n {
		call.Progress(ctx, i+1, n, "step")
	}
	return struct{}{}, nil
})

func TestProgress(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		var got []int64
		ctx := call.WithProgress(within(t), func(done, total int64, label string) {
			if total != 100 || label != "step" {
				t.Errorf("total %d, label %q", total, label)
			}
			got = append(got, done)
		})
		if _, err := progresses.Call(ctx, w, 100); err != nil {
			t.Fatal(err)
		}
		if len(got) != 100 || got[0] != 1 || got[99] != 100 {
			t.Errorf("got %d", got)
		}
	})
}

func TestTooLong(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		_, err := lengths.Call(within(t), w, []string{strings.Repeat("x", 17<<20)})
		if err == nil || !strings.Contains(err.Error(), "test.lengths") || !strings.Contains(err.Error(), "16") {
			t.Errorf("a long argument: %v", err)
		}
		_, err = long.Call(within(t), w, 17<<20)
		e, ok := errors.AsType[*outwork.RemoteError](err)
		if !ok || !strings.Contains(e.Message, "the result of") {
			t.Errorf("a long result: %v", err)
		}
	})
}

var lengths = outwork.Func("test.lengths", func(_ context.Context, all []string) (n int, err error) {
	for _, s := range all {
		n += len(s)
	}
	return n, nil
})

var long = outwork.Func("test.long", func(_ context.Context, n int) ([]string, error) {
	return []string{strings.Repeat("x", n)}, nil
})

func TestFuncRefuses(t *testing.T) {
	type bad struct{ Inner struct{ F func() } }
	for what, register := range map[string]func(){
		"Inner.F":             func() { outwork.Func("test.bad", func(context.Context, bad) (int, error) { return 0, nil }) },
		"call_test.go":        func() { outwork.Func("test.hello", func(context.Context, int) (int, error) { return 0, nil }) },
		"no name":             func() { outwork.Func("", func(context.Context, int) (int, error) { return 0, nil }) },
		"the function is nil": func() { outwork.Func[int, int]("test.nil", nil) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, what) {
					t.Errorf("got %q, want it to name %q", text, what)
				}
			}()
			register()
		})
	}
}
