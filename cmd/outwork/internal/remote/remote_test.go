package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/pages"
	"github.com/outwork-go/outwork/outworktest"
)

func remote(t *testing.T, data []byte) (container.Container, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	c, err := Open(t.Context(), w, "ssh://a/file", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, path
}

// pageSize is of no page: files here are a few of it.
const pageSize = 256 << 10

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32() % 5)
	}
	return b
}

func TestReadInOrder(t *testing.T) {
	data := bytes.Repeat(noise(1<<20+1), pages.CacheBytes>>20+1)[:pages.CacheBytes+12345] // more than is kept
	c, _ := remote(t, data)
	for range 2 {
		got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if !bytes.Equal(got, data) || err != nil {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
}

// Against the container of the same bytes.
func TestModel(t *testing.T) {
	data := noise(3*pageSize + 17)
	c, _ := remote(t, data)
	model := container.FromBytes(data)
	check := func(c, model container.Container) {
		if c.Size() != model.Size() || c.Immutable() {
			t.Fatalf("size %d, immutable %t", c.Size(), c.Immutable())
		}
		r := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			off, n := r.Int64N(c.Size()+10)-2, r.IntN(2*pageSize)
			a, b := make([]byte, n), make([]byte, n)
			gotN, gotErr := c.ReadAt(a, off)
			wantN, wantErr := model.ReadAt(b, off)
			if gotN != wantN || !bytes.Equal(a, b) || (gotErr == nil) != (wantErr == nil) || (gotErr == io.EOF) != (wantErr == io.EOF) {
				t.Fatalf("%d at %d: got %d, %v; want %d, %v", n, off, gotN, gotErr, wantN, wantErr)
			}
		}
		for _, pattern := range [][]byte{{1}, {1, 2, 3, 4, 0, 0}, []byte("none"), data[pageSize-3 : pageSize+9], nil} {
			for _, from := range []int64{-1, 0, 1, 1000, c.Size() - 1, c.Size(), c.Size() + 1} {
				got, gotErr := c.Find(pattern, from)
				want, wantErr := model.Find(pattern, from)
				if got != want || (gotErr == nil) != (wantErr == nil) || errors.Is(gotErr, container.ErrRange) != errors.Is(wantErr, container.ErrRange) {
					t.Fatalf("find %q from %d: got %d, %v; want %d, %v", pattern, from, got, gotErr, want, wantErr)
				}
			}
		}
		if got, want := offsets(t, c, []byte{1, 1}), offsets(t, model, []byte{1, 1}); !slices.Equal(got, want) {
			t.Errorf("all: %d matches, want %d", len(got), len(want))
		}
		if got, err := container.Count(t.Context(), c, []byte{1, 1}); got != int64(len(offsets(t, model, []byte{1, 1}))) || err != nil {
			t.Errorf("count: %d, %v", got, err)
		}
		got, gotErr := container.SHA256(t.Context(), c)
		want, wantErr := container.SHA256(t.Context(), model)
		if got != want || gotErr != nil || wantErr != nil {
			t.Errorf("hash: %x, %v; want %x, %v", got, gotErr, want, wantErr)
		}
		if err := c.View(func(b []byte) error {
			want, err := model.Bytes()
			if !bytes.Equal(b, want) {
				t.Error("View shows other bytes")
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	check(c, model)
	slice, err := c.Slice(1000, pageSize+1)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	defer slice.Close()
	modelSlice, _ := model.Slice(1000, pageSize+1)
	check(slice, modelSlice)
	for _, bad := range [][2]int64{{-1, 1}, {0, -1}, {slice.Size(), 1}, {1 << 62, 1 << 62}} {
		if _, err := slice.Slice(bad[0], bad[1]); !errors.Is(err, container.ErrRange) {
			t.Errorf("slice %v: %v", bad, err)
		}
	}
}

func offsets(t *testing.T, c container.Container, pattern []byte) (all []int64) {
	t.Helper()
	for at, err := range c.All(pattern) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
	}
	return all
}

func TestClosed(t *testing.T) {
	c, _ := remote(t, noise(10))
	c.Close()
	c.Close()
	_, readErr := c.ReadAt(make([]byte, 1), 0)
	_, findErr := c.Find([]byte("x"), 0)
	_, sliceErr := c.Slice(0, 1)
	_, bytesErr := c.Bytes()
	viewErr := c.View(func([]byte) error { return nil })
	for _, err := range []error{readErr, findErr, sliceErr, bytesErr, viewErr} {
		if !errors.Is(err, container.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestChanged(t *testing.T) {
	c, path := remote(t, noise(pageSize))
	if err := os.WriteFile(path, []byte("shorter"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := c.ReadAt(make([]byte, 1), 0)
	if !errors.Is(err, container.ErrChanged) || !strings.HasPrefix(err.Error(), "ssh://a/file: 1 bytes at 0: the file changed") {
		t.Errorf("ReadAt: %v", err)
	}
	if _, err := c.Find([]byte("x"), 0); !errors.Is(err, container.ErrChanged) {
		t.Errorf("Find: %v", err)
	}
	os.Remove(path)
	if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after it was removed: %v", err)
	}
}

func TestNotOpened(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	for path, want := range map[string]string{
		t.TempDir(): "ssh://a/x: it is a folder", "/nonexistent": "ssh://a/x: no such file or directory",
		os.DevNull: "ssh://a/x: it is not a regular file", "": "ssh://a/x: no such file or directory",
		"~": "ssh://a/x: it is a folder", "~/": "ssh://a/x: it is a folder", "~x": "ssh://a/x: no such file or directory",
	} {
		if c, err := Open(t.Context(), w, "ssh://a/x", path); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v", path, c, err)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, noise(10), 0o600); err != nil {
		t.Fatal(err)
	}
	w := outworktest.Start(t, new(outwork.Manager), outwork.Target{})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Open(ctx, w, "x", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What is shared with a worker on this machine is copied for it if it is small, and else
// read and searched where it lies.
func TestShared(t *testing.T) {
	for name, size := range map[string]int64{"small": 2 * pageSize, "large": 1 << 40} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := errors.Join(os.WriteFile(path, []byte("begins"), 0o600), os.Truncate(path, size)); err != nil {
				t.Fatal(err)
			}
			var m outwork.Manager
			w := outworktest.Start(t, &m, outwork.Target{})
			c, err := Open(t.Context(), outworktest.Start(t, new(outwork.Manager), outwork.Target{}), "ssh://a/file", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if err := m.Share("data", c); err != nil {
				t.Fatal(err)
			}
			got, err := look.Call(t.Context(), w, struct{}{})
			if want := (seen{Size: size, Start: "begins", Found: 2, Copied: name == "small"}); got != want || err != nil {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// seen is what a worker sees of what is shared with it.
type seen struct {
	Size, Found int64
	Start       string
	Copied      bool
}

var look = outwork.Func("test.look", func(ctx context.Context, _ struct{}) (s seen, err error) {
	c, err := outwork.Shared(ctx, "data")
	if err != nil {
		return s, err
	}
	defer c.Close()
	b := make([]byte, 6)
	if _, err := c.ReadAt(b, 0); err != nil {
		return s, err
	}
	_, bytesErr := c.Bytes()
	s = seen{Size: c.Size(), Start: string(b), Copied: bytesErr == nil}
	s.Found, err = c.Find([]byte("gins"), 0)
	return s, err
})
