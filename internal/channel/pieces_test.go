package channel

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// What is sealed is all of it, in order; large pieces are not copied, and small ones share
// a record.
func TestPiecesAreSealed(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes []int
		n     int
		want  string // lengths, with a * where bytes were copied
	}{
		{"small ones", []int{4, 20, 64}, 88, "[88*]"},
		{"a head and chunks", []int{4, 65536, 65536, 3, 9}, 131088, "[4* 65536 65536 12*]"},
		{"the middle of a chunk", []int{4, 65536}, 20004, "[4* 20000]"},
		{"a rest of a chunk", []int{4, 65536}, 1004, "[1004*]"},
		{"empty ones", []int{0, 5, 0, 0, 4096, 0, 7}, 4108, "[5* 4096 7*]"},
		{"one byte less than goes alone", []int{3, 4095, 4095}, 8193, "[8193*]"},
		{"more small ones than a record has", slices.Repeat([]int{4000}, 9), 36000, "[16384* 16384* 3232*]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bufs, all := numberedPieces(c.sizes)
			var (
				got     []byte
				lengths []string
				joint   [tlsPlain]byte
			)
			from := pieces{bufs: bufs}
			for n := c.n; n > 0; {
				b := from.run(joint[:0], n)
				mark := ""
				if &b[0] == &joint[0] {
					mark = "*"
				}
				lengths = append(lengths, fmt.Sprintf("%d%s", len(b), mark))
				got = append(got, b...)
				n -= len(b)
			}
			if !bytes.Equal(got, all[:c.n]) {
				t.Error("the bytes differ")
			}
			if fmt.Sprint(lengths) != c.want {
				t.Errorf("got %v, want %s", lengths, c.want)
			}
		})
	}
}

// numberedPieces are pieces of those sizes, and all of them.
func numberedPieces(sizes []int) (bufs [][]byte, all []byte) {
	for _, size := range sizes {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte((len(all) + i) * 7 / 5)
		}
		bufs, all = append(bufs, b), append(all, b...)
	}
	return bufs, all
}
