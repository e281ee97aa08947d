package starlark

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
)

func runLimited(ctx context.Context, source string, l Limits) error {
	_, err := Run(ctx, Host{}, Script{Name: "x.star", Source: []byte(source)}, l)
	return err
}

func TestSteps(t *testing.T) {
	err := runLimited(t.Context(), "x = 0\nwhile True:\n    x += 1\n", Limits{Steps: 100_000})
	if err == nil {
		t.Fatal("no error")
	}
	wantText(t, err.Error(), "script takes more than 100000 steps")
	if err := runLimited(t.Context(), "for x in range(1000): pass", Limits{Steps: 100_000}); err != nil {
		t.Error(err)
	}
}

func TestDepth(t *testing.T) {
	const source = "def f(n):\n    if n > 0:\n        f(n - 1)\n"
	for calls, ok := range map[string]bool{"990": true, "100000": false} {
		err := runLimited(t.Context(), source+"f("+calls+")", Limits{})
		if (err == nil) != ok {
			t.Errorf("%s calls: %v", calls, err)
		}
	}
	for name, source := range map[string]string{
		"plain":    source + "f(10000000)",
		"sorted":   "def f(x): return sorted([1], key = f)\nf(1)",
		"mutual":   "def f(): g()\ndef g(): f()\nf()",
		"lambda":   "f = lambda: f()\nf()",
		"max":      "def f(x): return max([1, 2], key = f)\nf(1)",
		"star":     "def f(*a, **k): return f(*a, **k)\nf(1, b = 2)",
		"while":    "def f():\n    while True:\n        f()\nf()",
		"unhashed": "def f(): return {f(): 1}\nf()",
	} {
		for _, depth := range []int{0, 1 << 30} {
			err := runLimited(t.Context(), source, Limits{Depth: depth})
			if err == nil {
				t.Fatalf("%s: no error", name)
			}
			wantText(t, err.Error(), "calls nested deeper than ")
			wantText(t, err.(*Error).Traceback, "calls left out]")
		}
	}
}

// TestRefusedAtOnce is of what would take far too much in one operation.
func TestRefusedAtOnce(t *testing.T) {
	for source, want := range map[string]string{
		`"x" * 10000000000`:                                         "1 times 10000000000 bytes, at most 67108864 together",
		`[0] * 1000000000`:                                          "1 times 1000000000 items, at most 8388608 together",
		`1000000000 * (0,)`:                                         "items, at most",
		`b"xx" * (1 << 62)`:                                         "bytes, at most",
		`"x" * (1 << 200)`:                                          "times",
		"x = [0]\nx *= 1000000000":                                  "items, at most",
		"x = 3\nwhile True: x *= x":                                 "a product of",
		"x = 'a' * 1000000\nx.replace('', x)":                       "replace: the text would be longer",
		"x = 'a' * 1000000\nx.join([x] * 1000)":                     "join: the text would be longer",
		"x = 'a' * 1000000\n','.join([x] * 100)":                    "join: the text would be longer",
		"x = 'a' * 1000000\n('%s' * 1000) % ((x,) * 1000)":          "longer than about",
		"x = 'a' * 1000000\nv = '%s'\nv %= [x] * 1000":              "longer than about",
		"x = 'a' * 1000000\n('{0}' * 1000).format(x)":               "format: the text would be longer",
		"x = 'a' * 1000000\n'{a}'.format(a = [x] * 1000)":           "too long",
		"x = 'a' * 1000000\ngetattr(x, 'join')":                     "getattr: call join as a method",
		"x = [1]\nfor _ in range(60): x = [x, x]\nstr(x)":           "str: the text would be longer",
		"x = [1]\nfor _ in range(60): x = [x, x]\njson.encode(x)":   "json.encode: the text would be longer",
		"x = {}\nfor _ in range(60): x = {1: x, 2: x}\nlog.info(x)": "got dict",
		"x = ()\nfor _ in range(1000): x = (x,)\nprint(x)":          "print: a value is nested deeper than 200",
		"x = ()\nfor _ in range(1000): x = (x,)\n'%s' % x":          "a value is nested deeper than 200",
		"x = ()\nfor _ in range(1000): x = (x,)\nfail(x)":           "a value is nested deeper than 200",
		"x = []\nx.append(x)\nrepr(x)":                              "within itself",
		"json.decode('[' * 5000000)":                                "json.decode: values nested deeper than 10000",
		"json.decode('{\"a\":' * 50000)":                            "json.decode: values nested deeper than 10000",
		"x = 'a' * 1000000\nfail(*([x] * 100))":                     "fail: the text would be longer",
		"'%(a)s' * 2 % {'a': 'x' * 40000000}":                       "%: the text would be longer",
		"('%(a)s' * 1000000) % {'a': 'x' * 1000000}":                "%: the text would be longer",
		"json.indent('[1,2,3]', indent = 'x' * 30000000)":           "json.indent: the text would be longer",
		"json.indent('[' * 9000, prefix = 'x' * 20000)":             "json.indent: the text would be longer",
		"json.encode_indent([1, 2, 3], indent = 'x' * 30000000)":    "json.indent: the text would be longer",
		`list(range(1000000000))`:                                   "list: 1000000000 items at once, at most 8388608",
		`sorted(range(1 << 40))`:                                    "sorted: 1099511627776 items at once",
		`enumerate(range(1 << 40))`:                                 "items at once",
		`zip(range(1 << 40), range(1 << 40))`:                       "items at once",
		`container(b"").read(0, 1 << 40)`:                           "past the end",
	} {
		err := runLimited(t.Context(), source, Limits{})
		if err == nil {
			t.Errorf("%s: no error", source)
			continue
		}
		wantText(t, err.Error(), want)
	}
}

