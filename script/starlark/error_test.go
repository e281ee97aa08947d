package starlark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
)

func TestTracebackSpansModules(t *testing.T) {
	h := newHost(nil, map[string]string{
		"lib/x.star": "load(\"lib/y.star\", \"half\")\n\ndef f(n):\n\treturn half(n)  # twice\n",
		"lib/y.star": "def half(n):\n    return n // 0\n",
	})
	e := h.fails(t, "load('lib/x.star', 'f')\n\ndef main():\n    f(1)\n")
	want := `Traceback (most recent call last):
  File "x.star", line 4, in main
    f(1)
  File "mods/lib/x.star", line 4, in f
    return half(n)  # twice
  File "mods/lib/y.star", line 2, in half
    return n // 0
Error: floored division by zero`
	if e.Traceback != want {
		t.Errorf("got\n%s\nwant\n%s", e.Traceback, want)
	}
}

func TestTracebackOfLoads(t *testing.T) {
	modules := map[string]string{
		"a.star":      "\nload('b.star', 'x')\n",
		"b.star":      "load('a.star', 'x')\n",
		"broken.star": "def f(:\n  pass\n",
		"fails.star":  "x = 1\nfail('no', x)\n",
		"none.star":   "",
		"huge.star":   strings.Repeat("#", maxSource+1),
	}
	for name, want := range map[string]string{
		"a.star": `Traceback (most recent call last):
  File "x.star", line 2, in <toplevel>
    load("a.star", "x")
  File "mods/a.star", line 2, in <toplevel>
    load('b.star', 'x')
  File "mods/b.star", line 1, in <toplevel>
    load('a.star', 'x')
Error: cannot load a.star: the modules load each other: a.star → b.star → a.star`,
		"broken.star": `Traceback (most recent call last):
  File "x.star", line 2, in <toplevel>
    load("broken.star", "x")
  File "mods/broken.star", line 1, column 8: got ':', want ')'
    def f(:
SyntaxError: cannot load broken.star: mods/broken.star:1:8: got ':', want ')'`,
		"fails.star": `Traceback (most recent call last):
  File "x.star", line 2, in <toplevel>
    load("fails.star", "x")
  File "mods/fails.star", line 2, in <toplevel>
    fail('no', x)
Error: no 1`,
		"missing.star": `Error: cannot load missing.star: module missing.star: file does not exist`,
		"none.star":    `Error: load: name x not found in module none.star`,
		"huge.star":    `Error: cannot load huge.star: mods/huge.star: 1048577 bytes of source, at most 1048576`,
		"../up.star":   `Error: cannot load ../up.star: a module's name is a path below the modules' root, as in lib/x.star`,
		"/etc/passwd":  `a module's name is a path below`,
		"a//b.star":    `a module's name is a path below`,
		`a\\b.star`:    `a module's name is a path below`,
		".":            `a module's name is a path below`,
		"":             `a module's name is a path below`,
	} {
		e := newHost(nil, modules).fails(t, "# loads\nload(\""+name+"\", \"x\")\n")
		wantText(t, e.Traceback, want)
		wantText(t, e.Traceback, "File \"x.star\", line 2, in <toplevel>\n    load(")
	}
}

func TestLoadErrorsAreKept(t *testing.T) {
	e := newHost(nil, nil).fails(t, "load('gone.star', 'x')")
	if !errors.Is(e, fs.ErrNotExist) {
		t.Errorf("%v does not wrap %v", e, fs.ErrNotExist)
	}
}

func TestModulesRunOnceAndAreFrozen(t *testing.T) {
	h := newHost(nil, map[string]string{
		"a.star": "load('c.star', 'c')\na = c\n",
		"b.star": "load('c.star', 'c')\nb = c\n",
		"c.star": "print('once')\nc = []\n",
	})
	e := h.fails(t, "load('a.star', 'a')\nload('b.star', 'b')\na.append(1)\n")
	wantText(t, e.Msg, "append: cannot append to frozen list")
	if h.out.String() != "once\n" || len(h.asked) != 3 {
		t.Errorf("printed %q, asked for %q", h.out.String(), h.asked)
	}
}

