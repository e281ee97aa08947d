package main

import (
	"bytes"
	"context"
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/script/python"
)

// lines is what a manager's workers print.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take is what was printed since the last time.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

// examples are a worker that runs scripts of one language, with files to run them over.
type examples struct {
	t      *testing.T
	m      outwork.Manager
	out    lines
	worker *outwork.Worker
}

func newExamples(t *testing.T, lang string, modules ...fs.FS) *examples {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no python3")
		}
		t.Skip("there is no python3")
	}
	e := &examples{t: t}
	e.m.Stdout, e.m.Modules = &e.out, append(folders(modules), os.DirFS("../../examples"))
	t.Cleanup(func() {
		if err := e.m.Close(); err != nil {
			t.Error(err)
		}
	})
	target := outwork.Target{Name: lang}
	if lang == python.Lang {
		target.Lang = lang
	}
	w, err := e.m.Start(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	e.worker = w
	return e
}

func (e *examples) share(path string) {
	e.t.Helper()
	c, err := container.FromFile(path)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { c.Close() })
	if err := e.m.Share(path, c); err != nil {
		e.t.Fatal(err)
	}
}

// run runs a script, and returns what it printed.
func (e *examples) run(ctx context.Context, s outwork.Script) (string, error) {
	_, err := e.worker.Run(ctx, s)
	return e.out.take(), err
}

// imports runs the example over a file.
func (e *examples) imports(path string) (string, error) {
	e.t.Helper()
	name, lang := "imports.star", "starlark"
	if e.worker.Name() == python.Lang {
		name, lang = "imports.py", python.Lang
	}
	source, err := os.ReadFile(filepath.Join("..", "..", "examples", name))
	if err != nil {
		e.t.Fatal(err)
	}
	e.share(path)
	return e.run(e.t.Context(), outwork.Script{Lang: lang, Name: name, Source: string(source), Args: []string{path}})
}

// withoutPefile hides one that is installed; withPefile is the folder that is given
// with --modules, with Debian's package in it.
func withoutPefile() fs.FS {
	return fstest.MapFS{"pefile.py": {Data: []byte("raise ImportError('left out')")}}
}

func withPefile(t *testing.T) fs.FS {
	t.Helper()
	const installed = "/usr/lib/python3/dist-packages"
	if _, err := os.Stat(filepath.Join(installed, "pefile.py")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no python3-pefile")
		}
		t.Skip("there is no python3-pefile")
	}
	dir := t.TempDir()
	for _, name := range []string{"pefile.py", "ordlookup/__init__.py", "ordlookup/oleaut32.py", "ordlookup/ws2_32.py"} {
		text, err := os.ReadFile(filepath.Join(installed, name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(dir)
}

// programs are ELF files of this machine, and what Go says that they import.
func programs(t *testing.T, most int) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, pattern := range []string{"/usr/bin/*", "/usr/sbin/*", "/usr/lib/*-linux-gnu/*.so*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := 0, 0; i < len(paths) && n < most; i++ {
			f, err := elf.Open(paths[i])
			if err != nil {
				continue // a script, perhaps
			}
			found[paths[i]], err = f.ImportedLibraries()
			f.Close()
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	return found
}

func imported(names []string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "imported module: %s\n", name)
	}
	return b.String()
}

// The example in Python, over programs that this machine has, against the one in
// Starlark and against Go's own reader.
func TestPythonImportsOfRealPrograms(t *testing.T) {
	py, star := newExamples(t, python.Lang), newExamples(t, "starlark")
	dynamic := 0
	for path, names := range programs(t, 60) {
		want := imported(names)
		if got, err := py.imports(path); err != nil || got != want {
			t.Errorf("%s: Python has\n%s%v; want\n%s", path, got, err, want)
		}
		if got, err := star.imports(path); err != nil || got != want {
			t.Errorf("%s: Starlark has\n%s%v; want\n%s", path, got, err, want)
		}
		if len(names) > 0 {
			dynamic++
		}
	}
	if dynamic == 0 {
		t.Error("this machine has no dynamically linked program to test with")
	}
}

