package python_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/script/python"
)

// TestScripts: what a script's value is.
func TestScripts(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		for _, c := range []struct {
			source string
			args   []string
			want   any
		}{
			{"x = 1", nil, nil},
			{"def main(): return 1", nil, int64(1)},
			{"def main(a, b='c'): return a + b", []string{"x"}, "xc"},
			{"def main(*a): return len(a)", []string{"1", "2"}, int64(2)},
			{"main = lambda: 5", nil, int64(5)},
			{"def main(): return 1\nif __name__ == '__main__':\n    import outwork\n    outwork.result(2)", nil, int64(2)},
			{"import outwork\ndef main(): outwork.result(3)\nmain()", nil, int64(3)},
			{"def main(): raise ValueError\nprint('main' in dir(), __name__)", nil, nil},
			{"import outwork\noutwork.result(outwork.args)", []string{"a"}, []any{"a"}},
			{"import sys\ndef main(*_): return sys.argv", []string{"a"}, []any{"script.py", "a"}},
			{"\ufeffdef main(): return 'BOM'", nil, "BOM"},
			{"import sys\ndef main(): return __file__, sys.modules['__main__'].main is main", nil, python.Tuple{"script.py", true}},
			{"import sys\ndef main(): return sys.stdin.read()", nil, ""},
			{"def main():\n  try:\n    input()\n  except EOFError:\n    return 'end'", nil, "end"},
			{"import sys\nsys.exit(0)", nil, nil},
			{"import sys\nsys.exit()", nil, nil},
			{"import threading, outwork\ndef f():\n  import time\n  time.sleep(.01)\n  outwork.result(9)\nthreading.Thread(target=f).start()", nil, int64(9)},
			{"import sys, threading\ndef main(): return threading.current_thread() is threading.main_thread(), sys.flags.isolated", nil, python.Tuple{true, int64(1)}},
		} {
			if got := w.run(c.source, c.args...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %#v, want %#v", c.source, got, c.want)
			}
		}
		if w.out.String() != "True __main__\n" {
			t.Errorf("%q", w.out)
		}
	})
}

// TestOutputPrecedesTheResult, however it was written.
func TestOutputPrecedesTheResult(t *testing.T) {
	const source = `
import os, subprocess, sys
for i in range(1000):
    print("line", i)
os.write(1, b"raw\n")
subprocess.run(["echo", "child"])
sys.stdout.write("no end")
print("to stderr", file=sys.stderr)
print("caf\u00e9 \ud800", file=sys.stderr)
`
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		for range 20 {
			before := len(w.out.String())
			w.run(source)
			lines := strings.Split(w.out.String()[before:], "\n")
			if len(lines) < 1002 || lines[999] != "line 999" || lines[1000] != "raw" || lines[1001] != "child" {
				t.Fatalf("%d lines: %q", len(lines), lines)
			}
		}
		if got := w.errs.String(); !strings.Contains(got, "to stderr\ncafé \\ud800\n") {
			t.Errorf("%q", got)
		}
	})
}

// TestValuesCross both ways, as an argument and back.
func TestValuesCross(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC)
	values := []any{
		nil, true, false, int64(0), int64(-1), int64(1 << 62), "", "é\x00", 1.5,
		[]byte{},
		[]byte("\x00\xff"),
		[]any{},
		[]any{int64(1), []any{"x"}},
		map[any]any{},
		map[any]any{"a": int64(1), int64(2): nil, true: "t", 2.5: "f"},
		python.Tuple{},
		python.Tuple{int64(1), python.Tuple{}},
		python.Set{},
		python.Set{int64(7)},
		strings.Repeat("long", 100_000), bytesOf(3 << 20),
		&python.Exception{Type: "some.Error", Message: "why", Traceback: "where"},
		at,
	}
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		w.run("import sys, types\nm = types.ModuleType('echo')\nm.echo = lambda *a, **k: (a, k)\nsys.modules['echo'] = m")
		echo := python.Import(w.Worker, "echo")
		for _, v := range values {
			got, err := echo.Call(t.Context(), "echo", v, python.Keywords{"k": v})
			if err != nil {
				t.Errorf("%T: %v", v, err)
				continue
			}
			if want := (python.Tuple{python.Tuple{v}, map[any]any{"k": v}}); !same(got.Any(), want) {
				t.Errorf("%T: %.200v, want %.200v", v, got.Any(), want)
			}
		}
		huge := w.run("def main(): return [2**64, -2**64, 2**63, 10**400, -1 - 2**63]")
		if s := fmt.Sprint(huge); !strings.HasPrefix(s, "[18446744073709551616 -18446744073709551616 9223372036854775808 1000") || !strings.HasSuffix(s, " -9223372036854775809]") {
			t.Error(s)
		}
		w.run("import echo\ndef main():\n  assert echo.echo(1) == ((1,), {})")
	})
}

