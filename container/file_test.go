package container

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFromFileRefuses(t *testing.T) {
	if _, err := FromFile(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	dir := t.TempDir()
	if _, err := FromFile(dir); err == nil || !strings.HasSuffix(err.Error(), dir+" is a directory, not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := FromFile(os.DevNull); err == nil {
		t.Error("a device was taken")
	}
}

func TestFromFileNeedsNoWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("here", []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := fromFile(t, "here")
	t.Chdir(t.TempDir())
	if at, err := c.Find([]byte("c"), 0); at != 2 || err != nil {
		t.Errorf("Find = %d, %v", at, err)
	}
}

// changes are what may happen to a file between creation and first use.
var changes = map[string]func(path string) error{
	"removed": os.Remove,
	"replaced": func(path string) error {
		return errors.Join(os.WriteFile(path+"2", []byte("content"), 0o600), os.Rename(path+"2", path))
	},
	"grown":   func(path string) error { return os.Truncate(path, 100) },
	"shrunk":  func(path string) error { return os.Truncate(path, 1) },
	"mode":    func(path string) error { return os.Chmod(path, 0o400) },
	"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
}

func TestFileChangedBeforeOpen(t *testing.T) {
	for name, change := range changes {
		path := writeFile(t, []byte("content"))
		c := fromFile(t, path)
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		want := ErrChanged
		if name == "removed" {
			want = fs.ErrNotExist
		}
		_, errRead := c.ReadAt(make([]byte, 1), 0)
		_, errPass := Pass(c)
		_, errFind := c.Find([]byte("c"), 0)
		for _, err := range []error{errRead, errPass, errFind} {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

func TestFileShrinksWhileItIsRead(t *testing.T) {
	path := writeFile(t, make([]byte, 3*fileWindow))
	c := fromFile(t, path)
	if _, err := c.ReadAt(make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 5); err != nil {
		t.Fatal(err)
	}
	n, errRead := c.ReadAt(make([]byte, 10), 0)
	_, errFind := c.Find([]byte("x"), 0)
	errView := c.View(func([]byte) error { t.Error("View called fn"); return nil })
	for _, err := range []error{errRead, errFind, errView} {
		if !errors.Is(err, ErrShrunk) {
			t.Errorf("%v, want ErrShrunk", err)
		}
	}
	if n != 5 {
		t.Errorf("ReadAt gave %d bytes, want the 5 there are", n)
	}
}

// sparseFile is a file of size bytes, zeros but for what is at off.
func sparseFile(t testing.TB, size int64, at map[int64]string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for off, s := range at {
		if _, err := f.WriteAt([]byte(s), off); err != nil {
			t.Fatal(err)
		}
	}
	return f.Name()
}

func TestBeyondFourGiB(t *testing.T) {
	const size, needle = 5<<30 + 123, 4<<30 + 4095
	path := sparseFile(t, size, map[int64]string{needle: "needle"})
	c := fromFile(t, path)
	for name, c := range map[string]Container{"file": c, "opened": reopened(t, c)} {
		b := make([]byte, 6)
		if n, err := c.ReadAt(b, needle); n != 6 || err != nil || string(b) != "needle" {
			t.Errorf("%s: ReadAt = %q, %v", name, b[:n], err)
		}
		if at, err := c.Find([]byte("needle"), needle-3*fileWindow); at != needle || err != nil {
			t.Errorf("%s: Find = %d, %v", name, at, err)
		}
		s, err := c.Slice(needle-1, size-needle)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if at, err := s.Find([]byte("needle"), 0); at != 1 || err != nil {
			t.Errorf("%s: Find in a slice = %d, %v", name, at, err)
		}
	}
}

func TestPassedSliceBeyondFourGiB(t *testing.T) {
	const size, needle = 5<<30 + 123, 4<<30 + 4095
	c := fromFile(t, sparseFile(t, size, map[int64]string{needle: "needle"}))
	s, err := c.Slice(needle-1, size-needle)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if at, err := reopened(t, s).Find([]byte("needle"), 0); at != 1 || err != nil {
		t.Errorf("Find = %d, %v", at, err)
	}
}

func TestViewOfALargeFile(t *testing.T) {
	c := fromFile(t, sparseFile(t, MaxFileView+1, nil))
	err := c.View(func([]byte) error { t.Error("View called fn"); return nil })
	if err == nil || !strings.Contains(err.Error(), "use ReadAt, Find or All") {
		t.Errorf("View: %v", err)
	}
	s, err := c.Slice(1, MaxFileView)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(func(b []byte) error {
		if len(b) != MaxFileView || bytes.ContainsFunc(b[:100], func(r rune) bool { return r != 0 }) {
			t.Errorf("View gave %d bytes", len(b))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPassingASliceOfAFileKeepsItsPlace(t *testing.T) {
	c := fromFile(t, writeFile(t, []byte("0123456789")))
	s, err := c.Slice(3, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := Pass(s)
	if err != nil {
		t.Fatal(err)
	}
	defer h.File.Close()
	if h.Offset != 3 || h.Size != 4 || h.Immutable || h.Inline != nil {
		t.Errorf("the handle is %+v", h)
	}
}
