package python_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fxamacker/cbor/v2"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/record"
	"github.com/outwork-go/outwork/script/python"
)

// tree is the files of a txtar archive.
func tree(archive string) fstest.MapFS {
	m := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		m[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return m
}

// serve has a manager serve modules.
func serve(modules fs.FS) func(*outwork.Manager) {
	return func(m *outwork.Manager) { m.Modules = modules }
}

// questions are what crossed the links of a manager: see asked.
type questions struct{ buffer }

func (q *questions) record(m *outwork.Manager) { m.Record = q }

// asked are the modules that workers have asked for since the last time, without the
// runtime's own.
func (q *questions) asked(t *testing.T) (names []string) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	for f, err := range record.Read(bytes.NewReader(q.b.Bytes())) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Sent || f.Header.Kind != frame.Open || f.Header.Handle != frame.GetModule {
			continue
		}
		var what []string
		if err := cbor.Unmarshal(f.Payload, &what); err != nil {
			t.Fatal(err)
		}
		if what[0] == python.Lang {
			names = append(names, what[1])
		}
	}
	q.b.Truncate(len(record.Magic))
	return names
}

const served = `
-- plain.py --
VALUE = 1

def double(x):
    # says so
    return 2 * x

class Point:
    def __init__(self, x):
        self.x = x
-- pkg/__init__.py --
"""A package."""
from .sub import value
-- pkg/sub.py --
from . import late
from .late import value
__all__ = ["value", "starred"]
starred = "*"
-- pkg/late.py --
from pkg import sub
value = "late"

def again():
    from .deep import er
    return er.__name__
-- pkg/deep/__init__.py --
-- pkg/deep/er.py --
def fail(n):
    return 1 // n
-- pkg/data/hello.txt --
hällo
-- pkg/data/more/x.bin --
x
-- circle_a.py --
import circle_b
done = "a"
def of_b(): return circle_b.done
-- circle_b.py --
import circle_a
done = "b"
-- ns/one.py --
name = __name__
-- guarded.py --
ran = False
if __name__ == "__main__":
    ran = True
-- broken.py --
x = 1
y = = 2
-- fails.py --
import sys
sys.tries = getattr(sys, "tries", 0) + 1
if sys.tries == 1:
    raise RuntimeError("first time")
tries = sys.tries
-- data_class.py --
import dataclasses
@dataclasses.dataclass(order=True)
class D:
    a: int
    b: "list[int]" = dataclasses.field(default_factory=list)
-- native.so --
-- native_in/__init__.py --
try:
    from . import _fast
except ImportError as e:
    why = str(e)
-- native_in/_fast.cpython-311-x86_64-linux-gnu.so --
-- json.py --
hidden = "it hides"
-- random/__init__.py --
raise SystemError("random was served")
-- random/sub.py --
-- tokenize.py --
raise SystemError("tokenize was served")
-- linecache.py --
raise SystemError("linecache was served")
-- traceback.py --
raise SystemError("traceback was served")
-- logging.py --
raise SystemError("logging was served")
-- wsgiref.py --
hidden = "it hides"
-- test.py --
mine = True
-- email/x.py --
-- sqlite3/x.py --
-- slow.py --
import time
time.sleep(.05)
count = 1
`

// second is another root: of a namespace package both have a part.
const second = `
-- ns/two.py --
name = __name__
-- ns/regular/__init__.py --
-- pkg/other.py --
`

// roots is several trees, as the command makes them of its folders.
type roots []fs.FS

func (r roots) Open(name string) (fs.File, error) { return r[0].Open(name) }
func (r roots) Roots() []fs.FS                    { return r }

