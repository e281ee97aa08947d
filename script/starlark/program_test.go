package starlark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
)

// load loads source, and closes it with the test.
func load(t testing.TB, h Host, source string) *Program {
	t.Helper()
	p, err := Load(t.Context(), h, Script{Name: "x.star", Source: []byte(source)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestProgramIsCalledWithEachContainer(t *testing.T) {
	modules := func(_ context.Context, name string) ([]byte, string, error) {
		return []byte("def twice(x): return 2 * x"), "", nil
	}
	p := load(t, Host{Module: modules}, `
load("lib.star", "twice")
TABLE = {"a": 1}
def main(c):
    print("size", c.size)
    return [twice(c.size), c.read(0, 1), TABLE]
`)
	for i := 1; i < 4; i++ {
		var out bytes.Buffer
		v, err := p.Call(t.Context(), Host{Stdout: &out}, Limits{}, container.FromBytes(bytes.Repeat([]byte{'x'}, i)))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(v), fmt.Sprintf("[%d [120] map[a:1]]", 2*i); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, want := out.String(), fmt.Sprintf("size %d\n", i); got != want {
			t.Errorf("it printed %q, want %q", got, want)
		}
	}
}

// What one call leaves behind, another must not find.
func TestProgramCarriesNothingOver(t *testing.T) {
	for name, source := range map[string]string{
		"list":    "seen = []\ndef main(c):\n    seen.append(c.size)\n    return len(seen)",
		"dict":    "seen = {}\ndef main(c):\n    seen[c.size] = 1\n    return len(seen)",
		"nested":  "seen = struct(of = [[]])\ndef main(c):\n    seen.of[0].append(1)",
		"default": "def main(c, seen = []):\n    seen.append(1)\n    return len(seen)",
		"closure": "def make():\n    seen = []\n    def f(c):\n        seen.append(1)\n        return len(seen)\n    return f\nmain = make()",
	} {
		p := load(t, Host{}, source)
		for range 2 {
			v, err := p.Call(t.Context(), Host{}, Limits{}, container.FromBytes(nil))
			if err == nil || !strings.Contains(err.Error(), "frozen") {
				t.Errorf("%s: %v, %v: want an error that it is frozen", name, v, err)
			}
		}
	}
}

func TestProgramCannotBeLoaded(t *testing.T) {
	for source, want := range map[string]string{
		"x = 1":                           "no function main",
		"main = 3":                        "main is of type int, not a function",
		"def main(): pass":                "main() takes no arguments, and the script was given 1 argument",
		"def main(a, b): pass":            "main(a, b) takes 2 arguments",
		"def main(c):\n  return":          "",
		"fail('no')\ndef main(c): pass":   "no",
		"def main(c): return emit('', c)": "undefined: emit",
	} {
		p, err := Load(t.Context(), Host{}, Script{Name: "x.star", Source: []byte(source)}, Limits{})
		if err == nil {
			p.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", source, err, want)
		}
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Traceback == "") {
			t.Errorf("%q: %#v is no Error with a traceback", source, err)
		}
	}
}

// Each call has limits of its own, and tells which it went beyond.
func TestProgramLimits(t *testing.T) {
	p := load(t, Host{}, `
def main(c):
    n, kept = 0, []
    while c.size:
        n += 1
        if c.size == 2:
            kept.append(str(n) * 16)
`)
	call := func(ctx context.Context, l Limits, size int) error {
		_, err := p.Call(ctx, Host{}, l, container.FromBytes(make([]byte, size)))
		return err
	}
	if err := call(t.Context(), Limits{Steps: 1000}, 1); !errors.Is(err, ErrSteps) {
		t.Errorf("%v, want ErrSteps", err)
	}
	if err := call(t.Context(), Limits{Memory: 8 << 20}, 2); !errors.Is(err, ErrMemory) {
		t.Errorf("%v, want ErrMemory", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := call(ctx, Limits{}, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline's", err)
	}
	if err := call(t.Context(), Limits{Steps: 1000}, 0); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// A long range of the top level is that of the call which iterates it: it goes on when the
// context of Load has ended, and ends with the call.
func TestProgramIteratesARangeOfTheTopLevel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := Load(ctx, Host{}, Script{Name: "x.star", Source: []byte(`
R = range(1 << 40)
def main(c):
    if c.size:
        [].extend(R)
    n = 0
    for _ in R[1:]:
        n += 1
        if n == 10000: break
    return n
`)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	cancel()
	for range 2 {
		if n, err := p.Call(t.Context(), Host{}, Limits{}, container.FromBytes(nil)); err != nil || n != int64(10000) {
			t.Fatalf("%v iterations, %v", n, err)
		}
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Call(ctx, Host{}, Limits{}, container.FromBytes([]byte("x"))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline's", err)
	}
}

func TestEmit(t *testing.T) {
	got := map[string]string{}
	h := Host{Emit: func(_ context.Context, name string, data []byte) error {
		if name == "full" {
			return errors.New("the quota is spent")
		}
		got[name] = string(data)
		return nil
	}}
	p := load(t, h, `
def main(c):
    emit("a", b"\x00\xff")
    emit("b", "text")
    emit("c", c)
    emit("d", data = c.slice(1, 2))
    emit("e", b"")
    emit("f", container(b""))
`)
	if _, err := p.Call(t.Context(), h, Limits{}, container.FromBytes([]byte("whole"))); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "\x00\xff", "b": "text", "c": "whole", "d": "ho", "e": "", "f": ""}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
	for source, want := range map[string]string{
		"emit('full', b'')": "emit: the quota is spent",
		"emit('x', 3)":      "emit: data is a int",
		"emit(3, b'')":      "emit: for parameter name: got int",
		"emit('x')":         "emit: missing argument for data",
	} {
		p := load(t, h, "def main(c): "+source)
		if _, err := p.Call(t.Context(), h, Limits{}, container.FromBytes(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

func BenchmarkProgram(b *testing.B) {
	p := load(b, Host{}, "def main(c): return c.size")
	c := container.FromBytes([]byte("0123456789"))
	for b.Loop() {
		if _, err := p.Call(b.Context(), Host{}, Limits{}, c); err != nil {
			b.Fatal(err)
		}
	}
}