// TestMemory is of what takes memory bit by bit, or in built-ins that no guard
// stands before.
func TestMemory(t *testing.T) {
	for name, source := range map[string]string{
		"append":   "x = []\nwhile True: x.append('a' * 1000)",
		"strings":  "x = 'a'\nwhile True: x += x",
		"lists":    "x = [1]\nwhile True: x += x",
		"dicts":    "x = {}\nn = 0\nwhile True:\n    n += 1\n    x[n] = [n]",
		"extend":   "x = []\nx.extend(range(1 << 50))",
		"plus":     "x = []\nx += range(1 << 50)",
		"set":      "x = set().union(range(1 << 50))",
		"args":     "def f(*a): pass\nf(*range(1 << 50))",
		"nested":   "x = ()\nwhile True: x = (x,)",
		"closures": "def f(x): return lambda: x\nx = 1\nwhile True: x = f(x)",
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			err := runLimited(t.Context(), source, Limits{Memory: 64 << 20})
			if err == nil {
				t.Fatal("no error")
			}
			wantText(t, err.Error(), "script uses more than its memory limit of 64 MiB")
			wantText(t, err.(*Error).Traceback, `File "x.star", line `)
		})
	}
}

// TestGarbageIsNotCounted makes several times the limit of garbage.
func TestGarbageIsNotCounted(t *testing.T) {
	runtime.GC()
	err := runLimited(t.Context(), "for _ in range(300):\n    x = 'a' * (1 << 20)\n", Limits{Memory: 16 << 20})
	if err != nil {
		t.Error(err)
	}
}

// TestNestingKeepsOffTheStack hashes and freezes what the default limit allows.
func TestNestingKeepsOffTheStack(t *testing.T) {
	const tuples = "x = ()\nfor _ in range(" + deepest + "): x = (x,)\n"
	if err := runLimited(t.Context(), tuples+"y = {x: 1}", Limits{}); err != nil {
		t.Error(err)
	}
	h := newHost(nil, map[string]string{"a.star": tuples})
	if _, err := h.run(t, "load('a.star', 'x')"); err != nil {
		t.Error(err)
	}
}

func TestDecode(t *testing.T) {
	v, err := newHost(nil, nil).run(t, `
def main():
    flat = json.decode("[" + ",".join(['"[\\"["'] * 20000) + "]")
    deep = json.decode("[" * 10000 + "]" * 10000)
    return [len(flat), flat[1], len(deep), json.decode("[]]", default = "none"), json.decode('"[', default = 7),
            json.encode_indent({"a": [1, "[,"]}, prefix = "+", indent = "-"), json.indent("[1]"),
            "%(a)s %(a)r %(b)d %%" % {"a": "x", "b": 2}, "%s" % {"a": 1}]
`)
	if want := "[20000 [\"[ 1 none 7 {\n+-\"a\": [\n+--1,\n+--\"[,\"\n+-]\n+} [\n\t1\n] x \"x\" 2 % {\"a\": 1}]"; err != nil || fmt.Sprint(v) != want {
		t.Errorf("got %v, %v", v, err)
	}
}

