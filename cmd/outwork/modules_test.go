package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
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