func TestSyntaxErrors(t *testing.T) {
	for source, want := range map[string]string{
		"x = 1\nif x\n  pass\n": "  File \"x.star\", line 2: got newline, want ':'\n    if x\nSyntaxError: x.star:2: got newline, want ':'",
		"def f():\n    return y + z\n": "  File \"x.star\", line 2, column 12: undefined: y\n    return y + z\n" +
			"  File \"x.star\", line 2, column 16: undefined: z\n    return y + z\nSyntaxError: x.star:2:12: undefined: y",
		"prnt(1)\n":                    "  File \"x.star\", line 1, column 1: undefined: prnt (did you mean print?)\n    prnt(1)\nSyntaxError: x.star:1:1: undefined: prnt (did you mean print?)",
		"shard('x')\n":                 "undefined: shard (did you mean shared?)",
		"def paint(): pass\npant()\n":  "undefined: pant (did you mean paint?)\n    pant()\n", // the file's own names first, and one guess
		"x = '":                        "SyntaxError: x.star:1:5: unexpected EOF",
		strings.Repeat("(", maxSource): "excessive nesting",
		"x = 1" + strings.Repeat("()", maxSource/2-3): "invalid call of non-function",

		"a\x1b[31mb = (\n": "a\uFFFD[31mb = (",
	} {
		e := newHost(nil, nil).fails(t, source)
		wantText(t, e.Traceback, want)
	}
	e := newHost(nil, nil).fails(t, strings.Repeat("y\n", 100))
	wantText(t, e.Traceback, "[90 more errors left out]")
	if e := newHost(nil, nil).fails(t, strings.Repeat(" ", maxSource+1)); !strings.HasPrefix(e.Msg, "x.star: 1048577 bytes of source") {
		t.Errorf("got %q", e.Msg)
	}
}

func TestLongTraceback(t *testing.T) {
	e := newHost(nil, nil).fails(t, "def f(n):\n    if n == 0: fail('x' * 100000)\n    f(n - 1)\nf(900)\n")
	if n := strings.Count(e.Traceback, "File"); n != tracebackHead+tracebackTail {
		t.Errorf("%d frames shown", n)
	}
	wantText(t, e.Traceback, "[887 calls left out]")
	if len(e.Msg) > maxMessage+10 {
		t.Errorf("message of %d bytes", len(e.Msg))
	}
}

func TestSourceLine(t *testing.T) {
	source := []byte("one\n\ttwo\r\n" + strings.Repeat("é", 500) + "\nbad\xff\x00")
	for number, want := range map[int]string{
		1: "one", 2: "two", 3: strings.Repeat("é", maxLineShown-1) + "…", 4: "bad\uFFFD\uFFFD", 5: "", 99: "",
	} {
		if got := strings.TrimRight(sourceLine(source, number), "\uFFFD\r"); got != strings.TrimRight(want, "\uFFFD") {
			t.Errorf("line %d: got %q, want %q", number, got, want)
		}
	}
}

// plain drops the time of records.
func plain(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	h := newHost(nil, map[string]string{"lib.star": "def warn(): log.warn('careful')\n"})
	h.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: plain}))
	_, err := h.run(t, `
load("lib.star", "warn")
log.debug("unseen", x = 1)
log.info("seen", n = 1, f = 1.5, s = "a b", b = True, none = None, l = [1], d = time.parse_duration("1s"))
warn()
log.error("bad", big = 1 << 70)
`)
	want := `level=INFO msg=seen n=1 f=1.5 s="a b" b=true none=<nil> l=[1] d=1s source=x.star:4
level=WARN msg=careful source=mods/lib.star:1
level=ERROR msg=bad big=1180591620717411303424 source=x.star:6
`
	if err != nil || out.String() != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, out.String(), want)
	}
	for _, bad := range []string{"log.info()", "log.info(1)", "log.info('a', 'b')"} {
		if _, err := h.run(t, bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestPanicOfTheHost(t *testing.T) {
	h := Host{Module: func(context.Context, string) ([]byte, string, error) { panic("broken") }}
	_, err := Run(t.Context(), h, Script{Name: "x", Source: []byte("load('a.star', 'b')")}, Limits{})
	if err == nil {
		t.Fatal("no error")
	}
	wantText(t, err.Error(), "panic in the interpreter: broken")
}

func FuzzRun(f *testing.F) {
	for _, s := range []string{
		"x = 1\nprint(x * 'a' % ())", "def main(*a): return [a]", "load('a.star', 'x')", "'{}'.format(1).join([])",
		"x = shared('data').find('a')", "a, b = 1, [2] * 3\na *= b", "for c in 'x'.elems(): pass", "struct(a=1).a %= 2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		h := newHost(map[string]string{"data": testData}, map[string]string{"a.star": "x = 1"})
		_, err := Run(t.Context(), h.Host, Script{Name: "x.star", Source: []byte(source)}, Limits{Steps: 10_000, Memory: 256 << 20})
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || !strings.Contains(e.Traceback, "Error: ")) {
			t.Error(fmt.Sprint(err))
		} else if ok && strings.Contains(e.Msg, "panic in") {
			t.Error(e.Traceback)
		}
	})
}
