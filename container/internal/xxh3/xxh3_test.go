package xxh3

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// pseudo is n bytes that are the same at every run.
func pseudo(n int) []byte {
	b := make([]byte, n)
	x := uint32(2654435761)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// TestSums compares with sums that github.com/zeebo/xxh3 1.1.0 made.
func TestSums(t *testing.T) {
	text, err := os.ReadFile("testdata/sums")
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for line := range strings.Lines(string(text)) {
		var n int
		var want uint64
		if _, err := fmt.Sscanf(line, "%d %x", &n, &want); err != nil {
			t.Fatal(err)
		}
		if got := Sum64(pseudo(n)); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
		all++
	}
	if all < 400 {
		t.Error(all, "sums")
	}
}

// TestInPieces: it does not matter how the bytes come.
func TestInPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := pseudo(r.IntN(8 * block))
		h, want := New(), Sum64(b)
		for rest := b; len(rest) > 0; {
			n := min(1+r.IntN(1+r.IntN(3*block)), len(rest))
			h.Write(rest[:n])
			rest = rest[n:]
			h.Sum64() // changes nothing
		}
		if got := h.Sum64(); got != want {
			t.Fatalf("%d bytes: %#x, want %#x", len(b), got, want)
		}
	}
}

func BenchmarkSum64(b *testing.B) {
	data := make([]byte, 1<<20)
	binary.NativeEndian.PutUint64(data, 7)
	b.SetBytes(1 << 20)
	for b.Loop() {
		Sum64(data)
	}
}