// odd are files that are not as editors write them today.
func odd() fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range map[string]string{
		"cookie.py":  "# -*- coding: latin-1 -*-\ns = '\xe9'\n",
		"bom.py":     "\ufeffs = 'é'\ndef f():\n    return 1 / 0\n",
		"crlf.py":    "s = 1\r\ndef f():\r\n    x = '''a\r\nb'''\r\n    return x\r\n",
		"feed.py":    "s = 1\n\f\ndef f():\n    return 1 / 0  # here\u2028\n",
		"noutf8.py":  "s = 1\nt = '\xe9'\n",
		"unknown.py": "# coding: klingon\n",
		"nul.py":     "s = 1\x00\n",
		"empty.py":   "",
	} {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// TestImports: each of these scripts must end well. Those of one interpreter run in
// one worker, one after another.
func TestImports(t *testing.T) {
	scripts := map[string]string{
		"packages": `
import pkg, pkg.deep.er as er, pkg.late
from pkg.sub import *
assert pkg.value == value == "late" and starred == "*" and er.__name__ == "pkg.deep.er"
assert pkg.late.again() == "pkg.deep.er"
import importlib
assert importlib.import_module(".er", "pkg.deep") is er
assert importlib.import_module("pkg.late").sub is pkg.sub`,
		"circles": `
import circle_a
assert circle_a.of_b() == "b" and circle_a.done == "a"`,
		"namespaces": `
import ns.one, ns.two, ns.regular
assert ns.one.name == "ns.one" and ns.two.name == "ns.two"
assert ns.__spec__.origin is None and getattr(ns, "__file__", None) is None
assert len(ns.__path__) == 1 and ns.__package__ == "ns"
try:
    import ns.three
    assert False
except ModuleNotFoundError as e:
    assert str(e) == "No module named 'ns.three'" and e.name == "ns.three"`,
		"attributes": `
import pkg, pkg.sub, plain
assert (pkg.__file__, pkg.sub.__file__, plain.__file__) == ("pkg/__init__.py", "pkg/sub.py", "plain.py")
assert (pkg.__package__, pkg.sub.__package__, plain.__package__) == ("pkg", "pkg", "")
assert pkg.__spec__.origin == pkg.__file__ and pkg.__spec__.has_location and pkg.__doc__ == "A package."
assert pkg.__spec__.parent == pkg.sub.__spec__.parent == "pkg"
assert list(pkg.__path__) == list(pkg.__spec__.submodule_search_locations) and not hasattr(plain, "__path__")
assert pkg.__loader__ is pkg.__spec__.loader and pkg.__loader__.is_package("pkg") and not plain.__loader__.is_package("plain")
assert plain.__loader__.get_source("plain").startswith("VALUE = 1\n") and plain.__loader__.get_filename("plain") == "plain.py"
assert repr(plain) == "<module 'plain' from 'plain.py'>", plain
assert not hasattr(plain.__loader__, "nonsense")`,
		"guards": `
import guarded
assert not guarded.ran and __name__ == "__main__"`,
		"find_spec": `
from importlib.util import find_spec
assert find_spec("plain").origin == "plain.py" and find_spec("pkg.deep.er").origin == "pkg/deep/er.py"
assert find_spec("nowhere") is None and find_spec("pkg.nowhere") is None and find_spec("ns.nowhere") is None
import pkg
assert "json" in find_spec("json").origin`,
		"missing": `
for name, missing in (("nowhere", "nowhere"), ("nowhere.x", "nowhere"), ("pkg.nowhere", "pkg.nowhere"), ("pkg.other", "pkg.other")):
    try:
        __import__(name)
        assert False, name
    except ModuleNotFoundError as e:
        assert str(e) == "No module named %r" % missing and e.name == missing, e
try:
    import plain.x
    assert False
except ModuleNotFoundError as e:
    assert str(e) == "No module named 'plain.x'; 'plain' is not a package", e
try:
    from pkg import nothing
    assert False
except ImportError as e:
    assert "cannot import name 'nothing' from 'pkg' (pkg/__init__.py)" in str(e), e`,
		"raises": `
try:
    import fails
    assert False
except RuntimeError as e:
    assert str(e) == "first time"
import fails
assert fails.tries == 2`,
		"broken": `
import traceback
try:
    import broken
    assert False
except SyntaxError as e:
    assert (e.filename, e.lineno, e.text.strip()) == ("broken.py", 2, "y = = 2"), (e.filename, e.lineno, e.text)
    assert 'File "broken.py", line 2\n    y = = 2' in traceback.format_exc()`,
		"data classes": `
import data_class, dataclasses
assert data_class.D(1) < data_class.D(2) and dataclasses.asdict(data_class.D(1, [2])) == {"a": 1, "b": [2]}
@dataclasses.dataclass
class Here:
    x: "int" = 3
assert Here() == Here(3)`,
		"pickles": `
import pickle, plain, copy
class Mine:
    def __eq__(self, other):
        return type(other) is Mine
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    assert pickle.loads(pickle.dumps(plain.Point(3), protocol)).x == 3
    assert pickle.loads(pickle.dumps(Mine(), protocol)) == Mine()
    assert pickle.loads(pickle.dumps(plain.double, protocol)) is plain.double
assert copy.deepcopy(plain.Point([1])).x == [1]`,
		"sources": `
import inspect, plain, pkg.deep.er
assert inspect.getsource(plain.double) == "def double(x):\n    # says so\n    return 2 * x\n"
assert inspect.getsource(plain.Point).startswith("class Point:\n    def __init__")
assert inspect.getsource(plain).startswith("VALUE = 1") and inspect.getfile(plain.Point) == "plain.py"
assert inspect.getmodule(plain.double) is plain and inspect.getsourcefile(pkg.deep.er.fail) == "pkg/deep/er.py"
def here():
    return "in the script"
assert inspect.getsource(here) == "def here():\n    return \"in the script\"\n", inspect.getsource(here)
class There:
    x = 1
assert inspect.getsource(There) == "class There:\n    x = 1\n" and inspect.getfile(here) == "script.py"
import linecache
linecache.checkcache()
assert linecache.getline("plain.py", 1) == "VALUE = 1\n" and inspect.getsource(here)`,
		"tracebacks": `
import traceback, pkg.deep.er as er
try:
    er.fail(0)
except ZeroDivisionError:
    text = traceback.format_exc()
assert 'File "script.py", line 3, in <module>\n    er.fail(0)' in text, text
assert 'File "pkg/deep/er.py", line 2, in fail\n    return 1 // n' in text, text`,
		"reloads": `
import importlib, plain, pkg.deep.er
before = plain.double
plain.VALUE = 5
assert importlib.reload(plain) is plain and plain.VALUE == 1 and plain.double is not before
assert importlib.reload(pkg) is pkg and importlib.reload(pkg.deep.er).fail`,
		"odd files": `
import bom, cookie, crlf, empty, feed, inspect, traceback
assert cookie.s == bom.s == "\u00e9"
assert crlf.f() == "a\nb" and inspect.getsource(crlf.f) == "def f():\n    x = '''a\nb'''\n    return x\n"
for m in bom, feed:
    try:
        m.f()
    except ZeroDivisionError:
        assert "    return 1 / 0" in traceback.format_exc(), traceback.format_exc()
assert "'\u00e9'" in inspect.getsource(cookie)
for name, file in ("noutf8", "noutf8.py"), ("unknown", "unknown.py"), ("nul", ""):
    try:
        __import__(name)
        assert False, name
    except (SyntaxError, ValueError) as e:
        assert file in traceback.format_exc(), traceback.format_exc()`,
		"machine code": `
import traceback
for name, file in ("native", "native.so"),:
    try:
        __import__(name)
        assert False
    except ImportError as e:
        assert not isinstance(e, ModuleNotFoundError) and e.name == name, e
        assert file in str(e) and "install it on the worker's side" in str(e), e
import native_in
assert "native_in/_fast.cpython-311-x86_64-linux-gnu.so" in native_in.why, native_in.why`,
		"the standard library is not hidden": `
import json, random, tokenize, linecache, traceback, logging, wsgiref, email, sqlite3, sys
for m in json, random, tokenize, linecache, traceback, logging, wsgiref, email, sqlite3:
    assert m.__file__[0] == "/" and not hasattr(m, "hidden"), m
import email.mime, json.decoder, sqlite3.dbapi2
try:
    import random.sub
    assert False
except ModuleNotFoundError as e:
    assert "not a package" in str(e)
try:
    import email.x
    assert False
except ModuleNotFoundError:
    pass
import test
assert test.mine`,
		"lazily": `
def f():
    import plain
    from pkg.deep import er
    return plain.VALUE, er
assert f()[0] == 1`,
		"data": `
import pkgutil, pkg
assert pkgutil.get_data("pkg", "data/hello.txt").decode() == "h\u00e4llo\n"
assert pkgutil.get_data("pkg", "data/more/x.bin") == b"x\n"
for name in "data/none", "../plain.py", "data/.hidden", "/etc/passwd":
    try:
        pkgutil.get_data("pkg", name)
        assert False, name
    except OSError:
        pass
assert sorted((m.name, m.ispkg) for m in pkgutil.iter_modules(pkg.__path__)) == [("deep", True), ("late", False), ("sub", False)]
assert sorted(m.name for m in pkgutil.walk_packages(pkg.__path__, "pkg.")) == ["pkg.deep", "pkg.deep.er", "pkg.late", "pkg.sub"]
import importlib
importlib.invalidate_caches()
assert len(list(pkgutil.iter_modules(pkg.__path__))) == 3`,
		"resources": `
import importlib.resources as r, pkg, pkg.deep, sys, warnings
warnings.simplefilter("ignore")
if hasattr(r, "read_text"):
    assert r.read_text("pkg", "__init__.py").startswith('"""A package')
    assert r.read_text(pkg, "sub.py").startswith("from . import") and r.read_binary(pkg.deep, "er.py")[:3] == b"def"
    with r.open_text(pkg, "sub.py") as f:
        assert f.readline() == "from . import late\n"
    with r.open_binary(pkg, "sub.py") as f:
        assert f.read(4) == b"from"
    assert r.is_resource(pkg, "sub.py") and not r.is_resource(pkg, "data") and not r.is_resource(pkg, "none")
    assert sorted(r.contents(pkg)) == ["__init__.py", "data", "deep", "late.py", "sub.py"], sorted(r.contents(pkg))
    with r.path(pkg, "sub.py") as p:
        assert p.read_text().startswith("from . import")
if sys.version_info >= (3, 10):
    top = r.files("pkg")
    assert (top / "data" / "hello.txt").read_text(encoding="utf-8") == top.joinpath("data", "hello.txt").read_text("utf-8") == "h\u00e4llo\n"
    assert top.is_dir() and not top.is_file() and (top / "sub.py").is_file() and not (top / "none").is_file()
    assert sorted(p.name for p in (top / "data").iterdir()) == ["hello.txt", "more"]
    with r.as_file(top / "data/more/x.bin") as p:
        assert p.read_bytes() == b"x\n"
    with (top / "data/hello.txt").open(encoding="utf-8") as f:
        assert f.read() == "h\u00e4llo\n"
    try:
        (top / "none").read_bytes()
        assert False
    except FileNotFoundError:
        pass`,
		"threads": `
import threading
seen = []
def f():
    import slow
    seen.append(slow.count)
threads = [threading.Thread(target=f) for _ in range(20)]
for t in threads: t.start()
for t in threads: t.join()
assert seen == [1] * 20`,
	}
	each(t, func(t *testing.T, h how, interpreter string) {
		all := tree(served)
		maps.Copy(all, odd())
		w := newWorld(t, h, interpreter, serve(roots{all, tree(second)}))
		for name, source := range scripts {
			if _, err := w.try(t.Context(), strings.TrimPrefix(source, "\n")); err != nil {
				t.Errorf("%s: %v\n%s", name, err, stackOf(err))
			}
		}
		if v, err := python.Import(w.Worker, "pkg.deep.er").Call(t.Context(), "fail", 1); err != nil || v.Any() != int64(1) {
			t.Error(v, err)
		}
		_, err := python.Import(w.Worker, "pkg.deep.er").Call(t.Context(), "fail", 0)
		e, ok := errors.AsType[*outwork.RemoteError](err)
		if want := "  File \"pkg/deep/er.py\", line 2, in fail\n    return 1 // n\n"; !ok || !strings.Contains(e.Stack, want) || strings.Contains(e.Stack, "<outwork") {
			t.Errorf("%v\n%s", err, e.Stack)
		}
	})
}

// TestOverride: what a script says that it wants hides the standard library, with all
// that is in it, and nothing else does.
func TestOverride(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, serve(tree(served+`
-- colorsys/__init__.py --
hidden = "it hides"
-- colorsys/more.py --
-- sched.py --
-- html/__init__.py --
-- html/mine.py --
`)))
		w.run(`
import outwork
outwork.override("wsgiref", "colorsys")
import wsgiref, colorsys, colorsys.more, sched, html.parser
assert wsgiref.hidden == colorsys.hidden == "it hides" and sched.scheduler
try:
    import html.mine
    assert False
except ModuleNotFoundError:
    pass
`)
	})
}

