package python_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/script/python"
)

// functions makes a module of a script's functions, for Import.
const functions = `
import sys, types
m = sys.modules["m"] = types.ModuleType("m")
m.__dict__.update({k: v for k, v in globals().items() if not k.startswith("__")})
`

// running returns once the worker has printed that, and then cancels.
func (w *world) cancelled(f func(context.Context) error, printed string) error {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	done := make(chan error)
	go func() { done <- f(ctx) }()
	w.await(printed)
	cancel()
	return <-done
}

// await returns when the worker has printed that.
func (w *world) await(printed string) {
	w.t.Helper()
	limit := time.After(time.Minute)
	for {
		text, changed := w.out.next()
		if strings.Contains(text, printed) {
			return
		}
		select {
		case <-changed:
		case <-w.Done():
			w.t.Fatalf("%v: it never printed %q but %q", w.Err(), printed, w.out)
		case <-limit:
			w.t.Fatalf("it never printed %q but %q", printed, w.out)
		}
	}
}

// quiet returns when no call runs in the worker any more.
func (w *world) quiet() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := w.m.Wait(ctx); err != nil {
		w.t.Fatalf("a cancelled call runs on; stderr: %s", w.errs)
	}
}

// TestCancelledScripts get KeyboardInterrupt wherever they are, can clean up, and the
// worker goes on.
func TestCancelledScripts(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, func(m *outwork.Manager) { m.Grace = time.Minute })
		for i, body := range []string{
			"time.sleep(600)",
			"while True: pass",
			"while True: outwork.progress(1)",
			"threading.Event().wait(600)",
			"subprocess.run(['sleep', '600'])",
			"select.select([], [], [], 600)",
			"__import__('queue').Queue().get()",
			"while True: sys.modules.pop('nowhere', None); outwork.call('python_test.ask', Name='x', N=0, Deep=[])",
			"while True: print(end='')",
			"sum(1 for i in iter(int, 1))",
		} {
			source := fmt.Sprintf("import outwork, select, subprocess, sys, threading, time\ntry:\n  print('running %d', flush=True)\n  %s\nfinally:\n  print('cleaned %d')", i, body, i)
			t.Log(body)
			err := w.cancelled(func(ctx context.Context) error {
				_, err := w.try(call.WithGrants(ctx, ask), source)
				return err
			}, fmt.Sprintf("running %d\n", i))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", body, err)
			}
			w.quiet()
			w.await(fmt.Sprintf("cleaned %d\n", i))
		}
		if v := w.run("def main(): return 'alive'"); v != "alive" {
			t.Error(v)
		}
		if w.errs.String() != "" {
			t.Errorf("stderr: %s", w.errs)
		}
	})
}

// TestCancelledOften: cancelling at any moment loses neither the worker nor an answer.
func TestCancelledOften(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t), func(m *outwork.Manager) { m.Grace = time.Minute })
		w.run("def f(n):\n  for i in range(n): pass\n  return n" + functions)
		m := python.Import(w.Worker, "m")
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 300 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%50)*40*time.Microsecond)
					v, err := m.Call(ctx, "f", (i+g)*50)
					cancel()
					if err == nil && v.Any() != int64((i+g)*50) {
						t.Errorf("%v, want %d", v, (i+g)*50)
					}
					if err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		w.quiet()
		if v, err := m.Call(t.Context(), "f", 7); err != nil || v.Any() != int64(7) {
			t.Error(v, err)
		}
		if w.errs.String() != "" {
			t.Errorf("stderr: %s", w.errs)
		}
	})
}

// TestOverdue: what ignores its cancellation is ended with its worker, which says so.
func TestOverdue(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		for name, source := range map[string]string{
			"it catches": "import time\nprint('running', flush=True)\nwhile True:\n  try: time.sleep(600)\n  except KeyboardInterrupt: pass",
			"in C":       "while True:\n  try:\n    print('running', flush=True)\n    9**9**9\n  except KeyboardInterrupt: pass", // it may come before that begins
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, h, debian(t), func(m *outwork.Manager) { m.Grace = 50 * time.Millisecond })
				err := w.cancelled(func(ctx context.Context) error { _, err := w.try(ctx, source); return err }, "running\n")
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				<-w.Done()
				if got := fmt.Sprint(w.Err()); !strings.Contains(got, "killed: a call did not return within 50ms of being cancelled") {
					t.Error(got)
				}
			})
		}
	})
}