// TestFirstArgument: what is seldom needed to decode an argument is there also for the
// first call of a worker, whose argument is read by who else would ask for it.
func TestFirstArgument(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
		huge := new(big.Int).Lsh(big.NewInt(1), 100)
		for _, v := range []any{at, huge, &python.Exception{Type: "E"}} {
			w := newWorld(t, h, debian(t))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			got, err := python.Import(w.Worker, "copy").Call(ctx, "copy", v)
			cancel()
			if err != nil || !same(got.Any(), v) {
				t.Errorf("%T: %v, %v", v, got, err)
			}
		}
	})
}

func bytesOf(n int) []byte { return []byte(strings.Repeat("\xab", n)) }

// same compares values; times are the same when they are the same moment.
func same(a, b any) bool {
	if x, ok := a.(time.Time); ok {
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	if x, ok := a.(python.Tuple); ok {
		y, ok := b.(python.Tuple)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	if x, ok := a.(map[any]any); ok && len(x) == 1 {
		y, ok := b.(map[any]any)
		return ok && same(x["k"], y["k"]) || reflect.DeepEqual(a, b)
	}
	return reflect.DeepEqual(a, b)
}

// TestOddValues: subclasses cross as what they derive from, and what cannot cross is
// named with its place.
func TestOddValues(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		for source, want := range map[string]any{
			"import enum\nclass E(enum.IntEnum): A = 3\ndef main(): return E.A":                                  int64(3),
			"import collections\nP = collections.namedtuple('P', 'x y')\ndef main(): return P(1, 2)":             python.Tuple{int64(1), int64(2)},
			"import collections\ndef main(): return collections.OrderedDict(a=1)":                                map[any]any{"a": int64(1)},
			"def main(): return frozenset([1])":                                                                  python.Set{int64(1)},
			"def main(): return bytearray(b'x'), memoryview(b'y')":                                               python.Tuple{[]byte("x"), []byte("y")},
			"class S(str): pass\ndef main(): return S('x')":                                                      "x",
			"from datetime import *\ndef main(): return datetime(2026,1,1,tzinfo=timezone(timedelta(hours=1)))":  time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC),
			"import datetime\ndef main(): return datetime.datetime.fromtimestamp(0)":                             time.Unix(0, 0),
			"def main():\n  try: 1/0\n  except Exception as e: x = e\n  return type(x).__name__, [x][0].args[0]": python.Tuple{"ZeroDivisionError", "division by zero"},
		} {
			if got := w.run(source); !same(got, want) {
				t.Errorf("%s: %#v, want %#v", source, got, want)
			}
		}
		e, ok := w.run("def main():\n  try: 1/0\n  except Exception as e: return e").(*python.Exception)
		if !ok || e.Type != "ZeroDivisionError" || e.Message != "division by zero" || !strings.Contains(e.Traceback, "script.py\", line 2, in main") {
			t.Errorf("%#v", e)
		}
		for source, want := range map[string]string{
			"def main(): return [1, {'k': (2, object())}]":                         "result[1]['k'][1]: a object cannot cross",
			"def main(): return main":                                              "a function cannot cross",
			"import datetime\ndef main(): return [datetime.date(2026,1,1)]":        "result[0]: a datetime.date cannot cross: make it a datetime",
			"def main(): return {(1,): 2}":                                         "result[(1,)]: a key that is a tuple cannot cross",
			"def main(): return {2**64: 2}":                                        "a key beyond 64 bits cannot cross",
			"def main(): return '\\ud800'":                                         "not UTF-8",
			"l = []\nl.append(l)\ndef main(): return l":                            "nested deeper than 32, or within itself",
			"def main(): return b'x' * (17 << 20)":                                 "more than 16777216",
			"def main(): return {float('nan'): 1}":                                 "a key that is a float cannot cross",
			"async def f(): pass\ndef main():\n  c = f()\n  c.close()\n  return c": "a coroutine cannot cross",
		} {
			if _, err := w.try(t.Context(), source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", source, err, want)
			}
		}
		for _, source := range []string{
			"def main(): return list(range(1_000_000))",
			"def main(): return {i: i for i in range(200_000)}",
			"def main(): return [[]] * 500_000",
			"def main():\n  v = ()\n  for i in range(31): v = (v,)\n  return v",
		} {
			if _, err := w.try(t.Context(), source); err != nil {
				t.Errorf("%s: %v", source, err)
			}
		}
	})
}