// TestInstalledModules: what is served hides what is installed, unless it is a mere folder.
func TestInstalledModules(t *testing.T) {
	for _, interpreter := range interpreters(t) {
		t.Run(interpreter, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := exec.Command(interpreter, "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("no virtual environment: %s", out)
				}
				t.Skipf("no virtual environment: %s", out)
			}
			site, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
			if err != nil || len(site) != 1 {
				t.Fatal(site, err)
			}
			write(t, site[0], `
-- both.py --
where = "installed"
-- inst/__init__.py --
where = "installed"
-- inst/only.py --
-- folder/__init__.py --
where = "installed"
-- folder/sub.py --
where = "installed"
-- other.py --
where = "installed"
`)
			w := newWorld(t, socket, filepath.Join(dir, "bin", "python3"), serve(tree(`
-- both.py --
where = "served"
-- inst/__init__.py --
where = "served"
-- folder/sub.py --
where = "served"
`)))
			w.run(`
import both, inst, folder.sub, other
assert (both.where, inst.where, folder.where, folder.sub.where, other.where) == ("served", "served", "installed", "installed", "installed")
try:
    import inst.only
    assert False
except ModuleNotFoundError:
    pass
`)
		})
	}
}

// write writes the files of a txtar archive below dir.
func write(t *testing.T, dir, archive string) {
	t.Helper()
	if err := os.CopyFS(dir, tree(archive)); err != nil {
		t.Fatal(err)
	}
}

