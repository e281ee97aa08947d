package outwork_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// sumShared reads a container as any worker does.
var sumShared = outwork.Func("test.sum.shared", func(ctx context.Context, name string) (sum []byte, err error) {
	c, err := outwork.Shared(ctx, name)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, err := container.SHA256(ctx, c)
	return s[:], err
})

// program is one that runs, and longer than what crosses without a descriptor.
func program(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, 300<<10)...)
}

// field is where attacks are tried: a worker that does it, and one that looks.
type field struct {
	m                *outwork.Manager
	hostile, witness *outwork.Worker
	want             []byte
	nobody           bool
}

func newField(t *testing.T, nobody bool) *field {
	nothingLeft(t)
	var m outwork.Manager
	return &field{&m, started(t, &m, outwork.Target{}), started(t, &m, outwork.Target{}), program(t), nobody}
}

// try shares c, has it attacked, and reports what the kernel said.
func (f *field) try(t *testing.T, n int, c container.Container) string {
	t.Helper()
	share(t, f.m, t.Name(), c)
	got, err := attackShared.Call(within(t), f.hostile, attackArgs{t.Name(), n, f.nobody})
	if err != nil {
		t.Fatalf("the worker: %v", err)
	}
	return got.Refusal
}

// unchanged checks that nobody finds other bytes.
func (f *field) unchanged(t *testing.T, c container.Container) {
	t.Helper()
	here := make([]byte, len(f.want))
	if _, err := c.ReadAt(here, 0); err != nil || !bytes.Equal(here, f.want) {
		t.Errorf("the manager finds other bytes, %v", err)
	}
	sum, want := []byte(nil), sha256.Sum256(f.want)
	sum, err := sumShared.Call(within(t), f.witness, t.Name())
	if err != nil || !bytes.Equal(sum, want[:]) {
		t.Errorf("another worker finds other bytes, %v", err)
	}
}

// TestSealedMemoryCannotBeChanged tries everything from within a worker.
func TestSealedMemoryCannotBeChanged(t *testing.T) {
	f := newField(t, false)
	for name, create := range map[string]func() (container.Container, error){
		"bytes":  func() (container.Container, error) { return container.FromBytes(bytes.Clone(f.want)), nil },
		"reader": func() (container.Container, error) { return container.FromReader(bytes.NewReader(f.want)) },
	} {
		for i, a := range attacks {
			t.Run(name+"/"+a.name, func(t *testing.T) {
				c, err := create()
				if err != nil {
					t.Fatal(err)
				}
				refusal := f.try(t, i, c)
				t.Logf("%q", refusal)
				if a.memory == never && (refusal == "" || refusal == syscall.ENOENT.Error()) {
					t.Error("it went well, or was not tried")
				}
				f.unchanged(t, c)
			})
		}
	}
}

// TestFileIsAsItsModeSays tries everything with a file: a plain child can do what its
// user may, and no more.
func TestFileIsAsItsModeSays(t *testing.T) {
	for _, nobody := range []bool{false, true} {
		name := "as its owner"
		if nobody {
			name = "as another user"
			if os.Geteuid() != 0 {
				continue // cannot become one
			}
		}
		t.Run(name, func(t *testing.T) {
			f := newField(t, nobody)
			for i, a := range attacks {
				t.Run(a.name, func(t *testing.T) { f.tryFile(t, i, a) })
			}
		})
	}
}

func (f *field) tryFile(t *testing.T, n int, a attack) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, f.want, 0o644); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refusal := f.try(t, n, c)
	t.Logf("%q", refusal)
	if a.file >= byUser && !f.nobody {
		if refusal != "" && a.file == byUser {
			t.Errorf("refused: %s. If that holds everywhere, SECURITY.md says too little", refusal)
		}
		return
	}
	if a.file != harmless && (refusal == "" || refusal == syscall.ENOENT.Error()) {
		t.Error("it went well, or was not tried")
	}
	after, err := os.Stat(path)
	if err != nil || ctime(after) != ctime(before) || after.Mode() != before.Mode() {
		t.Errorf("the file was changed, %v", err)
	}
	f.unchanged(t, c)
}

func ctime(info os.FileInfo) syscall.Timespec { return info.Sys().(*syscall.Stat_t).Ctim }

