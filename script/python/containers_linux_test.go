package python_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/script/python"
)

// sharing shares one container of each kind; all but the small ones and those without
// bytes hold content(), which scripts make with CONTENT.
func sharing(t *testing.T) func(*outwork.Manager) {
	return func(m *outwork.Manager) {
		data := content()
		around := slicesOf(data, 4099)
		for name, c := range map[string]container.Container{
			"memory":     container.FromBytes(data),
			"file":       file(t, data),
			"part":       part(t, file(t, around), 4099, len(data)),
			"page":       part(t, file(t, slicesOf(data, 1<<16)), 1<<16, len(data)),
			"memory cut": part(t, container.FromBytes(around), 4099, len(data)),
			"small":      container.FromBytes([]byte("small\x00\xff")),
			"small file": file(t, []byte("small\x00\xff")),
			"empty":      container.FromBytes(nil),
			"empty file": file(t, nil),
			"empty part": part(t, file(t, data), 4099, 0),
		} {
			share(t, m, name, c)
		}
	}
}

func content() []byte {
	var b bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&b, "line %d\x00the quick \xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8 fox\n", i)
	}
	return b.Bytes()
}

const CONTENT = `
import outwork
DATA = b"".join(b"line %d\0the quick \xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8 fox\n" % i for i in range(20000))
WHOLE = ["memory", "file", "part", "page", "memory cut"]
`

// slicesOf is data with before bytes before it, and some behind it.
func slicesOf(data []byte, before int) []byte {
	return append(append(make([]byte, before), data...), "fox\n"...)
}

func file(t *testing.T, data []byte) container.Container {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func part(t *testing.T, c container.Container, off, n int) container.Container {
	t.Helper()
	s, err := c.Slice(int64(off), int64(n))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func share(t *testing.T, m *outwork.Manager, name string, c container.Container) {
	t.Helper()
	if err := m.Share(name, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

// TestContainers: what all of them can do.
func TestContainers(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, sharing(t))
		w.run(CONTENT + `
import hashlib, struct
at = DATA.find(b"\xff", 500000)
for name in WHOLE:
    c = outwork.shared(name)
    assert isinstance(c, outwork.Container) and outwork.shared(name) is c
    assert (c.size, len(c), c.name, c.immutable) == (len(DATA), len(DATA), name, "memory" in name), c
    assert c.read() == DATA == c[:] == bytes(c), name
    assert c.read(at, 9) == DATA[at:at + 9] == c[at:at + 9] and c[-5] == DATA[-5] and c[9:1:-2] == DATA[9:1:-2]
    assert c.find(b"fox\n", at) == DATA.find(b"fox\n", at) and c.find("line 19999") == DATA.find(b"line 19999")
    assert c.find(b"fox\nfox") == -1 and c.find(b"fox", at, at + 5) == -1
    assert c.count("fox") == 20000 == len(list(c.find_all(b"fox")))
    assert list(c.find_all(b"fox", 2)) == [DATA.find(b"fox"), DATA.find(b"fox", 40)]
    assert b"quick" in c and 0xfe in c and b"quack" not in c
    s = c.slice(at, 1000).slice(3)
    assert (s.size, s.read()) == (997, DATA[at + 3:at + 1000]) and list(s) == list(s.read())
    assert c.sha256() == hashlib.sha256(DATA).digest() and s.sha256() == hashlib.sha256(s.read()).digest()
    assert c.cstring(0) == b"line 0"
    for method, form in zip("u8 i8 u16le u16be i16le i16be u32le u32be i32le i32be u64le u64be i64le i64be".split(),
                            "B b <H >H <h >h <I >I <i >i <Q >Q <q >q".split()):
        assert getattr(c, method)(at) == struct.unpack_from(form, DATA, at)[0], method
for name in ["small", "small file"]:
    c = outwork.shared(name)
    assert (c.read(), c.cstring(0), c.u8(6), c.find(b"\xff"), c.slice(1, 2)[:]) == (b"small\0\xff", b"small", 255, 6, b"ma"), c
for name in ["empty", "empty file", "empty part"]:
    c = outwork.shared(name)
    assert (c.size, c.read(), c.find(b"x"), c.count(b"x"), list(c), c.cstring is None) == (0, b"", -1, 0, [], False), c
    assert c.sha256() == hashlib.sha256().digest() and bytes(c.view()) == b""
`)
	})
}

// TestContainersAsBuffers: what is in the process is read where it is.
func TestContainersAsBuffers(t *testing.T) {
	for _, p := range interpreters(t) {
		w := newWorld(t, socket, p, sharing(t))
		w.run(CONTENT + `
import hashlib, mmap, re, struct, sys, zlib
for name in WHOLE + ["small"]:
    c = outwork.shared(name)
    data = DATA if name != "small" else b"small\0\xff"
    assert isinstance(c, mmap.mmap) == (name not in ("part", "small"))
    for b in [c, c.view()] if name != "part" or sys.version_info >= (3, 12) else [c.view()]:
        assert memoryview(b) == data and memoryview(b).readonly
        assert re.search(b"[a-z]+", b).span() == re.search(b"[a-z]+", data).span()
        assert struct.unpack_from("<H", b, 2) == struct.unpack_from("<H", data, 2)
        assert hashlib.sha256(b).digest() == c.sha256() and zlib.crc32(b) == zlib.crc32(data)
        try:
            struct.pack_into("<H", b, 0, 1)
            assert False
        except (TypeError, BufferError):
            pass
    assert outwork.shared(name).read() == data
`)
	}
}

// TestContainerErrors: each says in a sentence what was wrong, and the worker goes on.
func TestContainerErrors(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, sharing(t))
		for expr, says := range map[string]string{
			"outwork.shared('nope')":         `Refused: there is no shared container "nope"; shared are empty, empty file, empty part, file, memory`,
			"outwork.shared('x' * 2000)":     "ValueError: shared: a name has at most 1,024 bytes",
			"outwork.shared(7)":              "TypeError: shared: a name is a str, not a int",
			"c.read(5, -1)":                  "ValueError: read: offset 5 and -1 bytes: neither can be negative",
			"c.read(c.size - 1, 2)":          "ValueError: read: 2 bytes at offset 668889 are past the end: the size is 668890",
			"c.u32le(c.size)":                "ValueError: u32le: 4 bytes at offset 668890 are past the end",
			"c.find(b'')":                    "ValueError: find: an empty pattern matches everywhere",
			"c.find(b'x', 1 << 70)":          "ValueError: find: 0 bytes at offset 1180591620717411303424 are past the end",
			"c.cstring(9, 3)":                "ValueError: cstring: no NUL within 3 bytes at offset 9",
			"[c]":                            "result[0]: a container cannot cross",
			"{'x': outwork.shared('small')}": "result['x']: a container cannot cross",
			"c.slice(4, 5)":                  "a container cannot cross",
			"[small.close() for _ in range(small._users)] and small.read()": "ValueError: read: the container 'small' is closed",
		} {
			_, err := w.try(t.Context(), "import outwork\nc = outwork.shared('memory')\nsmall = outwork.shared('small')\ndef main(): return "+expr)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %s", expr, err, says)
			}
		}
		_, err := w.try(t.Context(), "import outwork\noutwork.shared('nope')")
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not fs.ErrNotExist", err)
		}
	})
}