// The language compares its own ranges with nothing else.
func TestRangesCompare(t *testing.T) {
	v, err := newHost(nil, nil).run(t, `
def main():
    long, short = range(100000000), range(3)
    return [short == long, long == short, short == long[:3], long[:3] == short, short != long, short == range(0, 3),
            short in [long, short], 2 in short, 3 in short, short == [0, 1, 2], list(short), [i for i in long[5:7]]]
`)
	if want := "[false false true true true true true true false false [0 1 2] [5 6]]"; err != nil || fmt.Sprint(v) != want {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestLongRange(t *testing.T) {
	v, err := newHost(nil, nil).run(t, `
def main():
    r = range(1 << 40)
    n = 0
    for i in r:
        n += i
        if i == 10000: break
    return [n, len(r), r[1 << 30], r[5:7], 7 in r, -1 in r, r == range(1 << 40), r == range(1 << 41), str(r), r[:1 << 30] == r[:1 << 30], type(r)]
`)
	if err != nil {
		t.Fatal(err)
	}
	got := v.([]any)
	want := []any{int64(50005000), int64(1 << 40), int64(1 << 30), nil, true, false, true, false, "range(1099511627776)", true, "range"}
	for i := range want {
		if i != 3 && got[i] != want[i] {
			t.Errorf("%d: got %v, want %v", i, got[i], want[i])
		}
	}
}

// endless is a container of zeros in which searching takes seconds.
type endless struct{ memory }

func (endless) Size() int64 { return 1 << 50 }

func (endless) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

func (endless) Slice(off, n int64) (container.Container, error) {
	return memory(strings.Repeat("\x00", int(n))), nil
}

func (endless) All([]byte) iter.Seq2[int64, error] { panic("searched as a whole") }

func TestCancelIsSoon(t *testing.T) {
	for name, source := range map[string]string{
		"loop":     "while True: pass",
		"find":     `shared("data").find("x")`,
		"find_all": `shared("data").find_all("x")`,
		"count":    `shared("data").count("\0")`,
		"sha256":   `shared("data").sha256()`,
		"max":      "max(range(1 << 50))",
		"all":      "all(range(1, 1 << 50))",
		"in load":  "load('a.star', 'x')",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			h := newHost(nil, map[string]string{"a.star": "while True: pass"})
			h.Shared = func(context.Context, string) (container.Container, error) { return endless{}, nil }
			reason := errors.New("enough")
			var cancelled time.Time
			time.AfterFunc(50*time.Millisecond, func() {
				cancelled = time.Now()
				cancel(reason)
			})
			_, err := Run(ctx, h.Host, Script{Name: "x.star", Source: []byte(source)}, Limits{})
			took := time.Since(cancelled)
			t.Logf("ended after %v", took)
			if took > time.Second {
				t.Errorf("ended %v after it was cancelled", took)
			}
			if !errors.Is(err, reason) {
				t.Errorf("got %v, want %v in it", err, reason)
			}
			wantText(t, err.(*Error).Traceback, `File "x.star", line 1`)
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runLimited(ctx, "x = 1", Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := runLimited(ctx, "while True: pass", Limits{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestStuck has a Host that does not return when the script was stopped.
func TestStuck(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan error, 2)
	h := Host{
		Module: func(context.Context, string) ([]byte, string, error) {
			cancel()
			err := <-told
			told <- err
			return nil, "", err
		},
		Stuck: func(err error) { told <- err },
	}
	_, err := Run(ctx, h, Script{Name: "x", Source: []byte("load('a.star', 'x')")}, Limits{})
	if stuck := <-told; !errors.Is(stuck, context.Canceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("told %v, ended with %v", stuck, err)
	}
	if len(told) != 0 {
		t.Error("told twice")
	}
}

func TestNothingRunsAfterwards(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 100 {
		if err := runLimited(t.Context(), "x = 1", Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	wantGoroutines(t, before)
}

// wantGoroutines fails when there are more. One that has done all it had to do
// still counts for a moment.
func wantGoroutines(t *testing.T, most int) {
	t.Helper()
	for began := time.Now(); runtime.NumGoroutine() > most; runtime.Gosched() {
		if time.Since(began) > 5*time.Second {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), most)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		if err := runLimited(b.Context(), "def main(): return 1\n", Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoop(b *testing.B) {
	for name, body := range map[string]string{"add": "n + i", "multiply": "i * i"} {
		b.Run(name, func(b *testing.B) {
			source := "def main():\n    n = 0\n    for i in range(1000000):\n        n = " + body + "\n"
			for b.Loop() {
				if err := runLimited(b.Context(), source, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
