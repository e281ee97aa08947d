package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/outwork-go/outwork/internal/module"
)

func TestFoldersLookInOrder(t *testing.T) {
	first := fstest.MapFS{"a.star": {Data: []byte("first")}, "lib": {Data: []byte("a file")}}
	second := fstest.MapFS{"a.star": {Data: []byte("second")}, "lib/b.star": {Data: []byte("b")}, "key.pem": {}}
	f := folders{first, sources{second, ".star"}}
	for name, want := range map[string]string{"a.star": "first", "lib/b.star": "b"} {
		got, err := fs.ReadFile(f, name)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		info, err := fs.Stat(f, name)
		if err != nil || info.Size() != int64(len(want)) {
			t.Errorf("%s: stat says %v, %v", name, info, err)
		}
	}
	for _, name := range []string{"none.star", "key.pem", "lib/key.pem"} {
		if _, err := f.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: %v", name, err)
		}
		if _, err := f.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: %v", name, err)
		}
	}
}

// A link that leads out of one folder is not made up for by the next.
func TestFoldersStopAtARefusal(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "two", "x.star"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../two/x.star", filepath.Join(dir, "one", "x.star")); err != nil {
		t.Fatal(err)
	}
	m, err := openModules([]string{filepath.Join(dir, "one"), filepath.Join(dir, "two")}, new(source))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.folders.Open("x.star"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was opened, or passed over: %v", err)
	}
}

func TestFoldersList(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("key.pem", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"a.py", "key.pem", "lib/b.py", "lib/key.pem", "lib.py/x.pem"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte("own"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := sources{os.DirFS(dir), ".py"}
	f := folders{fstest.MapFS{"a.py": {Mode: fs.ModeDir}, "data.txt": {}, "lib/c.py": {}}, own}
	for name, want := range map[string]string{".": "a.py/ data.txt lib/ lib.py/", "lib": "b.py c.py", "lib.py": ""} {
		entries, err := fs.ReadDir(f, name)
		if got := listing(entries); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := fs.ReadDir(f, "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if info, err := fs.Stat(own, "lib"); err != nil || !info.IsDir() {
		t.Errorf("stat lib: %v, %v", info, err)
	}
}

func listing(entries []fs.DirEntry) string {
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// In Python a package does not mix folders, and a script's own gives no data.
func TestFoldersServePython(t *testing.T) {
	first := fstest.MapFS{"pkg/__init__.py": {}, "pkg/x.txt": {}}
	own := fstest.MapFS{"pkg/sub.py": {}, "own/__init__.py": {}, "own/x.txt": {}, "ns/m.py": {}, "c.so": {}, "docs/x.txt": {}}
	s := module.NewServer(folders{first, sources{own, ".py"}})
	for name, missing := range map[string]bool{
		"pkg": false, "pkg.sub": true, "pkg/x.txt": false, "own": false, "own/x.txt": true, "ns.m": false, "c": true,
	} {
		got, err := s.Get("python", name)
		if err != nil || got[0].Missing != missing {
			t.Errorf("%s: got %+v, %v; want missing %v", name, got, err, missing)
		}
	}
	want := []module.Root{{Name: "ns", Namespace: true}, {Name: "own"}, {Name: "pkg"}}
	if got := s.Roots("python"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
