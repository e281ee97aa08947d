package module_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/outwork-go/outwork/internal/module"
)

// tree is a file system with these files.
func tree(files map[string]string) fs.FS {
	m := make(fstest.MapFS)
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func names(modules []module.Module) []string {
	var all []string
	for _, m := range modules {
		name := m.Name
		if m.Missing {
			name += " missing"
		}
		all = append(all, name)
	}
	return all
}

func get(t *testing.T, s *module.Server, lang, name string) []module.Module {
	t.Helper()
	modules, err := s.Get(lang, name)
	if err != nil {
		t.Fatal(err)
	}
	return modules
}

func TestGetFillsEveryField(t *testing.T) {
	const text = "x = 1\n"
	got := get(t, module.NewServer(tree(map[string]string{"lib/x.star": text})), "starlark", "lib/x.star")
	if len(got) != 1 {
		t.Fatalf("got %d modules, want 1", len(got))
	}
	m := got[0]
	if m.Name != "lib/x.star" || m.Path != "lib/x.star" || m.Package || m.Missing ||
		string(m.Source) != text || m.Hash != sha256.Sum256([]byte(text)) {
		t.Errorf("got %+v", m)
	}
}

func TestGetMissing(t *testing.T) {
	notDir := tree(map[string]string{"lib.star": ""})
	for _, s := range []*module.Server{module.NewServer(), module.NewServer(notDir), module.NewServer(os.DirFS(t.TempDir()))} {
		got := get(t, s, "starlark", "lib/x.star")
		if len(got) != 1 || !got[0].Missing || got[0].Name != "lib/x.star" || got[0].Source != nil || got[0].Path != "" {
			t.Errorf("got %+v, want an explicit absence", got)
		}
	}
}

func TestGetRootsInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lib"), "a file where the next root has a directory")
	write(t, filepath.Join(dir, "a.star"), "first")
	s := module.NewServer(os.DirFS(dir), tree(map[string]string{"a.star": "second", "lib/b.star": "behind"}))
	for name, want := range map[string]string{"a.star": "first", "lib/b.star": "behind"} {
		if got := get(t, s, "starlark", name); string(got[0].Source) != want {
			t.Errorf("%s: got %q, want %q", name, got[0].Source, want)
		}
	}
}

