package starlark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
)

// testHost serves containers and modules from maps, and keeps the output.
type testHost struct {
	Host
	out    bytes.Buffer
	asked  []string // modules
	closed int
}

func newHost(shared, modules map[string]string) *testHost {
	h := &testHost{}
	h.Stdout = &h.out
	h.Shared = func(_ context.Context, name string) (container.Container, error) {
		data, ok := shared[name]
		if !ok {
			return nil, fmt.Errorf("no container is named %q: there is data", name)
		}
		return &counted{memory(data), h}, nil
	}
	h.Module = func(_ context.Context, name string) ([]byte, string, error) {
		h.asked = append(h.asked, name)
		source, ok := modules[name]
		if !ok {
			return nil, "", fmt.Errorf("module %s: %w", name, fs.ErrNotExist)
		}
		return []byte(source), "mods/" + name, nil
	}
	return h
}

type counted struct {
	memory
	h *testHost
}

func (c *counted) Close() error {
	c.h.closed++
	return nil
}

func (h *testHost) run(t *testing.T, source string, args ...string) (any, error) {
	t.Helper()
	return Run(t.Context(), h.Host, Script{Name: "x.star", Source: []byte(source), Args: args}, Limits{})
}

// fails runs source and returns how it failed.
func (h *testHost) fails(t *testing.T, source string, args ...string) *Error {
	t.Helper()
	v, err := h.run(t, source, args...)
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v, %v; want an *Error", v, err)
	}
	return e
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
}

// evaluate is what main returns that returns expr.
func evaluate(t *testing.T, expr string) (any, error) {
	t.Helper()
	return newHost(map[string]string{"data": testData}, nil).run(t, "def main():\n    return "+expr+"\n")
}

const testData = "\x01\x02\x03\x04\xff\xfe\xfd\xfcabcabc\x00tail"

