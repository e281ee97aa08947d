package remote

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
)

// shelf is a folder with all kinds of things in it, beside a file that is not to be had.
func shelf(t *testing.T) (dir string, far fs.FS) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "shelf")
	for name, text := range map[string]string{
		"../outside": "secret", "a.star": "x = 1", "sub/b.star": "y = 2", "sub/deep/c": "", ".hidden": "h",
		"large": strings.Repeat("x", MaxRead+1), "full": strings.Repeat("x", MaxRead), "odd\xff": "",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"in": "sub/b.star", "out": "../outside", "folder": "sub", "up": "..", "far": "/etc/passwd", "nothing": "none"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	return dir, Folder(t.Context(), w, dir+"/")
}

func TestFolderReads(t *testing.T) {
	_, far := shelf(t)
	for name, want := range map[string]string{"a.star": "x = 1", "sub/b.star": "y = 2", "in": "y = 2", "folder/b.star": "y = 2", ".hidden": "h", "full": strings.Repeat("x", MaxRead)} {
		if b, err := fs.ReadFile(far, name); string(b) != want || err != nil {
			t.Errorf("%s: got %d bytes, %v", name, len(b), err)
		}
	}
	for name, want := range map[string]string{
		"none": "no such file", "sub/none": "no such file", "a.star/x": "not a directory", "nothing": "no such file", "sub": "a folder", "pipe": "not a regular file",
		"large": "larger than 4 MiB", "out": "escapes", "up/outside": "escapes", "far": "escapes", "../outside": "invalid", "/etc/passwd": "invalid", "": "invalid", "sub/": "invalid",
	} {
		b, err := fs.ReadFile(far, name)
		if err == nil || !strings.Contains(err.Error(), want) || len(b) > 0 {
			t.Errorf("%q: got %d bytes, %v; want %q", name, len(b), err, want)
		}
		if missing := want == "no such file"; errors.Is(err, fs.ErrNotExist) != missing {
			t.Errorf("%q: %v is fs.ErrNotExist: %t", name, err, !missing)
		}
	}
}

// What os.Root says of the same folder.
func TestFolderModel(t *testing.T) {
	dir, far := shelf(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{".", "a.star", "sub", "in", "folder", "pipe", "sub/deep/c"} {
		got, gotErr := fs.Stat(far, name)
		want, err := fs.Stat(root.FS(), name)
		if gotErr != nil || err != nil || got.Name() != want.Name() || got.Mode() != want.Mode() || got.Size() != want.Size() || !got.ModTime().Equal(want.ModTime()) || got.IsDir() != want.IsDir() {
			t.Errorf("%s: got %v, %v; want %v, %v", name, got, gotErr, want, err)
		}
	}
	for _, name := range []string{".", "sub", "folder", "sub/deep"} {
		got, gotErr := fs.ReadDir(far, name)
		want, err := fs.ReadDir(root.FS(), name)
		if gotErr != nil || err != nil || listing(got) != listing(want) {
			t.Errorf("%s: got %s, %v; want %s, %v", name, listing(got), gotErr, listing(want), err)
		}
	}
	for _, name := range []string{"a.star", "none", "up", "pipe"} {
		if all, err := fs.ReadDir(far, name); err == nil {
			t.Errorf("%s: %s", name, listing(all))
		}
	}
}

// listing are entries whose names are text.
func listing(all []fs.DirEntry) string {
	var b strings.Builder
	for _, e := range all {
		if e.Name() != "odd\xff" {
			b.WriteString(fs.FormatDirEntry(e) + "\n")
		}
	}
	return b.String()
}

func TestFolderOfALiar(t *testing.T) {
	e := entries{[]entry{{Base: "b"}, {Base: ".."}, {Base: "."}, {Base: ""}, {Base: "x/y"}, {Base: "/"}, {Base: "a", Bits: 1<<32 - 1, Bytes: -1}}}
	all := e.sorted()
	if len(all) != 2 || all[0].Name() != "a" || all[1].Name() != "b" {
		t.Errorf("got %s", listing(all))
	}
}

func TestNoFolder(t *testing.T) {
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	if _, err := fs.Stat(Folder(t.Context(), w, "/nonexistent/"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