// TestImportsReadNothingHere: what is in the worker's own folder is nobody's module, even
// if it is called like one that is served.
func TestImportsReadNothingHere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "-- pkg/local.py --\n-- ns/local.py --\n-- local.py --\n-- pkg/sub.py --\nraise SystemError('local')\n")
	for _, interpreter := range interpreters(t) {
		t.Run(interpreter, func(t *testing.T) {
			w := newWorld(t, socket, interpreter, serve(tree(served)))
			w.Worker = w.start(socket, outwork.Target{Lang: python.Lang, Program: interpreter, Dir: dir})
			w.run(`
import importlib, os, pkg.sub, ns
assert os.path.exists("pkg/local.py")
for _ in 1, 2:
    for name in "pkg.local", "ns.local", "local":
        try:
            __import__(name)
            assert False, name
        except ModuleNotFoundError:
            pass
    importlib.invalidate_caches()
`)
		})
	}
}

// TestImportsAtOnce: calls of a module that another call is still importing wait for that, and end
// as it does.
func TestImportsAtOnce(t *testing.T) {
	const wait = `
import builtins, sys, time
while len(sys.modules["outwork._run"].LINK.calls) < 4 and not hasattr(builtins, __name__):
    time.sleep(0.001)
setattr(builtins, __name__, "is met") # who has waited for one that fails begins it again
`
	modules := tree("-- good.py --" + wait + "def f(n): return n\n-- bad.py --" + wait + "raise ValueError('it is bad')\n")
	for _, p := range interpreters(t) {
		t.Run(p, func(t *testing.T) {
			w := newWorld(t, socket, p, serve(modules))
			for name, want := range map[string]string{"good": "<nil>", "bad": "ValueError: it is bad"} {
				m := python.Import(w.Worker, name)
				errs := make(chan error)
				for n := range 4 {
					go func() {
						v, err := m.Call(t.Context(), "f", n)
						if err == nil && v.Any() != int64(n) {
							err = fmt.Errorf("got %v", v)
						}
						errs <- err
					}()
				}
				for range 4 {
					if err := <-errs; !strings.Contains(fmt.Sprint(err), want) {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		})
	}
}

// TestReloadAsksAnew: importlib.reload takes what is served now; nothing else does.
func TestReloadAsksAnew(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "-- m.py --\nx = 1\n")
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, serve(os.DirFS(dir)))
		write := func(text string) {
			if err := os.WriteFile(filepath.Join(dir, "m.py"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("x = 1\n")
		w.run("import m, sys\nassert m.x == 1")
		write("x = 2\ndef f(): 1/0 # new\n")
		w.run("import m, sys\nassert m.x == 1")
		w.run("import m, importlib, inspect\nassert importlib.reload(m).x == 2\nassert inspect.getsource(m.f) == 'def f(): 1/0 # new\\n'")
		if err := os.Remove(filepath.Join(dir, "m.py")); err != nil {
			t.Fatal(err)
		}
		w.run("import m, importlib\ntry:\n  importlib.reload(m)\n  assert False\nexcept ModuleNotFoundError: pass")
	})
}

// TestRoundTrips: what imports cost.
func TestRoundTrips(t *testing.T) {
	files := fstest.MapFS{"found.py": {Data: []byte("x = 1")}}
	script := &strings.Builder{}
	for i := range 10 {
		files[fmt.Sprintf("ten/m%d.py", i)] = &fstest.MapFile{Data: []byte("from . import m0\n")}
		fmt.Fprintf(script, "import ten.m%d\n", i)
	}
	files["ten/__init__.py"] = &fstest.MapFile{}
	each(t, func(t *testing.T, h how, interpreter string) {
		q := &questions{}
		w := newWorld(t, h, interpreter, serve(files), q.record)
		expect := func(what string, want ...string) {
			t.Helper()
			if got := q.asked(t); !slices.Equal(got, want) {
				t.Errorf("%s: asked for %q, want %q", what, got, want)
			}
		}
		w.run(script.String())
		expect("a package of ten modules")
		w.run("import os.path, ctypes, subprocess, tempfile, urllib.request, multiprocessing, asyncio, pickle, platform, getpass\n" +
			"for name in 'msvcrt', '_winapi', 'nowhere', 'os.nowhere', 'winreg':\n" +
			"  try: __import__(name)\n  except ImportError: pass")
		expect("the standard library")

		w.Worker = w.start(h, outwork.Target{Lang: python.Lang, Program: interpreter})
		if _, err := python.Import(w.Worker, "ten.m9").Call(t.Context(), ""); err != nil {
			t.Error(err)
		}
		expect("a call into a package")

		const dynamic = "name = 'fou' + 'nd'\nassert __import__(name).x == 1\ntry: __import__('ten.no' + 'ne')\nexcept ImportError: pass"
		w.run(dynamic)
		expect("a name that is made up", "found", "ten.none")
		w.run(dynamic)
		expect("a name that is made up, again")
		w.Worker = w.start(h, outwork.Target{Lang: python.Lang, Program: interpreter})
		w.run(dynamic)
		expect("a name that is made up, in another worker")
	})
}

// packages copies Debian's packages of these names to a folder.
func packages(t *testing.T, debs string, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		found, err := filepath.Glob(filepath.Join("/usr/lib/python3/dist-packages", name))
		switch {
		case err != nil:
			t.Fatal(err)
		case len(found) == 0 && os.Getenv("CI") == "true":
			t.Fatalf("%s is missing: install %s", name, debs)
		case len(found) == 0:
			t.Skipf("%s is missing: install %s", name, debs)
		}
		for _, from := range found {
			if out, err := exec.Command("cp", "-RL", from, dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	return dir
}

// TestJinja renders with a package that has compiled parts, which are not served.
func TestJinja(t *testing.T) {
	dir := packages(t, "python3-jinja2", "jinja2", "markupsafe")
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, serve(os.DirFS(dir)))
		w.run(`
import jinja2, markupsafe, inspect
assert jinja2.__file__ == "jinja2/__init__.py" and markupsafe.__file__ == "markupsafe/__init__.py"
assert inspect.getmodule(markupsafe.escape).__name__ == "markupsafe._native", markupsafe.escape
env = jinja2.Environment(autoescape=True, loader=jinja2.DictLoader({
    "base": "<title>{% block title %}{% endblock %}</title>{% block body %}base{% endblock %}",
    "page": "{% extends 'base' %}{% block title %}{{ name }}{% endblock %}{% block body %}{{ super() }}{% for i in items %} {{ i|upper }}{% endfor %}{% endblock %}",
}))
text = env.get_template("page").render(name="<x>", items=["a", "b"])
assert text == "<title>&lt;x&gt;</title>base A B", text
`)
	})
}

// TestPEFile parses a program for Windows with a package that is larger than most.
func TestPEFile(t *testing.T) {
	dir := packages(t, "python3-pefile", "pefile*", "peutils*", "ordlookup")
	source, exe := filepath.Join(t.TempDir(), "main.go"), filepath.Join(dir, "pefile_test.exe")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", exe, source)
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter, serve(os.DirFS(dir)))
		w.run(`
import sys, pefile
def main(path):
    assert pefile.__file__ == "pefile.py"
    pe = pefile.PE(path, fast_load=True)
    pe.parse_data_directories(directories=[pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
    assert pe.FILE_HEADER.Machine == 0x8664, pe.FILE_HEADER
    assert b".text" in [s.Name.rstrip(b"\0") for s in pe.sections]
    assert [e.dll for e in pe.DIRECTORY_ENTRY_IMPORT] == [b"kernel32.dll"], pe.DIRECTORY_ENTRY_IMPORT
`, exe)
	})
}

// TestScriptsEndWithTheirThreads, also those that threads start, and the work of pools,
// which do not end and can be used by the next script.
func TestScriptsEndWithTheirThreads(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		got := w.run(`
import outwork, threading, time
def inner():
    time.sleep(.02)
    outwork.result("inner")
def outer():
    time.sleep(.02)
    threading.Thread(target=inner).start()
threading.Thread(target=outer).start()
`)
		if got != "inner" {
			t.Error(got)
		}
		for range 3 {
			got = w.run(`
import builtins, outwork, time
from concurrent.futures import ThreadPoolExecutor
pool = builtins.pool = getattr(builtins, "pool", None) or ThreadPoolExecutor(2)
done = []
def work(i):
    time.sleep(.01)
    done.append(i)
    outwork.result(len(done))
for i in range(5):
    pool.submit(work, i)
`)
			if got != int64(5) {
				t.Error(got)
			}
		}
	})
}