// TestUnsteadyValues are as they are when they are sent, or an error of their call.
func TestUnsteadyValues(t *testing.T) {
	w := newWorld(t, socket, debian(t))
	for source, want := range map[string]string{
		"class L(list):\n  def __len__(self): return 7\ndef main(): return L([1, 2])":                                   "[1 2]",
		"class D(dict):\n  def items(self): return [('b', 2), ('c', 3)]\ndef main(): return D(a=1)":                     "map[b:2 c:3]",
		"class S(str):\n  __hash__ = object.__hash__\ndef main(): return {S('a'): 1, S('b'): 2}":                        "map[a:1 b:2]",
		"class S(str):\n  __hash__ = object.__hash__\n  __eq__ = object.__eq__\ndef main(): return {S('a'): 1, 'a': 2}": "two of its keys are the same text",
		"import outwork\ndef main(): outwork.progress(2**63 - 1, 2**63 - 1)":                                            "<nil>",
		"import outwork\ndef main(): outwork.progress(2**64)":                                                           "neither can be beyond 63 bits",
		"import outwork\ndef main(): outwork.progress(1, 2**63)":                                                        "neither can be beyond 63 bits",
		"def main():\n" + grown: "<nil>",
	} {
		v, err := w.try(t.Context(), source)
		if got := fmt.Sprint(v, err); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	if _, err := w.try(t.Context(), `raise ValueError("\udc80 x")`); err == nil || !strings.Contains(err.Error(), `ValueError: \udc80 x`) || !strings.Contains(stackOf(err), "script.py") {
		t.Errorf("an error that is no text: %v\n%s", err, stackOf(err))
	}
	// What Python takes for one key is not lost without a word.
	m := python.Import(w.Worker, "builtins")
	if v, err := m.Call(t.Context(), "len", map[any]any{int64(1): "a", true: "b", 1.0: "c"}); err == nil || !strings.Contains(err.Error(), "equal keys") {
		t.Errorf("got %v, %v", v, err)
	}
}

// grown returns a list that another thread appends to for as long as it is sent.
const grown = `
  import threading
  grows, ends = [0] * 100_000, threading.Event()
  def grow():
    while not ends.is_set() and len(grows) < 1_000_000: grows.append(1)
  threading.Thread(target=grow, daemon=True).start()
  return grows
`

// TestThreadsOfAScript are its own, also when it raises, and whatever their functions are called.
func TestThreadsOfAScript(t *testing.T) {
	w := newWorld(t, socket, debian(t))
	_, err := w.try(t.Context(), `
import threading
go = threading.Event()
threading.Thread(target=lambda: go.wait() and print("its thread")).start()
threading.Timer(.05, go.set).start()
raise ValueError("its own")
`)
	if err == nil || !strings.Contains(err.Error(), "its own") || !strings.Contains(w.out.String(), "its thread") {
		t.Errorf("got %v, printed %q", err, w.out)
	}
	w.run(`
import concurrent.futures, time
def _worker():
    time.sleep(.05)
    print("its task")
pool = concurrent.futures.ThreadPoolExecutor() # kept: one that nobody has is told to end, which is a task too
pool.submit(_worker)
`)
	if !strings.Contains(w.out.String(), "its task") {
		t.Errorf("printed %q", w.out)
	}
}

// TestArgumentsThatCannotCross do not reach the worker.
func TestArgumentsThatCannotCross(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		_, err := python.Import(w.Worker, "operator").Call(t.Context(), "add", []any{1, func() {}}, 2)
		if err == nil || !strings.Contains(err.Error(), "func cannot cross") {
			t.Error(err)
		}
		v, err := python.Import(w.Worker, "operator").Call(t.Context(), "add", []int{1}, [1]uint8{2})
		if err != nil || !reflect.DeepEqual(v.Any(), []any{int64(1), int64(2)}) {
			t.Error(v, err)
		}
	})
}