// TestFunctionsOnThreads: while the main thread is busy others are called.
func TestFunctionsOnThreads(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		w.run(`
import threading
here, go = threading.Semaphore(0), threading.Event()
def wait():
    here.release()
    go.wait()
    return threading.current_thread() is threading.main_thread()
def open():
    for _ in range(20): here.acquire()
    go.set()
def main_ident():
    return threading.main_thread().ident == threading.get_ident()
` + functions)
		m := python.Import(w.Worker, "m")
		results := make(chan outwork.Value)
		for range 20 {
			go func() {
				v, err := m.Call(t.Context(), "wait")
				if err != nil {
					t.Error(err)
				}
				results <- v
			}()
		}
		if _, err := m.Call(t.Context(), "open"); err != nil {
			t.Fatal(err)
		}
		onMain := 0
		for range 20 {
			if v := <-results; v.Any() == true {
				onMain++
			}
		}
		if onMain > 1 {
			t.Errorf("%d at once on the main thread", onMain)
		}
	})
}

// TestMainThread: who asks for it gets it, one after another, also while other
// functions wait for them.
func TestMainThread(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		w.run(`
import threading, time
busy, seen = 0, []
done = threading.Event()
def on_main():
    global busy
    assert threading.current_thread() is threading.main_thread()
    busy += 1
    time.sleep(.002)
    seen.append(busy)
    busy -= 1
    return True
def set(): done.set()
def wait(): return done.wait(20)
def get(): return seen
` + functions)
		onMain, any := python.Import(w.Worker, "m"), python.Import(w.Worker, "m")
		onMain.Main = true
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if v, err := onMain.Call(t.Context(), "on_main"); err != nil || v.Any() != true {
					t.Error(v, err)
				}
			})
		}
		wg.Wait()
		waited := make(chan any2)
		go func() { v, err := any.Call(t.Context(), "wait"); waited <- any2{v.Any(), err} }()
		if _, err := onMain.Call(t.Context(), "set"); err != nil {
			t.Error(err)
		}
		if got := <-waited; got.v != true || got.err != nil {
			t.Error(got)
		}
		v, err := any.Call(t.Context(), "get")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range v.Any().([]interface{}) {
			if n != int64(1) {
				t.Errorf("%v at once", n)
			}
		}
	})
}

type any2 struct {
	v   any
	err error
}

// TestManyCalls: thousands at once are answered, each with its own result.
func TestManyCalls(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		w.run("import time\ndef f(i):\n  if i % 50 == 0: time.sleep(.002)\n  return i" + functions)
		m := python.Import(w.Worker, "m")
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				if v, err := m.Call(t.Context(), "f", i); err != nil || v.Any() != int64(i) {
					t.Error(v, err, i)
				}
			})
		}
		wg.Wait()
	})
}

// TestManyAtFirst: calls that come at once each find what their module needs.
func TestManyAtFirst(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		for range 5 {
			w := newWorld(t, h, debian(t), func(m *outwork.Manager) {
				m.Modules = fstest.MapFS{"one/__init__.py": {Data: []byte("from .two import f")}, "one/two.py": {Data: []byte("def f(x): return x")}}
			})
			m := python.Import(w.Worker, "one")
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					if v, err := m.Call(t.Context(), "f", i); err != nil || v.Any() != int64(i) {
						t.Error(v, err)
					}
				})
			}
			wg.Wait()
		}
	})
}

// TestCancelledOnThreads: Python code on another thread gets KeyboardInterrupt too.
func TestCancelledOnThreads(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t), func(m *outwork.Manager) { m.Grace = time.Minute })
		w.run(`
import threading
go = threading.Event()
def hold(): go.wait()
def free(): go.set()
def spin():
    print("spinning", flush=True)
    while True: pass
` + functions)
		m := python.Import(w.Worker, "m")
		held := make(chan error)
		go func() { _, err := m.Call(t.Context(), "hold"); held <- err }()
		err := w.cancelled(func(ctx context.Context) error { _, err := m.Call(ctx, "spin"); return err }, "spinning\n")
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := m.Call(t.Context(), "free"); err != nil {
			t.Error(err)
		}
		if err := <-held; err != nil {
			t.Error(err)
		}
		w.quiet()
	})
}

