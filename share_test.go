package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/outworktest"
)

type seen struct {
	Size  int64
	Begin string // at most 16 bytes
	At    int64  // of "needle"
}

func look(c container.Container) (r seen, err error) {
	begin := make([]byte, min(16, c.Size()))
	if _, err := c.ReadAt(begin, 0); err != nil && len(begin) > 0 {
		return r, err
	}
	r.Size, r.Begin = c.Size(), string(begin)
	r.At, err = c.Find([]byte("needle"), 0)
	return r, err
}

var lookShared = outwork.Func("test.look.shared", func(ctx context.Context, name string) (seen, error) {
	c, err := outwork.Shared(ctx, name)
	if err != nil {
		return seen{}, err
	}
	defer c.Close()
	return look(c)
})

type lookArgs struct{ In container.Container }

var lookField = outwork.Func("test.look.field", func(_ context.Context, a lookArgs) (seen, error) { return look(a.In) })

var makes = outwork.Func("test.makes", func(_ context.Context, n int) (container.Container, error) {
	return container.FromBytes([]byte(strings.Repeat("hay", n) + "needle")), nil
})

// share shares c until the test's end.
func share(t *testing.T, with interface {
	Share(string, container.Container) error
}, name string, c container.Container,
) {
	t.Helper()
	if err := with.Share(name, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

// onDisk is a container of a file with those bytes.
func onDisk(t *testing.T, b string) (path string, c container.Container) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return path, c
}

func TestShare(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		big := strings.Repeat("hay", 1<<20) + "needle"
		_, file := onDisk(t, big)
		for name, c := range map[string]container.Container{
			"small": container.FromBytes([]byte("hayneedle")), "big": container.FromBytes([]byte(big)),
			"file": file, "empty": container.FromBytes(nil),
		} {
			share(t, m, name, c)
			for range 2 {
				got, err := lookShared.Call(within(t), w, name)
				want := seen{c.Size(), big[:min(16, c.Size())], c.Size() - 6}
				switch name {
				case "small":
					want.Begin = "hayneedle"
				case "empty":
					want.At = -1
				}
				if err != nil || got != want {
					t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
				}
			}
		}
	})
}

func TestShareNames(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		see := func(name, want string) {
			t.Helper()
			if got, err := lookShared.Call(within(t), w, name); err != nil || got.Begin != want {
				t.Errorf("%s: got %q, %v; want %q", name, got.Begin, err, want)
			}
		}
		_, err := lookShared.Call(within(t), w, "a")
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "nothing is shared") {
			t.Errorf("nothing is shared: %v", err)
		}
		share(t, m, "a", container.FromBytes([]byte("first")))
		share(t, m, "b", container.FromBytes([]byte("other")))
		if err := m.Share("a", container.FromBytes(nil)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("the same name twice: %v", err)
		}
		see("a", "first")
		share(t, w, "a", container.FromBytes([]byte("own")))
		see("a", "own")
		w.Unshare("a")
		see("a", "first")
		m.Unshare("a")
		_, err = lookShared.Call(within(t), w, "a")
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "shared are b") {
			t.Errorf("after Unshare: %v", err)
		}
		share(t, m, "a", container.FromBytes([]byte("second")))
		see("a", "second")
		for _, name := range []string{"", strings.Repeat("n", 1025), "\xff"} {
			if err := m.Share(name, container.FromBytes(nil)); err == nil {
				t.Errorf("%.9q, a name of %d bytes, is taken", name, len(name))
			}
		}
		if err := m.Share("nil", nil); err == nil {
			t.Error("no container is shared")
		}
	})
}

// TestManyNames are not sorted for a worker that asks for one that is not there: it could ask
// again and again, and everybody else would wait for the manager.
func TestManyNames(t *testing.T) {
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{})
	c := container.FromBytes([]byte("x"))
	for i := range 1000 {
		share(t, &m, fmt.Sprintf("name %03d", i), c)
	}
	for _, want := range []string{"name 019 and 980 more", "; 1001 others are shared"} {
		_, err := lookShared.Call(within(t), w, "none")
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
		share(t, &m, want, c)
	}
}

func TestShareBeforeStart(t *testing.T) {
	var m outwork.Manager
	share(t, &m, "early", container.FromBytes([]byte("early")))
	for range 2 {
		w := outworktest.Start(t, &m, outwork.Target{})
		if got, err := lookShared.Call(within(t), w, "early"); err != nil || got.Begin != "early" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestManyNamesListed(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		for i := range 30 {
			share(t, m, fmt.Sprintf("name%02d", i), container.FromBytes(nil))
		}
		_, err := lookShared.Call(within(t), w, "x")
		if err == nil || !strings.Contains(err.Error(), "name00, name01") || !strings.Contains(err.Error(), "and 10 more") {
			t.Errorf("got %v", err)
		}
	})
}