// TestFunctions: names, methods, keywords, errors.
func TestFunctions(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		ctx := t.Context()
		if v, err := python.Import(w.Worker, "os.path").Call(ctx, "join", "a", "b"); err != nil || v.Any() != "a/b" {
			t.Error(v, err)
		}
		if v, err := python.Import(w.Worker, "datetime").Call(ctx, "datetime.fromisoformat", "2026-01-02T03:04:05+00:00"); err != nil || !same(v.Any(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Error(v, err)
		}
		if v, err := python.Import(w.Worker, "json").Call(ctx, "dumps", map[string]int{"b": 1, "a": 2}, python.Keywords{"sort_keys": true}); err != nil || v.Any() != `{"a": 2, "b": 1}` {
			t.Error(v, err)
		}
		for _, c := range []struct{ module, name, want string }{
			{"nowhere", "f", "ModuleNotFoundError: No module named 'nowhere'"},
			{"json", "nope", "AttributeError: module 'json' has no nope"},
			{"json", "loads", "TypeError"},
			{"json", "JSONDecoder.nope", "has no JSONDecoder.nope"},
		} {
			_, err := python.Import(w.Worker, c.module).Call(ctx, c.name)
			var e *outwork.RemoteError
			var x *python.Exception
			if !errors.As(err, &e) || !errors.As(err, &x) || !strings.Contains(err.Error(), c.want) || e.Worker != "py" {
				t.Errorf("%s.%s: %v", c.module, c.name, err)
			}
		}
		if _, err := python.Import(w.Worker, "os").Call(ctx, "stat", "/nowhere"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if _, err := python.Import(w.Worker, "os").Call(ctx, "close", 12345); !errors.Is(err, syscall.EBADF) {
			t.Error(err)
		}
		if _, err := outwork.Declare[int, int]("python_test.nope."+strings.Trim(fmt.Sprint(time.Now().UnixNano(), h), " ")).Call(ctx, w.Worker, 1); err == nil || !strings.Contains(err.Error(), "there is no function") {
			t.Error(err)
		}
	})
}

// TestContext: what a function is told of its call.
func TestContext(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		w.run(`
import sys, types
m = types.ModuleType("m")
def f(ctx, x):
    left = ctx.deadline
    ctx.progress(1, 2, "half")
    return ctx.worker, left is not None, ctx.cancelled, ctx.granted, x
m.f = f
sys.modules["m"] = m`)
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx = call.WithProgress(ctx, func(done, total int64, label string) { told = append(told, fmt.Sprint(done, total, label)) })
		m := python.Import(w.Worker, "m")
		m.Context = true
		v, err := m.Call(call.WithGrants(ctx, ask), "f", 5)
		want := python.Tuple{"py", true, false, python.Tuple{"python_test.ask"}, int64(5)}
		if err != nil || !reflect.DeepEqual(v.Any(), want) || len(told) != 1 || told[0] != "1 2half" {
			t.Error(v, err, told)
		}
	})
}

