package hexui

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/outwork-go/outwork/layout"
)

func someFields() []layout.Node {
	return []layout.Node{
		{Name: "HEADER", Type: "HEADER", Size: 24},
		{Depth: 1, Name: "magic", Type: "char[4]", Size: 4, Text: `"\x00\x01\x02\x03"`},
		{Depth: 1, Name: "kind", Type: "u16le", Offset: 4, Size: 2, Text: "1284", Note: "KIND_OF_TEST"},
		{Depth: 1, Name: "pair", Type: "PAIR", Offset: 8, Size: 8},
		{Depth: 2, Name: "first", Type: "u32le", Offset: 8, Size: 4, Text: "185207048"},
		{Depth: 2, Name: "second", Type: "u32le", Offset: 12, Size: 4, Text: "252579084"},
		{Name: "sections", Type: "[2]SECTION", Offset: 64, Size: 32},
		{Depth: 1, Name: "[0]", Type: "SECTION", Offset: 64, Size: 16},
		{Depth: 2, Name: "name", Type: "char[8]", Offset: 64, Size: 8, Text: "\x1b[31m\nred"},
		{Depth: 2, Name: "size", Type: "u64be", Offset: 72, Size: 8, Text: "0x48494a4b4c4d4e4f"},
		{Depth: 1, Name: "[1]", Type: "SECTION", Offset: 80, Size: 16},
		{Depth: 2, Name: "name", Type: "char[8]", Offset: 80, Size: 8, Text: ".data"},
	}
}

func TestFieldsAreFound(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		nodes := make([]layout.Node, random.IntN(30))
		for i := range nodes {
			nodes[i] = layout.Node{Depth: random.IntN(4), Name: "n", Offset: random.Int64N(60), Size: random.Int64N(8)}
		}
		f := newFields(nodes)
		for off := range int64(70) {
			checkField(t, &f, off)
		}
	}
}

// checkField compares with a look at every node.
func checkField(t *testing.T, f *fields, off int64) {
	t.Helper()
	inside, next, previous := int64(-1), int64(math.MaxInt64), int64(-1)
	for i, n := range f.nodes {
		switch {
		case f.inner(i) || n.Size == 0:
			continue
		case n.Offset > off:
			next = min(next, n.Offset)
		case off < n.Offset+n.Size:
			inside = max(inside, n.Offset)
		}
		if n.Offset < off {
			previous = max(previous, n.Offset)
		}
	}
	offsetOf := func(k int, none int64) int64 {
		if k < 0 || k >= len(f.leaves) {
			return none
		}
		return f.nodes[f.leaves[k]].Offset
	}
	if got := offsetOf(f.at(off), -1); got != inside {
		t.Fatalf("byte %d is in the field at %d, want %d, of %+v", off, got, inside, f.nodes)
	}
	if got := offsetOf(f.after(off), math.MaxInt64); got != next {
		t.Fatalf("behind %d comes %d, want %d", off, got, next)
	}
	if got := offsetOf(f.before(off), -1); got != previous {
		t.Fatalf("before %d comes %d, want %d", off, got, previous)
	}
}

func TestPathsOfFields(t *testing.T) {
	f := newFields(someFields())
	for i, want := range map[int]string{0: "HEADER", 4: "HEADER.pair.first", 7: "sections[0]", 11: "sections[1].name"} {
		if got := f.path(i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
