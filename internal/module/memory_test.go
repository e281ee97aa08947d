package module_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork/internal/module"
)

func TestMemory(t *testing.T) {
	var m module.Memory
	one, two := [32]byte{1}, [32]byte{2}
	for _, name := range []string{"b", "a", "b", "c", "a"} {
		m.Note("python", one, name)
	}
	m.Note("starlark", one, "s")
	if got := m.Names("python", one); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("got %q", got)
	}
	if got := m.Names("python", two); got != nil {
		t.Errorf("under another key: got %q", got)
	}
	m.Names("python", one)[0] = "changed"
	if got := m.Names("python", one)[0]; got != "b" {
		t.Errorf("got %q: a caller changed it", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m module.Memory
	for i := range 257 {
		m.Note("python", [32]byte{byte(i), byte(i >> 8)}, "x")
	}
	for i, want := range map[int]int{0: 0, 1: 1, 256: 1} {
		if got := m.Names("python", [32]byte{byte(i), byte(i >> 8)}); len(got) != want {
			t.Errorf("key %d: got %q, want %d names", i, got, want)
		}
	}
	many, long := [32]byte{31: 1}, [32]byte{31: 2}
	for i := range 600 {
		m.Note("python", many, fmt.Sprint(i))
		m.Note("python", long, strings.Repeat("x", module.MaxName)[:module.MaxName-i])
	}
	if got := m.Names("python", many); len(got) != 512 || got[511] != "511" {
		t.Errorf("got %d names, want 512", len(got))
	}
	if got := len(strings.Join(m.Names("python", long), "")); got > 64<<10 {
		t.Errorf("got names of %d bytes", got)
	}
}

func TestMemoryConcurrently(t *testing.T) {
	var m module.Memory
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 400 {
				m.Note("python", [32]byte{byte(j)}, fmt.Sprint(i))
				m.Names("python", [32]byte{byte(j)})
			}
		})
	}
	group.Wait()
	if got := m.Names("python", [32]byte{1}); len(got) != 8 {
		t.Errorf("got %q, want 8 names", got)
	}
}