type askArgs struct {
	Name string
	N    int
	Deep []string
}

type askReply struct {
	Text string
	Body []byte
}

var ask = outwork.Func("python_test.ask", func(_ context.Context, a askArgs) (askReply, error) {
	if a.Name == "" {
		return askReply{}, errors.New("a name is wanted")
	}
	return askReply{fmt.Sprint(a.Name, a.N, a.Deep), bytesOf(a.N)}, nil
})

var askLong = outwork.Func("python_test.long", func(_ context.Context, n int) ([]byte, error) { return bytesOf(n), nil })

// TestGrantedCalls: a script calls what it was granted, and nothing else.
func TestGrantedCalls(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		ctx := call.WithGrants(t.Context(), ask, askLong)
		const source = `
import outwork
def main():
    a = outwork.call("python_test.ask", Name="n", N=3, Deep=["x"])
    b = outwork.call("python_test.ask", {"Name": "n", "N": 100000, "Deep": []})
    c = outwork.call("python_test.long", 200000)
    try:
        outwork.call("python_test.ask", Name="", N=0, Deep=[])
    except outwork.Refused as e:
        d = str(e)
    try:
        outwork.call("python_test.ask", name="")
    except outwork.Refused as e:
        f = "fit" in str(e)
    try:
        outwork.call("other")
    except PermissionError as e:
        g = str(e)
    return a, len(b["Body"]), len(c), d, f, g
`
		v, err := w.try(ctx, source)
		want := python.Tuple{
			map[any]any{"Text": "n3 [x]", "Body": bytesOf(3)},
			int64(100000), int64(200000), "a name is wanted", true,
			"the call was not granted 'other'; its grants: python_test.ask, python_test.long",
		}
		if got, ok := v.(python.Tuple); err == nil && ok {
			got[5] = strings.ReplaceAll(fmt.Sprint(got[5]), "python_test.long, python_test.ask", "python_test.ask, python_test.long")
		}
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%.300v, %v", v, err)
		}
		if _, err := w.try(t.Context(), "import outwork\noutwork.call('python_test.ask', Name='x')"); err == nil || !strings.Contains(err.Error(), "its grants: none") {
			t.Error(err)
		}
	})
}

var askContainer = outwork.Func("python_test.container", func(_ context.Context, n int) (container.Container, error) {
	return container.FromBytes(bytesOf(n)), nil
})

// TestGrantedContainers are refused, and their worker lives on.
func TestGrantedContainers(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		ctx := call.WithGrants(t.Context(), ask, askContainer)
		v, err := w.try(ctx, `
import outwork
def main():
    for n in (1, 100000):
        try:
            outwork.call("python_test.container", n)
            return "no error"
        except outwork.Refused as e:
            if "which Python does not take" not in str(e):
                return str(e)
    return outwork.call("python_test.ask", Name="n", N=3, Deep=[])["Text"]
`)
		if err != nil || v != "n3 []" {
			t.Error(v, err)
		}
	})
}

// TestExitStatuses of scripts.
func TestExitStatuses(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		for source, want := range map[string]int{"exit(3)": 3, "import sys; sys.exit('gone')": 1, "import sys; sys.exit(257)": 1, "quit(-1)": 255} {
			_, err := w.try(t.Context(), source)
			if e, ok := errors.AsType[*python.Exit](err); !ok || e.Status != want {
				t.Errorf("%s: %v", source, err)
			}
		}
		if w.errs.String() != "gone\n" {
			t.Errorf("%q", w.errs)
		}
		_, err := w.try(t.Context(), "import os; print('last', flush=True); os._exit(7)")
		if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.ExitCode != 7 || !e.MayHaveRun || !strings.Contains(w.out.String(), "last\n") {
			t.Error(err)
		}
	})
}
