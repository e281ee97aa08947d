package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/module"
)

// table is what a manager shares.
type table struct {
	mu     sync.Mutex
	last   uint64
	shares map[string]uint64
	bytes  map[uint64]container.Container
	same   int // answers without the container
	sent   int
}

func (tb *table) put(name, text string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.shares == nil {
		tb.shares, tb.bytes = map[string]uint64{}, map[uint64]container.Container{}
	}
	tb.last++
	tb.shares[name], tb.bytes[tb.last] = tb.last, container.FromBytes([]byte(text))
}

func (tb *table) remove(name string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	delete(tb.shares, name)
}

func (tb *table) get(name string, have uint64) (uint64, container.Container, error) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	id := tb.shares[name]
	switch {
	case id == 0:
		return 0, nil, fmt.Errorf("no %q: %w", name, fs.ErrNotExist)
	case id == have:
		tb.same++
		return id, nil, nil
	}
	tb.sent++
	return id, tb.bytes[id], nil
}

// counts is how often a container was sent, and was held already.
func (tb *table) counts() (sent, same int) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return tb.sent, tb.same
}

// close closes what was shared: passing it keeps a file open.
func (tb *table) close() {
	for _, c := range tb.bytes {
		c.Close()
	}
}

// want reads the container that is shared under name.
func want(t *testing.T, w *Link, name, text string) {
	t.Helper()
	c, err := w.Shared(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := c.Bytes()
	if err != nil || string(b) != text {
		t.Fatalf("%.20q, %v", b, err)
	}
}

func TestShares(t *testing.T) {
	both(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		var tb table
		defer tb.close()
		_, w := pair(t, by, nil, Config{Container: tb.get}, Config{})
		for _, text := range []string{"short", strings.Repeat("long", 100<<10)} {
			tb.put("a", text)
			want(t, w, "a", text)
			want(t, w, "a", text)
		}
		if sent, same := tb.counts(); sent != 2 || same != 2 {
			t.Errorf("sent %d times, the same %d times", sent, same)
		}
		tb.remove("a")
		if _, err := w.Shared(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		tb.put("a", "again")
		want(t, w, "a", "again")
		if _, err := w.Shared(t.Context(), strings.Repeat("n", MaxName+1)); err == nil || !strings.Contains(err.Error(), "1024") {
			t.Error(err)
		}
	})
}

// TestHeldSharesAreBounded: what makes room is sent again when it is asked for.
func TestHeldSharesAreBounded(t *testing.T) {
	var tb table
	_, w := pair(t, byMemory, nil, Config{Container: tb.get}, Config{})
	for i := range maxHeld + 1 {
		name := fmt.Sprint(i)
		tb.put(name, name)
		want(t, w, name, name)
	}
	want(t, w, "1", "1")
	if _, same := tb.counts(); same != 1 {
		t.Error("what is held was sent again")
	}
	want(t, w, "0", "0")
	if sent, _ := tb.counts(); sent != maxHeld+2 || len(w.shares.held) > maxHeld {
		t.Errorf("sent %d times, %d held", sent, len(w.shares.held))
	}
}

// TestReopen: a map that was given back is made again from the same share, or
// not at all.
func TestReopen(t *testing.T) {
	var tb table
	_, w := pair(t, bySocket, nil, Config{Container: tb.get}, Config{})
	tb.put("a", "one")
	want(t, w, "a", "one")
	h, err := w.again("a", 1)
	if err != nil || string(h.Inline) != "one" {
		t.Error(h, err)
	}
	tb.remove("a")
	tb.put("a", strings.Repeat("two", 20<<10))
	if _, err := w.again("a", 1); err == nil || !strings.Contains(err.Error(), "another container") {
		t.Error(err)
	}
}

// TestSharedConcurrently, and while the link ends: every view is good or an error.
func TestSharedConcurrently(t *testing.T) {
	nothingLeft(t)
	var tb table
	defer tb.close()
	text := strings.Repeat("x", 100<<10)
	tb.put("a", text)
	m, w := pair(t, bySocket, nil, Config{Container: tb.get}, Config{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				c, err := w.Shared(t.Context(), "a")
				if err != nil {
					return // the link has ended
				}
				if b, err := c.Bytes(); err != nil || len(b) != len(text) {
					t.Error(len(b), err)
				}
				c.Close()
				if i == 0 && j == 25 {
					m.Close()
				}
			}
		})
	}
	wg.Wait()
	w.Close()
}

func TestModules(t *testing.T) {
	nothingLeft(t)
	answer := []module.Module{{Name: "m", Path: "m.star", Source: []byte("x = 1")}, {Name: "n", Missing: true, Source: []byte{}}}
	_, w := pair(t, byMemory, nil, Config{Modules: func(lang, name string) ([]module.Module, error) {
		switch name {
		case "m":
			return answer, nil
		case "panic":
			panic("a module server of the program's own")
		}
		return nil, fs.ErrPermission
	}}, Config{})
	got, err := w.Modules(t.Context(), "starlark", "m")
	if err != nil || len(got) != 2 || string(got[0].Source) != "x = 1" || !got[1].Missing {
		t.Error(got, err)
	}
	if _, err := w.Modules(t.Context(), "starlark", "../x"); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	if _, err := w.Modules(t.Context(), "starlark", "panic"); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Modules(ctx, "starlark", "m"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if w.Err() != nil {
		t.Error(w.Err())
	}
}