// TestSharedAgainUnderItsName: a worker gets what the name stands for now, and keeps
// what it had.
func TestSharedAgainUnderItsName(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		if got := w.run("import sys\nsys.had = []\ndef main(): pass"); got != nil {
			t.Fatal(got)
		}
		const look = "import outwork, sys\ndef main():\n  sys.had.append(outwork.shared('x'))\n  return [c.read(0, 3) for c in sys.had], len(set(map(id, sys.had)))"
		want := []any{}
		for i, size := range []int{1 << 20, 100, 1 << 20, 40000} {
			data := bytes.Repeat([]byte{byte('a' + i)}, size)
			w.m.Unshare("x")
			share(t, w.m, "x", container.FromBytes(data))
			for range 2 {
				want = append(want, data[:3])
				if got := w.run(look); !reflect.DeepEqual(got, python.Tuple{want, int64(i + 1)}) {
					t.Errorf("%d: %q, want %q", i, got, want)
				}
			}
		}
		w.m.Unshare("x")
		if _, err := w.try(t.Context(), look); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if err := w.Share("x", container.FromBytes([]byte("own"))); err != nil {
			t.Fatal(err)
		}
		if got := w.run("import outwork\ndef main(): return outwork.shared('x').read()"); !reflect.DeepEqual(got, []byte("own")) {
			t.Errorf("%q", got)
		}
	})
}

