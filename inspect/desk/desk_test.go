package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
)

func TestMain(m *testing.M) {
	outwork.Main()
	os.Exit(m.Run())
}

// asks is what a script does: it calls back.
var asks = outwork.Func("desk.test", func(ctx context.Context, a question) (reply, error) {
	return back.Call(ctx, call.Back(ctx), a)
})

// asking is a worker that asks a desk, where c is shared as "c".
func asking(t *testing.T, c container.Container, timeout time.Duration) func(a question) (map[string]any, error) {
	t.Helper()
	m := &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard}
	t.Cleanup(func() { m.Close() })
	d := &Desk{Manager: m, Timeout: timeout, Find: func(name string) (container.Container, error) {
		if name != "c" {
			return nil, fmt.Errorf("there is no shared container %q: %w", name, fs.ErrNotExist)
		}
		return c, nil
	}}
	w, err := m.Start(t.Context(), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return func(a question) (report map[string]any, err error) {
		answer, err := asks.Call(call.WithGrants(t.Context(), d.Grant()), w, a)
		if err == nil {
			err = json.Unmarshal(answer.Report, &report)
		}
		return report, err
	}
}

// program is this one, which is an ELF or a PE on most systems.
func program(t *testing.T) container.Container {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDesk(t *testing.T) {
	c := program(t)
	want, err := inspect.Parse(t.Context(), c, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ask := asking(t, c, 0)
	got, err := ask(question{Name: "c", Length: c.Size()})
	if err != nil || got["format"] != want.Format || got["structure"] != nil || got["size"] != float64(c.Size()) {
		t.Errorf("got %.300v, %v", got, err)
	}
	if got, err = ask(question{Name: "c", Length: c.Size(), Structure: true}); err != nil || want.Structure != nil && got["structure"] == nil {
		t.Errorf("with its structure: %.300v, %v", got, err)
	}
	if got, err = ask(question{Name: "c", Offset: 1, Length: 10}); err != nil || got["format"] != "" || got["size"] != 10. {
		t.Errorf("a part: %.300v, %v", got, err)
	}
	if got, err = ask(question{Bytes: []byte("\x7fELF no"), Length: 7}); err != nil || got["size"] != 7. {
		t.Errorf("bytes: %.300v, %v", got, err)
	}
}

func TestAskedForNonsense(t *testing.T) {
	ask := asking(t, program(t), 0)
	for what, a := range map[string]question{
		`there is no shared container "d"`:                 {Name: "d", Length: 1},
		"parse a shared container or bytes, not both":      {Name: "c", Bytes: []byte("x"), Length: 1},
		"outside the container":                            {Name: "c", Offset: -1, Length: 1},
		"1 bytes at 9223372036854775807: outside":          {Name: "c", Offset: 1<<63 - 1, Length: 1},
		"9 bytes at 0: outside the container of 2":         {Bytes: []byte("xy"), Length: 9},
		"-1 bytes at 0: outside the container":             {Name: "c", Length: -1},
		"9223372036854775807 bytes at 2: outside the cont": {Name: "c", Offset: 2, Length: 1<<63 - 1},
	} {
		if _, err := ask(a); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: got %v; want %s", a, err, what)
		}
	}
	if _, err := ask(question{Name: "c", Length: 100}); err != nil {
		t.Errorf("behind all that: %v", err)
	}
}

// TestDeskGoesOn: a parse that fails costs its worker, and the next has another.
func TestDeskGoesOn(t *testing.T) {
	ask := asking(t, program(t), time.Nanosecond)
	for range 3 {
		if _, err := ask(question{Name: "c", Length: 1000}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	}
}

func TestDeskTakesTurns(t *testing.T) {
	ask := asking(t, program(t), 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := ask(question{Name: "c", Length: 1000}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