func TestValues(t *testing.T) {
	huge, _ := new(big.Int).SetString("340282366920938463463374607431768211456", 10)
	for expr, want := range map[string]any{
		`None`:                      nil,
		`True`:                      true,
		`1`:                         int64(1),
		`1 << 63`:                   uint64(1 << 63),
		`(1 << 64) * (1 << 64)`:     huge,
		`1.5`:                       1.5,
		`"é"`:                       "é",
		`b"\xff"`:                   []byte{0xff},
		`[1, (2, "x")]`:             []any{int64(1), []any{int64(2), "x"}},
		`set([1])`:                  []any{int64(1)},
		`range(2)`:                  []any{int64(0), int64(1)},
		`{1: "a", "b": None}`:       map[any]any{int64(1): "a", "b": nil},
		`struct(a = 1)`:             map[any]any{"a": int64(1)},
		`time.from_timestamp(1)`:    time.Unix(1, 0),
		`args`:                      []any{},
		`json.decode('{"a": [1]}')`: map[any]any{"a": []any{int64(1)}},
		`json.encode({"a": 1})`:     `{"a":1}`,
		`math.floor(1.9)`:           int64(1),
		`float("inf")`:              math.Inf(1),

		`shared("data").size`:                                               int64(19),
		`shared("data").read(8, 3)`:                                         []byte("abc"),
		`shared("data").read(15)`:                                           []byte("tail"),
		`shared("data").find(b"abc")`:                                       int64(8),
		`shared("data").find("abc", 9)`:                                     int64(11),
		`shared("data").find("abc", start = 12)`:                            nil,
		`shared("data").find("abc", 1 << 62)`:                               nil,
		`shared("data").find_all("abc")`:                                    []any{int64(8), int64(11)},
		`shared("data").find_all("abc", 1)`:                                 []any{int64(8)},
		`shared("data").find_all("abc", 0)`:                                 []any{},
		`shared("data").count("abc")`:                                       int64(2),
		`container(b"aaaa").count("aa")`:                                    int64(3),
		`shared("data").slice(11, 3).find("abc")`:                           int64(0),
		`shared("data").slice(9, 4).find("abc")`:                            nil,
		`shared("data").slice(9).slice(2).find("tail")`:                     int64(4),
		`hex(container(b"abc").sha256())`:                                   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		`shared("data").slice(8, 3).sha256() == container(b"abc").sha256()`: true,
		`shared("data").cstring(11)`:                                        []byte("abc"),
		`container(b"").size`:                                               int64(0),
		`container(b"").find("a")`:                                          nil,
		`type(container(b""))`:                                              "container",
		`[bool(container(b"")), bool(container(b"x"))]`:                     []any{false, true},

		`find(b"abcabc", b"c", 3)`:                  int64(5),
		`find(b"abc", "z")`:                         nil,
		`find(shared("data"), "tail")`:              int64(15),
		`text(b"\xe9", "latin-1")`:                  "é",
		`text(b"=\xd8\x00\xde", "utf-16le")`:        "😀",
		`text(b"\x00a", encoding = "utf-16be")`:     "a",
		`text(b"a\xffb", errors = "replace")`:       "a\uFFFDb",
		`text(b"a\xd8\x00", "utf-16be", "replace")`: "\u61d8\uFFFD",
		`hex(b"\x01\xab")`:                          "01ab",
		`unhex("01 AB")`:                            []byte{1, 0xab},
		`bytes([1, 2]) + b"\x03"`:                   []byte{1, 2, 3},
	} {
		got, err := evaluate(t, expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if !reflect.DeepEqual(got, want) {
			if a, ok := got.(time.Time); ok && a.Equal(want.(time.Time)) {
				continue
			}
			t.Errorf("%s: got %#v, want %#v", expr, got, want)
		}
	}
}

func TestIntegers(t *testing.T) {
	for expr, want := range map[string]any{
		"u8(4)": int64(0xff), "i8(4)": int64(-1),
		"u16le(0)": int64(0x0201), "u16be(0)": int64(0x0102),
		"i16le(4)": int64(-257), "i16be(4)": int64(-2),
		"u32le(0)": int64(0x04030201), "u32be(4)": int64(0xfffefdfc),
		"i32le(4)": int64(-50462977), "i32be(4)": int64(-66052),
		"u64le(0)": uint64(0xfcfdfeff04030201), "u64be(0)": int64(0x01020304fffefdfc),
		"i64le(0)": int64(-216736835806494207), "i64be(4)": int64(-283689545997471),
	} {
		got, err := evaluate(t, `shared("data").`+expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if got != want {
			t.Errorf("%s: got %v, want %v", expr, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for expr, want := range map[string]string{
		`shared("other")`:                      `shared: no container is named "other": there is data`,
		`shared("data").u32le(16)`:             "u32le: 4 bytes at offset 16 are past the end: the size is 19",
		`shared("data").u8(-1)`:                "u8: offset is -1, and cannot be negative",
		`shared("data").u64be(1 << 63)`:        "out of range",
		`shared("data").read(1, 19)`:           "read: 19 bytes at offset 1 are past the end: the size is 19",
		`shared("data").read(20)`:              "read: 0 bytes at offset 20 are past the end",
		`shared("data").slice(2, -1)`:          "slice: n is -1",
		`shared("data").find("")`:              "an empty pattern is everywhere",
		`shared("data").find(3)`:               "got int, want bytes, string or pattern",
		`shared("data").find("a", -1)`:         "start is -1",
		`shared("data").cstring(15)`:           "cstring: no NUL within 4 bytes at offset 15",
		`shared("data").cstring(8, 2)`:         "cstring: no NUL within 2 bytes at offset 8",
		`shared("data").missing`:               "no .missing field or method",
		`{shared("data"): 1}`:                  "unhashable type: container",
		`find("abc", "a")`:                     "find: data is a string, not bytes or a container",
		`text(b"ab\xff")`:                      "text: the byte at 2 is not utf-8",
		`text(b"\xff", "ascii")`:               "text: the byte at 0 is not ascii",
		`text(b"abc", "utf-16le")`:             "text: the byte at 2 is not utf-16le",
		`text(b"", "ebcdic")`:                  `text: no encoding is named "ebcdic"`,
		`text(b"", errors = "ignore")`:         `text: errors is "ignore"`,
		`unhex("0g")`:                          "unhex: invalid byte",
		`progress(-1)`:                         "progress: -1 of 0",
		`fail("so", 1)`:                        "so 1",
		`1 // 0`:                               "floored division by zero",
		`[].index(3)`:                          "index: value not in list",
		`[1, {"f": main}]`:                     `result[1]["f"]: a function cannot cross`,
		`struct(c = [shared("data")])`:         "result.c[0]: a container cannot cross",
		`{(1, 2): 3}`:                          "result[(1, 2)]: a tuple cannot cross as a key",
		`["é"[:1]]`:                            "result[0]: a string that is not UTF-8 cannot cross: return bytes",
		`time.parse_duration("1s")`:            "result: a time.duration cannot cross: return its seconds",
		`json`:                                 "result: a module cannot cross",
		`[b"x" * (9 << 20), b"x" * (9 << 20)]`: "the result is larger than 16 MiB",
	} {
		_, err := evaluate(t, expr)
		if err == nil {
			t.Errorf("%s: no error, want %q", expr, want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, want %q", expr, err, want)
		}
	}
}

func TestCyclicResult(t *testing.T) {
	e := newHost(nil, nil).fails(t, "def main():\n    x = []\n    x.append(x)\n    return {'a': x}\n")
	wantText(t, e.Msg, `result["a"][0][0]`)
	wantText(t, e.Msg, "nested deeper than 200, or within itself")

	e = newHost(nil, nil).fails(t, "def main():\n    x = [1]\n    for _ in range(60):\n        x = [x, x]\n    return x\n")
	wantText(t, e.Msg, "the result is larger than 16 MiB")
}

func TestLargeBytesCross(t *testing.T) {
	for _, kind := range []string{"b", ""} {
		v, err := evaluate(t, kind+`"x" * (40 << 20)`)
		if err != nil || reflect.ValueOf(v).Len() != 40<<20 {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

func TestMain(t *testing.T) {
	for _, test := range []struct{ source, args, want string }{
		{"def main(a, b = 2):\n  return [a, b]", "x", "[x 2]"},
		{"def main(*a, **k):\n  return a", "x y", "[x y]"},
		{"main = lambda a: a", "x", "x"},
		{"x = 1", "x y", "<nil>"},
		{"def main(a, b = 2): pass", "", "x.star:1:1: main(a, b=…) takes 1 to 2 arguments, and the script was given 0 arguments"},
		{"def main(a): pass", "x y", "main(a) takes 1 argument, and the script was given 2 arguments"},
		{"def main(): pass", "x", "main() takes no arguments, and the script was given 1 argument"},
		{"def main(a, *b): pass", "", "main(a, *b) takes at least 1 argument,"},
		{"def main(a, *, b, **c): pass", "x", "main(a, *, b, **c) needs b by name"},
		{"def main(a, b, *c, d = 1, **e): pass", "x", "main(a, b, *c, d=…, **e) takes at least 2 arguments,"},
		{"def main(*a, b = 1): return b", "x", "1"},
		{"main = 3", "", "main is of type int, not a function"},
	} {
		v, err := newHost(nil, nil).run(t, test.source, strings.Fields(test.args)...)
		got := fmt.Sprint(v)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) && !strings.Contains(got, test.want) {
			t.Errorf("%s with %q: got %q, want %q", test.source, test.args, got, test.want)
		}
	}
}

func TestDialect(t *testing.T) {
	h := newHost(nil, nil)
	v, err := h.run(t, `
n = 0
while n < 3:
    n += 1
if n == 3:
    for x in [1, 2]:
        print("x", x, sep = "=")
n = n * 2
seen = []
def fact(n): return 1 if n < 2 else n * fact(n - 1)
def main():
    seen.append(fact(20))
    return [n, seen, "a,b".replace(",", ";"), ", ".join(["a", "b"]), "{x}-{}".format(1, x = 2), "%s %r" % ("a", "b"), 7 % 4, 2.5 * 2, [0] * 2, 3 * "ab"]
`)
	want := []any{int64(6), []any{int64(2432902008176640000)}, "a;b", "a, b", "2-1", `a "b"`, int64(3), 5.0, []any{int64(0), int64(0)}, "ababab"}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("got %v, %v; want %v", v, err, want)
	}
	if got := h.out.String(); got != "x=1\nx=2\n" {
		t.Errorf("printed %q", got)
	}
}

func TestContainersAreAskedOnceAndClosed(t *testing.T) {
	h := newHost(map[string]string{"data": "abc"}, nil)
	if _, err := h.run(t, `x = [shared("data").read() for _ in range(3)]`); err != nil {
		t.Fatal(err)
	}
	if h.closed != 1 {
		t.Errorf("closed %d containers, want 1", h.closed)
	}
}

func TestNothingServed(t *testing.T) {
	for source, want := range map[string]string{
		`shared("data")`:      `no container is named "data": there are none`,
		`load("a.star", "b")`: "cannot load a.star: no modules are served",
	} {
		_, err := Run(t.Context(), Host{}, Script{Name: "x", Source: []byte(source)}, Limits{})
		if err == nil {
			t.Fatalf("%s: no error", source)
		}
		wantText(t, err.Error(), want)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintFails(t *testing.T) {
	_, err := Run(t.Context(), Host{Stdout: brokenWriter{}}, Script{Name: "x", Source: []byte("while True: print(1)")}, Limits{})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v in it", err, errBroken)
	}
}

func TestProgress(t *testing.T) {
	var got []string
	h := newHost(nil, nil)
	h.Progress = func(done, total int64, label string) { got = append(got, fmt.Sprint(done, total, label)) }
	if _, err := h.run(t, `progress(1)`+"\n"+`progress(2, 3, "files")`); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1 0", "2 3files"}; len(got) != 2 || strings.TrimSpace(got[0]) != want[0] {
		t.Errorf("got %q, want %q", got, want)
	}
}