// windowsProgram is a PE file, made for an architecture.
func windowsProgram(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	const source = `package main

import "syscall"

func main() {
	for _, dll := range []string{"user32.dll", "ws2_32.dll"} {
		syscall.NewLazyDLL(dll).Load()
	}
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, arch+".exe")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, filepath.Join(dir, "main.go"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH="+arch, "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build for windows/%s: %v\n%s", arch, err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	addDelayed(t, program)
	if err := os.WriteFile(path, program, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// addDelayed has a PE file import late.dll when that is first called: told by its
// address, as old linkers did, where that has 32 bits.
func addDelayed(t *testing.T, program []byte) {
	t.Helper()
	const table, name, index = 0x300, 0x380, 13
	le := binary.LittleEndian
	optional := program[le.Uint32(program[0x3c:])+24:]
	if len(bytes.Trim(program[table:name+16], "\x00")) > 0 || le.Uint32(optional[60:]) < name+16 {
		t.Fatal("Go's linker leaves no room behind its headers any more")
	}
	directories, flags, at := optional[112:], uint32(1), uint32(name)
	if le.Uint16(optional) == 0x10b {
		directories, flags, at = optional[96:], 0, name+le.Uint32(optional[28:])
	}
	le.PutUint32(program[table:], flags)
	le.PutUint32(program[table+4:], at)
	copy(program[name:], "late.dll")
	le.PutUint32(directories[8*index:], table)
	le.PutUint32(directories[8*index+4:], 64)
}

// PE files, read by pefile and without it.
func TestPythonImportsOfPE(t *testing.T) {
	star := newExamples(t, "starlark")
	for _, arch := range []string{"386", "amd64"} {
		path := windowsProgram(t, arch)
		f, err := pe.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := f.ImportedSymbols() // ImportedLibraries is nothing yet, in Go
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, library, _ := strings.Cut(symbols[0], ":")
		want, err := star.imports(path)
		if err != nil || want != imported([]string{library, "late.dll"}) {
			t.Fatalf("Starlark has %q, %v; want %s and late.dll", want, err, library)
		}
		t.Run(arch+" by its own reader", func(t *testing.T) {
			if got, err := newExamples(t, python.Lang, withoutPefile()).imports(path); err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
		t.Run(arch+" by pefile", func(t *testing.T) {
			py := newExamples(t, python.Lang, withPefile(t))
			if got, err := py.imports(path); err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
			const where = "import sys\nprint(sys.modules['pefile'].__file__)"
			if got, err := py.run(t.Context(), outwork.Script{Lang: python.Lang, Name: "w.py", Source: where}); got != "pefile.py\n" {
				t.Errorf("pefile is from %q, %v", got, err)
			}
		})
	}
}

// Files that are no programs, and not even files of bytes that mean something.
func TestPythonImportsOfOthers(t *testing.T) {
	py := newExamples(t, python.Lang)
	for i, text := range []string{
		"hello\n", "#!/bin/sh\n", "\x7fELF", "MZ", "M", "\x7fELF\x03\x01" + strings.Repeat("\x00", 100),
		"\x7fELF\x02\x01" + strings.Repeat("\xff", 100), "MZ" + strings.Repeat("\x00", 100), "MZ" + strings.Repeat("\xff", 100), "",
	} {
		path := filepath.Join(t.TempDir(), strconv.Itoa(i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := py.imports(path)
		if exit, ok := errors.AsType[*python.Exit](err); got != "error: couldn't load file\n" || !ok || exit.Status != 1 {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// mutations has the example read so many mutations and truncations of a file, in this
// one process, and wants of each its imports or the one error. What is changed lies in
// the first KiB, or near what the arguments behind the first three name.
const mutations = `
import random, time
import imports, outwork

def attempt(data):
    began = time.monotonic()
    try:
        names = imports.main(data)
        assert names is None or all(n and "\n" not in n and n == str(n) for n in names), names
        return names is None
    except imports.Bad:
        return True
    finally:
        assert time.monotonic() - began < 10, "it takes too long"

def main(name, seed, count, *near):
    r = random.Random(int(seed))
    data = bytearray(outwork.shared(name))
    failed = 0
    for _ in range(int(count) // 3):
        failed += bool(attempt(bytes(data[: int(len(data) ** r.random())])))
    for _ in range(int(count)):
        before = {}
        for _ in range(r.choice((1, 1, 2, 4, 30))):
            at = min(r.choice((0,) * 2 + tuple(map(int, near))) + r.randrange(512), len(data) - 1)
            before.setdefault(at, data[at])
            data[at] = r.choice((0, 1, 0x7F, 0x80, 0xFF, r.randrange(256)))
        failed += bool(attempt(data))
        for at, byte in before.items():
            data[at] = byte
    print(failed)
`

// near tells where the tables of a program lie that name its imports.
func near(t *testing.T, path string) (offsets []string) {
	t.Helper()
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		for _, name := range []string{".dynamic", ".dynstr"} {
			if s := f.Section(name); s != nil {
				offsets = append(offsets, strconv.FormatUint(s.Offset, 10))
			}
		}
		return offsets
	}
	f, err := pe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".idata")
	if s == nil {
		t.Fatalf("%s has no section .idata", path)
	}
	return []string{strconv.FormatUint(uint64(s.Offset), 10)}
}

// TestPythonImportsOfMutations: a hostile file ends in the error, and never in a hang
// or in another exception.
func TestPythonImportsOfMutations(t *testing.T) {
	ls, err := exec.LookPath("ls")
	if err != nil {
		t.Fatal(err)
	}
	exe := windowsProgram(t, "amd64")
	for _, test := range []struct {
		name, path string
		modules    func() fs.FS
	}{
		{"ELF", ls, withoutPefile},
		{"PE by its own reader", exe, withoutPefile},
		{"PE of 386 by its own reader", windowsProgram(t, "386"), withoutPefile},
		{"PE by pefile", exe, func() fs.FS { return withPefile(t) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			py := newExamples(t, python.Lang, test.modules())
			py.share(test.path)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			args := append([]string{test.path, "7", "300"}, near(t, test.path)...)
			got, err := py.run(ctx, outwork.Script{Lang: python.Lang, Name: "mutations.py", Source: mutations, Args: args})
			if err != nil {
				if e, ok := errors.AsType[*outwork.RemoteError](err); ok {
					t.Log(e.Stack)
				}
				t.Fatal(err)
			}
			failed, err := strconv.Atoi(strings.TrimSpace(got))
			if err != nil || failed == 0 || failed >= 400 {
				t.Errorf("%q of 400 ended in the error: want some, and not all", got)
			}
			t.Logf("%d of 400 files ended in the error", failed)
		})
	}
}
