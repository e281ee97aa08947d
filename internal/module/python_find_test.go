package module_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/outwork-go/outwork/internal/module"
)

// roots are file systems of these files, each of which holds its own path and
// the number of its root.
func roots(files ...string) []fs.FS {
	var all []fs.FS
	for i, list := range files {
		m := make(fstest.MapFS)
		for name := range strings.FieldsSeq(list) {
			if dir, ok := strings.CutSuffix(name, "/"); ok {
				m[dir] = &fstest.MapFile{Mode: fs.ModeDir}
				continue
			}
			m[name] = &fstest.MapFile{Data: fmt.Appendf(nil, "# %d %s", i, name)}
		}
		all = append(all, m)
	}
	return all
}

// told is an answer's first module in a few words.
func told(modules []module.Module, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case modules[0].Missing:
		return "missing"
	}
	m := modules[0]
	text := strings.TrimPrefix(string(m.Source), "# ")
	if m.Package {
		return strings.TrimSpace("package " + m.Path + ": " + text)
	}
	return m.Path + ": " + text
}

func TestPythonFinds(t *testing.T) {
	s := module.NewServer(roots(
		"plain.py pkg/__init__.py pkg/sub.py pkg/inner/deep.py both.py both/__init__.py beside.py beside/x.py "+
			"space/one.py late/one.py isdir.py/x weird/__init__.py/x mod.PY dash-ed/x.py afile compiled.cpython-311-x86_64-linux-gnu.so "+
			"cpkg/__init__.abi3.so cpkg/x.py mixed.so mixed.py libc.so.6 größe.py first.pyd sodir.so/x",
		"plain.py pkg/other.py space/two.py space/one.py late/__init__.py late/two.py afile/x.py first.py other/regular/__init__.py",
		"space/three/__init__.py other/x.py other/regular/x.py",
	)...)
	const not = "compiled modules are not served: install it on the worker's side, or preload it there"
	for name, want := range map[string]string{
		"plain":           "plain.py: 0 plain.py",
		"pkg":             "package pkg/__init__.py: 0 pkg/__init__.py",
		"pkg.sub":         "pkg/sub.py: 0 pkg/sub.py",
		"pkg.inner":       "package pkg/inner:",
		"pkg.inner.deep":  "pkg/inner/deep.py: 0 pkg/inner/deep.py",
		"pkg.other":       "missing", // a package does not mix roots
		"both":            "package both/__init__.py: 0 both/__init__.py",
		"beside":          "beside.py: 0 beside.py",
		"beside.x":        "missing",
		"space":           "package space:",
		"space.one":       "space/one.py: 0 space/one.py",
		"space.two":       "space/two.py: 1 space/two.py",
		"space.three":     "package space/three/__init__.py: 2 space/three/__init__.py",
		"late":            "package late/__init__.py: 1 late/__init__.py",
		"late.one":        "missing",
		"late.two":        "late/two.py: 1 late/two.py",
		"other.x":         "other/x.py: 2 other/x.py",
		"other.regular.x": "missing",
		"isdir":           "missing",
		"weird":           "package weird:",
		"mod":             "missing",
		"MOD":             "missing",
		"afile.x":         "afile/x.py: 1 afile/x.py",
		"größe":           "größe.py: 0 größe.py",
		"mixed":           "mixed.py: 0 mixed.py",
		"libc":            "missing",
		"sodir":           "missing",
		"none.x":          "missing",
		"compiled":        `module "compiled": "compiled.cpython-311-x86_64-linux-gnu.so": ` + not,
		"first":           `module "first": "first.pyd": ` + not,
		"cpkg":            `module "cpkg": "cpkg/__init__.abi3.so": ` + not,
		"cpkg.x":          `module "cpkg.x": "cpkg/__init__.abi3.so": ` + not,
	} {
		if got := told(s.Get("python", name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"compiled", "cpkg.x"} {
		if _, err := s.Get("python", name); !errors.Is(err, module.ErrExtension) {
			t.Errorf("%s: %v is not ErrExtension", name, err)
		}
	}
}

func TestPythonRefusesNames(t *testing.T) {
	s := module.NewServer(roots("pkg/__init__.py pkg/.x.py pkg/a-b.py 1a.py")...)
	for _, name := range []string{
		"", ".", "..", ".pkg", "pkg.", "pkg..x", "pkg.a-b", "1a", "pkg.x y", "a\x00", "\xff", `a\b`, "€",
		strings.Repeat("a", module.MaxName+1), "/", "//", "pkg//", "/pkg/x", "pkg/../x", "pkg/.x.py", "pkg/./x", `pkg/a\b`, "pkg//x",
	} {
		if _, err := s.Get("python", name); !errors.Is(err, module.ErrName) {
			t.Errorf("%.40q: got %v, want ErrName", name, err)
		}
	}
}

func TestPythonSendsAlong(t *testing.T) {
	s := module.NewServer(tree(map[string]string{
		"main.py":         "import os, sys.path\nfrom a.b.c import d\nfrom plain import x\nimport big, compiled, main",
		"a/__init__.py":   "from . import gone, e",
		"a/b/__init__.py": "import gone.deeper, a.gone.deeper",
		"a/b/c.py":        "from .. import e\nfrom ns import f, g",
		"a/e.py":          "import main",
		"ns/f.py":         "",
		"plain.py":        "",
		"compiled.so":     "",
		"big.py":          strings.Repeat("#", 5<<20),
	}))
	want := append(strings.Fields("main a a.b a.b.c plain a.e ns ns.f"), "a.gone missing", "ns.g missing")
	got := get(t, s, "python", "main")
	if !slices.Equal(names(got), want) {
		t.Errorf("got %q, want %q", names(got), want)
	}
	for _, m := range got {
		if !m.Missing && m.Hash != sha256.Sum256(m.Source) {
			t.Errorf("%s: wrong hash", m.Name)
		}
	}
	if got, want := names(get(t, s, "python", "a.b")), []string{"a.b", "a", "a.e", "main"}; !slices.Equal(got[:4], want) {
		t.Errorf("got %q, want %q first", got, want)
	}
	if got := names(get(t, s, "python", "a.none")); !slices.Equal(got, []string{"a.none missing"}) {
		t.Errorf("got %q", got)
	}
}

func TestPythonAhead(t *testing.T) {
	s := module.NewServer(tree(map[string]string{
		"a.py": "import b", "b.py": "", "p/__init__.py": "import b, c", "p/data.py": "import d", "c.py": "", "d.py": "",
	}))
	got := names(s.Ahead("python", "dir/p/script.py", []byte("import a, os\nfrom . import c"),
		[]string{"b", "p.x", "p/data.py", "p/none", "os", "../x", "os/x", "", "p/../.."}))
	want := strings.Fields("a b p p/data.py c")
	if want = append(want, "p.x missing", "p/none missing"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.Ahead("python", "", []byte("import os"), nil); len(got) != 0 {
		t.Errorf("got %q, want nothing", names(got))
	}
	if got := names(s.Ahead("starlark", "", []byte(`load("a.py", "x")`), []string{"b.py"})); !slices.Equal(got, []string{"a.py", "b.py"}) {
		t.Errorf("in Starlark: got %q", got)
	}

	many := map[string]string{"p/__init__.py": ""}
	var script strings.Builder
	for i := range 2 * module.MaxModules {
		many[fmt.Sprintf("p/m%d.py", i)] = ""
		fmt.Fprintf(&script, "from p import gone%d, m%d\n", i, i)
	}
	got = names(module.NewServer(tree(many)).Ahead("python", "", []byte(script.String()), []string{"p.m0"}))
	if last := fmt.Sprintf("p.m%d", module.MaxModules-2); len(got) != module.MaxModules || got[len(got)-1] != last {
		t.Errorf("got %d modules, the last %s; want %d and %s: an absence takes no module's place", len(got), got[len(got)-1], module.MaxModules, last)
	}
}

func TestPythonData(t *testing.T) {
	s := module.NewServer(roots(
		"loose.txt folder/loose.txt folder/data/x.txt mod.py mod/x.txt pkg/__init__.py pkg/x.txt pkg/sub-dir/y.bin pkg/sub-dir/z/ "+
			"pkg/.secret pkg/__pycache__/x.pyc pkg/m.pyc pkg/sub.py ns/x.txt ns/in/__init__.py ns/in/x.txt a-b/c/__init__.py a-b/c/x.txt a.b/__init__.py a.b/x c.so",
		"pkg/second.txt ns/in/second.txt folder/__init__.py",
	)...)
	for name, want := range map[string]string{
		"pkg/x.txt":         "pkg/x.txt: 0 pkg/x.txt",
		"pkg/sub-dir/y.bin": "pkg/sub-dir/y.bin: 0 pkg/sub-dir/y.bin",
		"pkg/sub.py":        "pkg/sub.py: 0 pkg/sub.py",
		"pkg/":              "package pkg/: __init__.py\nsub-dir/\nsub.py\nx.txt",
		"pkg/sub-dir/":      "package pkg/sub-dir/: y.bin\nz/",
		"pkg/sub-dir/z/":    "package pkg/sub-dir/z/:",
		"ns/in/x.txt":       "ns/in/x.txt: 0 ns/in/x.txt",
		"ns/in/":            "package ns/in/: __init__.py\nx.txt",
		"pkg/sub-dir":       `module "pkg/sub-dir": not a regular file`,
		"c/x":               `module "c/x": "c.so": ` + module.ErrExtension.Error(),
		"pkg/x.txt/":        "missing",
		"pkg/x.txt/y":       "missing",
		"pkg/none/":         "missing",
		"pkg/second.txt":    "missing", // a package does not mix roots
		"ns/in/second.txt":  "missing",
		"pkg/m.pyc":         "missing",
		"pkg/__pycache__/":  "missing",
		"ns/":               "missing",
		"ns/x.txt":          "missing",
		"folder/loose.txt":  "missing", // the package is in the other root
		"folder/data/x.txt": "missing",
		"mod/x.txt":         "missing",
		"a-b/c/x.txt":       "missing", // lies in what cannot be imported
		"a.b/x":             "missing",
		"loose.txt/":        "missing",
		"none/x":            "missing",
	} {
		if got := told(s.Get("python", name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := names(get(t, s, "python", "pkg/sub.py")); len(got) != 1 {
		t.Errorf("data is followed: %q", got)
	}
}

func TestPythonRoots(t *testing.T) {
	all := roots(
		"b.py a.py __main__.py __init__.py __pycache__/x.py .hidden.py .git/x.py dash-ed.py dash-ed/x.py x.txt mod.PY isdir.py/x "+
			"pkg/__init__.py both/x.py c.abi3.so d.pyd libc.so.6 cpkg/__init__.so code/x.py google/cloud/storage/__init__.py "+
			"docs/readme.md docs/img/x.png empty/ docs/a-b/x.py docs/__pycache__/x.py a/b/c/d/e.py nsc/x.so",
		"both/__init__.py a/x.py code.py",
	)
	s := module.NewServer(append(all, failing{err: fs.ErrPermission})...)
	const want = "a b both c code cpkg d google/ nsc/ pkg"
	if got := topNames(s); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.Roots("starlark"); len(got) != 0 {
		t.Errorf("in Starlark: got %v", got)
	}
	many := make(fstest.MapFS)
	for i := range 10_000 {
		many[fmt.Sprintf("m%04d.py", i)] = &fstest.MapFile{}
	}
	got := module.NewServer(many).Roots("python")
	if len(got) != module.MaxRoots || got[module.MaxRoots-1].Name != "m4095" {
		t.Errorf("got %d roots, want %d", len(got), module.MaxRoots)
	}
}

func topNames(s *module.Server) string {
	var all []string
	for _, r := range s.Roots("python") {
		if r.Namespace {
			r.Name += "/"
		}
		all = append(all, r.Name)
	}
	return strings.Join(all, " ")
}

// joined is roots in one.
type joined struct {
	fs.FS
	all []fs.FS
}

func (j joined) Roots() []fs.FS { return j.all }

func TestJoinedRootsAreTakenApart(t *testing.T) {
	s := module.NewServer(joined{all: roots("p/__init__.py", "p/x.py q.py")})
	if got := told(s.Get("python", "p.x")); got != "missing" {
		t.Errorf("p.x: got %q, want missing", got)
	}
	if got := topNames(s); got != "p q" {
		t.Errorf("got %q", got)
	}
}

func TestPythonErrorsAreNoAbsences(t *testing.T) {
	s := module.NewServer(failing{err: fs.ErrPermission}, roots("x.py")[0])
	for _, name := range []string{"x", "x.y", "x/y"} {
		if got, want := told(s.Get("python", name)), fmt.Sprintf("module %q: permission denied", name); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