func TestGetSendsAlong(t *testing.T) {
	s := module.NewServer(tree(map[string]string{
		"main.star": `load("a.star", "a"); load("b.star", "b"); load("../out.star", "o"); load("big.star", "x")`,
		"a.star":    `load("c.star", "c")`,
		"b.star":    `load("main.star", "m"); load("a.star", "a"); load("gone.star", "g")`,
		"c.star":    `load("c.star", "c")`,
		"big.star":  strings.Repeat("#", module.MaxSource+1),
	}))
	want := []string{"main.star", "a.star", "b.star", "c.star", "gone.star missing"}
	if got := names(get(t, s, "starlark", "main.star")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := names(get(t, s, "cobol", "main.star")); !slices.Equal(got, want[:1]) {
		t.Errorf("in a language that nobody knows: got %q, want %q", got, want[:1])
	}
}

func TestGetIsBounded(t *testing.T) {
	var loads strings.Builder
	for i := range 3 * module.MaxModules {
		fmt.Fprintf(&loads, "load(\"m%d.star\", \"x\")\n", i)
	}
	got := get(t, module.NewServer(tree(map[string]string{"many.star": loads.String()})), "starlark", "many.star")
	if len(got) != module.MaxModules {
		t.Errorf("got %d modules, want %d", len(got), module.MaxModules)
	}

	big := map[string]string{"big.star": `load("b0", "x"); load("b1", "x"); load("b2", "x")`}
	for i := range 3 {
		big[fmt.Sprintf("b%d", i)] = strings.Repeat("#", module.MaxSource)
	}
	want := []string{"big.star", "b0"}
	if got := names(get(t, module.NewServer(tree(big)), "starlark", "big.star")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q: two more bytes do not fit", got, want)
	}
}

func TestGetRefusesNames(t *testing.T) {
	s := module.NewServer(tree(map[string]string{".hidden": "secret", "a/.git/config": "secret", "ok": ""}))
	for _, name := range []string{
		"", "/", "/etc/passwd", "..", "../x", "a/../x", "a/..", ".", "./ok", "a/./b", "a//b", "a/", "//a",
		".hidden", "a/.git/config", "...", "a\x00b", `a\b`, `..\x`, "\xff", strings.Repeat("a", module.MaxName+1),
	} {
		modules, err := s.Get("starlark", name)
		if !errors.Is(err, module.ErrName) || modules != nil {
			t.Errorf("%.40q: got %v and %v, want ErrName", name, modules, err)
			continue
		}
		if len(err.Error()) > 1000 {
			t.Errorf("%.40q: an error of %d bytes", name, len(err.Error()))
		}
	}
}

func TestGetRefusesFiles(t *testing.T) {
	s := module.NewServer(fstest.MapFS{
		"dir/x.star": &fstest.MapFile{},
		"pipe":       &fstest.MapFile{Mode: fs.ModeNamedPipe},
		"device":     &fstest.MapFile{Mode: fs.ModeDevice},
		"big":        &fstest.MapFile{Data: make([]byte, module.MaxSource+1)},
		"full":       &fstest.MapFile{Data: make([]byte, module.MaxSource)},
	})
	for name, want := range map[string]error{
		"dir": module.ErrNotRegular, "pipe": module.ErrNotRegular, "device": module.ErrNotRegular,
		"big": module.ErrTooLarge, "full": nil,
	} {
		if _, err := s.Get("starlark", name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

// liar claims a size of zero, as files in /proc do.
type liar struct{ fs.FS }

func (l liar) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(l.FS, name)
	return sizeless{info}, err
}

type sizeless struct{ fs.FileInfo }

func (sizeless) Size() int64 { return 0 }

func TestGetBoundsWhatItReads(t *testing.T) {
	s := module.NewServer(liar{tree(map[string]string{"x": strings.Repeat("#", module.MaxSource+1)})})
	if _, err := s.Get("starlark", "x"); !errors.Is(err, module.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

// failing is a root in which every file fails to open with err.
type failing struct {
	fs.FS
	err error
}

func (f failing) Open(string) (fs.File, error)     { return nil, f.err }
func (f failing) Stat(string) (fs.FileInfo, error) { return nil, f.err }

func TestErrorsTellNoPaths(t *testing.T) {
	const secret = "/srv/secret"
	for _, test := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: secret, Err: fs.ErrPermission}, `module "x": permission denied`},
		{fmt.Errorf("%s: %w", secret, os.ErrInvalid), `module "x": cannot be read inside its root`},
		{errors.New(secret), `module "x": cannot be read inside its root`},
	} {
		_, err := module.NewServer(failing{err: test.err}).Get("starlark", "x")
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
		if !errors.Is(err, test.err) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// served is a root on disk, inside a directory that has a secret beside it and
// links that lead there.
func served(t *testing.T) (dir string, root fs.FS) {
	t.Helper()
	outer := t.TempDir()
	dir = filepath.Join(outer, "root")
	write(t, filepath.Join(outer, "secret"), "secret")
	write(t, filepath.Join(dir, "lib", "ok.star"), "ok")
	for link, to := range map[string]string{
		"rel": "../secret", "abs": filepath.Join(outer, "secret"), "up": "..", "in": "lib/ok.star", "loop": "loop", "gone": "nothing",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return dir, r.FS()
}

func TestGetStaysInsideRoot(t *testing.T) {
	dir, root := served(t)
	s := module.NewServer(root)
	for _, name := range []string{"rel", "abs", "up", "up/secret", "up/root/lib/ok.star", "loop"} {
		modules, err := s.Get("starlark", name)
		if err == nil {
			t.Errorf("%s: got %q, want an error", name, modules[0].Source)
			continue
		}
		if strings.Contains(err.Error(), filepath.Dir(dir)) {
			t.Errorf("%s: %v tells where the root is", name, err)
		}
	}
	if got := get(t, s, "starlark", "in"); string(got[0].Source) != "ok" {
		t.Errorf("a link inside the root: got %+v", got)
	}
	if got := get(t, s, "starlark", "gone"); !got[0].Missing {
		t.Errorf("a dangling link: got %+v", got)
	}
}

func TestGetConcurrently(t *testing.T) {
	_, root := served(t)
	s := module.NewServer(root)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if m, err := s.Get("starlark", "lib/ok.star"); err != nil || string(m[0].Source) != "ok" {
					t.Errorf("got %v, %v", m, err)
				}
			}
		})
	}
	group.Wait()
}

func FuzzGet(f *testing.F) {
	for _, seed := range []string{"lib/ok.star", "../secret", "up/secret", "/etc/passwd", "a\x00", `..\secret`, "lib//ok.star", ".x", "rel"} {
		f.Add(seed)
	}
	outer := f.TempDir()
	dir := filepath.Join(outer, "root")
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o700); err != nil {
		f.Fatal(err)
	}
	for path, text := range map[string]string{"secret": "secret", "root/.hidden": "secret", "root/lib/ok.star": "ok"} {
		if err := os.WriteFile(filepath.Join(outer, path), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink("..", filepath.Join(dir, "up")); err != nil {
		f.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { root.Close() })
	s := module.NewServer(root.FS())
	f.Fuzz(func(t *testing.T, name string) {
		modules, err := s.Get("starlark", name)
		switch {
		case err != nil && strings.Contains(strings.ReplaceAll(err.Error(), name, ""), outer):
			t.Errorf("%q: %v tells where the root is", name, err)
		case err == nil && modules[0].Name != name:
			t.Errorf("%q: got an answer for %q", name, modules[0].Name)
		case err == nil && bytes.Contains(modules[0].Source, []byte("secret")):
			t.Errorf("%q leaves the root", name)
		}
	})
}
