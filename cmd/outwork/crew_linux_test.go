package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// fragile returns what a file holds. One that holds "crash" is the end of its worker, and
// one that holds "fail" an error.
var fragile = outwork.Func("test.fragile", func(_ context.Context, a fragileArgs) (string, error) {
	if a.File == nil {
		a.File = container.FromBytes(a.Bytes)
	}
	b := make([]byte, a.File.Size())
	if _, err := a.File.ReadAt(b, 0); err != nil {
		return "", err
	}
	switch {
	case bytes.HasPrefix(b, []byte("crash")):
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case bytes.HasPrefix(b, []byte("fail")):
		return "", errors.New("it is no good")
	}
	return string(b), nil
})

type fragileArgs struct {
	File  container.Container
	Bytes []byte
}

// fragileCrew reads files by fragile, each with two finds. Small files go together when
// they may.
func fragileCrew(t *testing.T, together bool) *crew[string] {
	t.Helper()
	a := &app{in: &input{f: os.Stdin}, stdout: os.Stdout, stderr: os.Stderr}
	far, err := newFiles(&hostFlags{})
	if err != nil {
		t.Fatal(err)
	}
	c := &crew[string]{app: a, far: far, sandbox: new(sandboxFlags)}
	t.Cleanup(func() { c.manager.Close(); far.Close() })
	c.work = func(ctx context.Context, w *outwork.Worker, _ string, file container.Container, emit func(string) error) error {
		if err := emit("begun"); err != nil {
			return err
		}
		text, err := fragile.Call(ctx, w, fragileArgs{File: file})
		if err != nil {
			return err
		}
		return emit(text)
	}
	if !together {
		return c
	}
	c.together = func(ctx context.Context, w *outwork.Worker, batch []*task[string]) error {
		for _, one := range batch {
			b := make([]byte, one.file.Size())
			one.file.ReadAt(b, 0)
			if err := one.emit(ctx, "begun"); err != nil {
				return err
			}
			text, err := fragile.Call(ctx, w, fragileArgs{Bytes: b})
			if err != nil {
				return err
			}
			if err := one.emit(ctx, text); err != nil {
				return err
			}
			one.end(nil)
		}
		return nil
	}
	return c
}

// numbered makes n files, whose contents are their numbers but where special says
// something else.
func numbered(t *testing.T, n int, special map[int]string) (names []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		text := special[i]
		if text == "" {
			text = fmt.Sprint(i)
		}
		name := filepath.Join(dir, fmt.Sprintf("%03d", i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// nothingWrong yields names without errors.
func nothingWrong(names []string) iter.Seq[named] {
	return func(yield func(named) bool) {
		for _, name := range names {
			if !yield(named{name: name}) {
				return
			}
		}
	}
}

func TestACrashCostsOneFile(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprint("together ", together), func(t *testing.T) {
			c := fragileCrew(t, together)
			names := numbered(t, 60, map[int]string{7: "crash", 20: "fail", 59: "crash"})
			names = slices.Insert(names, 3, "nowhere")
			var told []string
			err := c.run(t.Context(), nothingWrong(names), func(one *task[string]) error {
				found := slices.Collect(chanSeq(one.found))
				told = append(told, fmt.Sprintf("%s %s %s", filepath.Base(one.name), strings.Join(found, ","), problem(one.err)))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				base := filepath.Base(name)
				want := fmt.Sprintf("%s begun,%s ", base, strings.TrimLeft(base, "0"))
				switch base {
				case "000":
					want = "000 begun,0 "
				case "007", "059":
					want = base + " begun lost"
				case "020":
					want = base + " begun it is no good"
				case "nowhere":
					want = "nowhere  cannot read nowhere: no such file or directory"
				}
				if told[i] != want {
					t.Errorf("%q, want %q", told[i], want)
				}
			}
		})
	}
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	if isLost(err) {
		return "lost"
	}
	if e, ok := errors.AsType[*outwork.RemoteError](err); ok {
		return e.Message
	}
	return err.Error()
}

func chanSeq[T any](c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range c {
			if !yield(v) {
				return
			}
		}
	}
}

func TestACrewThatIsStopped(t *testing.T) {
	for _, together := range []bool{false, true} {
		c := fragileCrew(t, together)
		enough := errors.New("enough")
		shown := 0
		err := c.run(t.Context(), nothingWrong(numbered(t, 600, nil)), func(*task[string]) error {
			if shown++; shown == 5 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || shown != 5 {
			t.Errorf("together %v: %d shown: %v", together, shown, err)
		}
	}
}

// An error of starting workers is the crew's: there is none for each file.
func TestACrewWithoutWorkers(t *testing.T) {
	c := fragileCrew(t, true)
	c.manager.Close()
	err := c.run(t.Context(), nothingWrong(numbered(t, 300, nil)), func(one *task[string]) error {
		for range one.found {
		}
		return nil
	})
	if _, ok := errors.AsType[*startError](err); !ok {
		t.Errorf("%v", err)
	}
}