// holdAndCrash is killed while it holds what is shared, and what it made itself.
var holdAndCrash = outwork.Func("test.hold.crash", func(ctx context.Context, names []string) (container.Container, error) {
	for _, name := range names {
		c, err := outwork.Shared(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := c.View(func(b []byte) error { _ = b[len(b)-1]; return nil }); err != nil {
			return nil, err
		}
		if c.Immutable() {
			c.Bytes() // pinned
		}
	}
	go syscall.Kill(os.Getpid(), syscall.SIGKILL) // before, while or after the result is sent
	return container.FromBytes(make([]byte, 100<<10)), nil
})

// TestCrashReleasesContainers crashes workers that hold containers, and counts what
// their manager has.
func TestCrashReleasesContainers(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	defer m.Close()
	_, file := onDisk(t, string(make([]byte, 100<<10)))
	spooled, err := container.FromReader(bytes.NewReader(make([]byte, 300<<10)))
	if err != nil {
		t.Fatal(err)
	}
	share(t, &m, "file", file)
	share(t, &m, "spooled", spooled)
	share(t, &m, "bytes", container.FromBytes(make([]byte, 100<<10)))
	var fds, maps, answered int
	for i := range max(10, rounds(100)) {
		w, err := m.Start(within(t), outwork.Target{})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := holdAndCrash.Call(within(t), w, []string{"file", "spooled", "bytes"}); err == nil {
			answered++
			c.Close()
		} else {
			lossIn(t, err)
		}
		<-w.Done()
		w.Close()
		if i == 0 { // what is opened once stays: files that can be used again, the starter's link
			fds, maps = descriptors(t), containerMaps(t)
		}
	}
	t.Logf("%d results were whole", answered)
	eventually(t, "the descriptors of dead workers are closed", func() bool { return descriptors(t) <= fds })
	if n := containerMaps(t); n > maps {
		t.Errorf("%d maps of containers, %d after the first crash", n, maps)
	}
}

// containerMaps is how many maps of sealed memory this process has.
func containerMaps(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte("/memfd:outwork"))
}

type shrunkArgs struct{ Path, How string }

// touches are ways to read the last byte of what is gone.
var touches = map[string]func(b []byte){
	"here":          func(b []byte) { fmt.Fprint(io.Discard, b[len(b)-1]) },
	"a search":      func(b []byte) { bytes.Index(b, []byte("x")) },
	"a system call": func(b []byte) { io.Discard.Write(b); syscall.Write(1, b) },

	"in a goroutine": func(b []byte) {
		var done sync.WaitGroup
		done.Go(func() { fmt.Fprint(io.Discard, b[len(b)-1]) })
		done.Wait()
	},
	"by the runtime": func(b []byte) { make(chan byte, 1) <- b[len(b)-1] }, // copies under a lock
}

// readShrunk reads the map of a file that becomes empty while it is looked at.
var readShrunk = outwork.Func("test.read.shrunk", func(ctx context.Context, a shrunkArgs) (string, error) {
	c, err := outwork.Shared(ctx, a.Path)
	if err != nil {
		return "", err
	}
	defer c.Close()
	err = c.View(func(b []byte) error {
		if err := os.Truncate(a.Path, 0); err != nil {
			return err
		}
		touches[a.How](b)
		return nil
	})
	if errors.Is(err, container.ErrShrunk) {
		return "shrunk", nil
	}
	return "read", err
})

// TestFileShrinksUnderAWorker shows what View promises, and what it cannot: where it
// cannot, one worker is lost, and nobody else notices.
func TestFileShrinksUnderAWorker(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Stdout: io.Discard, Stderr: io.Discard}
	other := started(t, &m, outwork.Target{})
	for how, want := range map[string]string{
		"here": "shrunk", "a search": "shrunk", "a system call": "read", "in a goroutine": "lost", "by the runtime": "lost",
	} {
		if raceEnabled && how == "by the runtime" {
			continue // the detector's own look comes first, which is not the runtime's
		}
		path, c := onDisk(t, string(make([]byte, 1<<20)))
		share(t, &m, path, c)
		w := started(t, &m, outwork.Target{})
		got, err := readShrunk.Call(within(t), w, shrunkArgs{path, how})
		if want == "lost" {
			lossIn(t, err)
		} else if got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", how, got, err, want)
		}
		if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, container.ErrShrunk) && !errors.Is(err, container.ErrChanged) {
			t.Errorf("%s: the manager reads what is gone: %v", how, err)
		}
	}
	if n, err := double.Call(within(t), other, 2); n != 4 || err != nil {
		t.Errorf("the other worker: %d, %v", n, err)
	}
}