// TestCancelledAsTheyEnd: a cancellation that comes when a call has just ended hits no other
// one, and no thread is lost by it.
func TestCancelledAsTheyEnd(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t), func(m *outwork.Manager) { m.Grace = time.Minute })
		w.run(`
import threading, time
together = threading.Barrier(60)
def short(n):
    for _ in range(n): time.sleep(0)
    return n
def meet(n):
    together.wait()
    return n
` + functions)
		m := python.Import(w.Worker, "m")
		var all sync.WaitGroup
		for range 20 {
			for i := range 60 {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond/4)
					defer cancel()
					v, err := m.Call(ctx, "short", i*10)
					if err == nil && v.Any() != int64(i*10) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(v, err)
					}
				})
			}
			all.Wait()
		}
		for i := range 60 {
			all.Go(func() {
				if v, err := m.Call(t.Context(), "meet", i); err != nil || v.Any() != int64(i) {
					t.Error(v, err)
				}
			})
		}
		all.Wait()
		w.quiet()
	})
}

// TestShutdown lets calls finish, and runs what Python does at its end.
func TestShutdown(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, func(m *outwork.Manager) { m.Grace = 20 * time.Second })
		w.run("import atexit\natexit.register(print, 'at exit', flush=True)")
		done := make(chan any)
		go func() {
			done <- w.run("import time\nprint('running', flush=True)\ntime.sleep(.05)\ndef main(): return 'done'")
		}()
		w.await("running\n")
		if err := w.m.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if v := <-done; v != "done" {
			t.Error(v)
		}
		if !strings.Contains(w.out.String(), "at exit\n") {
			t.Errorf("%q", w.out)
		}
	})
}

// TestLogLevelAndPreload and the errors of starting.
func TestStartErrors(t *testing.T) {
	var m outwork.Manager
	defer m.Close()
	for _, c := range []struct {
		target outwork.Target
		want   string
	}{
		{outwork.Target{Lang: "cobol"}, `no interpreter for the language "cobol" is linked in: import package script/cobol`},
		{outwork.Target{Lang: "python", Program: "no-such-python"}, "no Python: no-such-python: executable file not found"},
		{outwork.Target{Lang: "python", Env: []string{"OUTWORK_PYTHON=nope"}}, "no Python: nope: executable file not found in $PATH (OUTWORK_PYTHON)"},
		{outwork.Target{Lang: "python", Program: "true"}, "exit status 0"},
		{outwork.Target{Name: "nosuch", Lang: "python", Program: debian(t), Preload: []string{"json", "nosuch"}}, "preload: nosuch: guest.call on worker \"nosuch\": ModuleNotFoundError: No module named 'nosuch'"},
		{outwork.Target{Lang: "python", Program: debian(t), Dir: "/nowhere"}, "no such file"},
	} {
		if _, err := m.Start(t.Context(), c.target); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.target, err)
		}
	}
	w, err := m.Start(t.Context(), outwork.Target{Lang: "python", Program: debian(t), Preload: []string{"json"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(t.Context(), outwork.Script{Lang: "starlark", Name: "x.star"}); err == nil || !strings.Contains(err.Error(), `no guest for the language "starlark": it runs python`) {
		t.Error(err)
	}
	if _, err := w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Steps: 5}); err == nil || !strings.Contains(err.Error(), "steps are not counted") {
		t.Error(err)
	}
	if _, err := w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Grants: []string{"host"}}); err == nil || !strings.Contains(err.Error(), "python is not hermetic: it takes no grants") {
		t.Error(err)
	}
	v, err := w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: "import sys\ndef main(): return 'json' in sys.modules"})
	if err != nil || v.Any() != true {
		t.Error(v, err)
	}
	ours, err := m.Start(t.Context(), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := python.Import(ours, "json").Call(t.Context(), "dumps", 1); err == nil || !strings.Contains(err.Error(), "is no interpreter") {
		t.Error(err)
	}
	_ = python.Lang
}

// TestDeadlineFirst: a script that hears of its deadline before its caller does has not failed by itself.
func TestDeadlineFirst(t *testing.T) {
	w := newWorld(t, socket, debian(t))
	for offset, want := range map[string]bool{"-1": true, "+100": false} {
		got := w.run("import time\nfrom outwork import _errors\nclass Call: handler, deadline = 1, time.monotonic() " + offset + "\ndef main(): return b'context.DeadlineExceeded' in bytes(_errors.failure(Call, TimeoutError('late')))")
		if got != want {
			t.Errorf("deadline %s s from now: %v", offset, got)
		}
	}
}