// TestPagedRoundTrips: what is asked of the manager for what a script does.
func TestPagedRoundTrips(t *testing.T) {
	data := make([]byte, 8<<20)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(data)
	w := newWorld(t, plain, debian(t), func(m *outwork.Manager) { share(t, m, "x", container.FromBytes(data)) })
	got := w.run(`
import outwork, outwork._run, threading
asked = 0
def asks(f):
    global asked
    asked = 0
    f()
    return asked
def main():
    link = outwork._run.LINK
    ask = link.ask
    def count(*a):
        global asked
        asked += 1
        return ask(*a)
    link.ask = count
    try:
        return [
            asks(lambda: outwork.shared("x")),  # and five modules
            asks(lambda: outwork.shared("x")),
            asks(lambda: [outwork.shared("x").u32le(i) for i in range(0, 60000, 4)]) - 15000,
            asks(lambda: c().find(c().read(c().size - 8))) - 3,
            asks(lambda: c().find(b"not there")) - 1,
            asks(lambda: c().count(b"ab")) - 1,
            asks(lambda: list(c().find_all(b"ab"))) - 1,
            asks(lambda: c().sha256()) - 1,
            asks(lambda: [c.read(i, 4096) for c in [c()] for i in range(0, c.size, 4096)]) - 1,
            asks(lambda: c().read(3, 5 << 20)) - 1,
        ]
    finally:
        link.ask = ask
def c():
    return outwork.shared("x")
`)
	want := []any{int64(1), int64(1), int64(1), int64(2), int64(1), int64(1), int64(1), int64(1), int64(11), int64(5)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestPagedFromThreads: many threads read and search at a time.
func TestPagedFromThreads(t *testing.T) {
	for _, p := range interpreters(t) {
		w := newWorld(t, plain, p, sharing(t))
		w.run(CONTENT + `
import random, threading
outwork.Container  # it all arrives with the first use
wrong = []
def work(seed):
    r = random.Random(seed)
    try:
        c = outwork.shared(r.choice(WHOLE))
        for _ in range(100):
            at = r.randrange(len(DATA) - 100)
            n = r.choice([1, 99, min(200000, len(DATA) - at)])
            assert c.read(at, n) == DATA[at:at + n]
            assert c.find(DATA[at:at + 60], at) == at
    except BaseException as e:
        wrong.append(repr(e))
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong, wrong
`)
	}
}

// TestFileThatShrinks: what stays at the manager is an error, never zeros.
func TestFileThatShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, plain, debian(t), func(m *outwork.Manager) { share(t, m, "x", c) })
	w.run("import outwork\nassert outwork.shared('x').read(1000, 3) == b'\\0\\0\\0'")
	if err := os.Truncate(path, 5); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"read(500000, 9)", "find(b'x')", "sha256()", "count(b'x')"} {
		_, err := w.try(t.Context(), "import outwork\noutwork.shared('x')."+f)
		if err == nil || !strings.Contains(err.Error(), "OSError: share ") {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestMapsGo: a worker has neither descriptors nor maps of what it has closed.
func TestMapsGo(t *testing.T) {
	for _, p := range interpreters(t) {
		w := newWorld(t, socket, p, sharing(t))
		w.run(CONTENT + `
import os
def have():
    with open("/proc/self/maps") as f:
        return len(os.listdir("/proc/self/fd")), sum("memfd:" in l or "/file" in l for l in f)
for name in WHOLE: outwork.shared(name).close()
before = have()
for _ in range(50):
    for name in WHOLE + ["small", "empty file"]:
        with outwork.shared(name) as c:
            c.slice(0).find(b"fox")
assert have() == before, (have(), before)
`)
	}
}

// failing is an io.ReaderAt of CONTENT that has a bad sector.
type failing struct {
	io.ReaderAt
	bad int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off <= f.bad && f.bad < off+int64(len(p)) {
		return 0, syscall.EIO
	}
	return f.ReaderAt.ReadAt(p, off)
}

// TestLiveContainers: a live source stays at the manager, also where files cross.
func TestLiveContainers(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, func(m *outwork.Manager) {
			data := content()
			r := bytes.NewReader(data)
			share(t, m, "live", container.FromReaderAt(r, r.Size(), container.Live{}))
			share(t, m, "bad", container.FromReaderAt(failing{r, 300000}, r.Size(), container.Live{Name: "/dev/bad"}))
		})
		w.run(CONTENT + `
import hashlib
c = outwork.shared("live")
assert type(c).__name__ == "Part" and not c.immutable and c.size == len(DATA), c
assert c.read(777, 99) == DATA[777:876] and c[:] == DATA
assert c.find(b"line 19999") == DATA.find(b"line 19999") and c.count("fox") == 20000
assert c.sha256() == hashlib.sha256(DATA).digest()
bad = outwork.shared("bad")
assert bad.read(0, 99) == DATA[:99]
for f in [lambda: bad.read(299990, 20), lambda: bad.find(b"none"), bad.sha256]:
    try:
        f()
        assert False
    except OSError as e:
        assert "/dev/bad" in str(e) and "input/output error" in str(e) and " bytes at " in str(e), e
`)
	})
}