func TestContainerFields(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		text := strings.Repeat("hay", 1<<18) + "needle"
		_, file := onDisk(t, text)
		for _, c := range []container.Container{container.FromBytes([]byte(text)), file} {
			got, err := lookField.Call(within(t), w, lookArgs{c})
			if err != nil || got.Size != int64(len(text)) || got.At != int64(len(text)-6) {
				t.Errorf("there: got %+v, %v", got, err)
			}
			c.Close()
		}
		for _, n := range []int{1, 1 << 18} {
			c, err := makes.Call(within(t), w, n)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := look(c); err != nil || got.At != int64(3*n) {
				t.Errorf("back: got %+v, %v", got, err)
			}
			c.Close()
		}
	})
}

var opens = outwork.Func("test.opens", func(context.Context, struct{}) (*os.File, error) { return os.Open(os.DevNull) })

// TestFileOfAResult crosses to the same machine, or is an error that says why not.
func TestFileOfAResult(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *outwork.Manager, w *outwork.Worker) {
		f, err := opens.Call(within(t), w, struct{}{})
		f.Close()
		if e, ok := errors.AsType[*outwork.RemoteError](err); w.Host() == "" && err != nil || w.Host() != "" && (!ok || !strings.Contains(e.Error(), "an open file cannot be passed")) {
			t.Error(err)
		}
		if n, err := double.Call(within(t), w, 1); n != 2 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}

func TestShrinkingFile(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		path, c := onDisk(t, strings.Repeat("hay", 1<<20)+"needle")
		share(t, m, "file", c)
		if _, err := lookShared.Call(within(t), w, "file"); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := lookShared.Call(within(t), w, "file"); err == nil {
			t.Error("a file that shrank is searched to its former end")
		}
		if n, err := double.Call(within(t), w, 1); n != 2 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}

func TestLostFile(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		path, c := onDisk(t, strings.Repeat("hay", 1<<20))
		share(t, m, "file", c)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		got, err := lookShared.Call(within(t), w, "file")
		if err == nil && got.Size != 3<<20 || err != nil && !strings.Contains(err.Error(), "file") {
			t.Errorf("a removed file: %+v, %v", got, err)
		}
		if n, err := double.Call(within(t), w, 1); n != 2 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}

func TestSharedOutside(t *testing.T) {
	if _, err := outwork.Shared(t.Context(), "x"); err == nil {
		t.Error("Shared works outside a worker")
	}
	call.Progress(t.Context(), 1, 2, "harmless")
}

// unshare is what test.unshares does in the manager.
var unshare func(name string)

var unshares = outwork.Func("test.unshares", func(_ context.Context, name string) (struct{}, error) {
	unshare(name)
	return struct{}{}, nil
})

var keeps = outwork.Func("test.keeps", func(ctx context.Context, name string) (seen, error) {
	c, err := outwork.Shared(ctx, name)
	if err != nil {
		return seen{}, err
	}
	defer c.Close()
	if _, err := unshares.Call(ctx, call.Back(ctx), name); err != nil {
		return seen{}, err
	}
	return look(c)
})

func TestUnshareInUse(t *testing.T) {
	everywhere(t, func(t *testing.T, m *outwork.Manager, w *outwork.Worker) {
		c := container.FromBytes([]byte(strings.Repeat("hay", 1<<20) + "needle"))
		share(t, m, "big", c)
		unshare = func(name string) {
			m.Unshare(name)
			c.Close()
		}
		if got, err := keeps.Call(call.WithGrants(within(t), unshares), w, "big"); err != nil || got.At != 3<<20 {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := lookShared.Call(within(t), w, "big"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestUnshareGivesBack shares many, and takes back nearly all.
func TestUnshareGivesBack(t *testing.T) {
	const many, left = 20_000, 10
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{})
	heap := func() uint64 {
		var s runtime.MemStats
		for range 3 { // cleanups run between two
			runtime.GC()
		}
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	for n := range many {
		if err := m.Share(fmt.Sprint(n), container.FromBytes([]byte("same"))); err != nil {
			t.Fatal(err)
		}
	}
	during := heap()
	for n := range many - left {
		m.Unshare(fmt.Sprint(n))
	}
	eventually(t, "nine tenths are given back", func() bool { return int64(heap()-before) < int64(during-before)/10 })
	for n := many - left; n < many; n++ {
		if got, err := lookShared.Call(within(t), w, fmt.Sprint(n)); err != nil || got.Begin != "same" {
			t.Errorf("%d, which is left: %q, %v", n, got.Begin, err)
		}
	}
	if _, err := lookShared.Call(within(t), w, "0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was taken back: %v", err)
	}
}
