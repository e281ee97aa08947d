package resume

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// A backlog is a slice of bytes that forgets its beginning.
func TestBacklog(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var b backlog
		var all []byte
		for range 300 {
			switch rng.IntN(3) {
			case 0:
				p := make([]byte, rng.IntN(3*chunkSize))
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				cut := rng.IntN(len(p) + 1)
				n := rng.IntN(len(p) + 1)
				b.add([][]byte{p[:cut], nil, p[cut:]}, n)
				all = append(all, p[:n]...)
			case 1:
				b.release(b.base + uint64(rng.IntN(b.len()+1)))
			default:
				n := rng.IntN(b.len() + 1)
				from := b.base + uint64(rng.IntN(b.len()-n+1))
				if got := bytes.Join(b.slices(nil, from, n), nil); !bytes.Equal(got, all[from:from+uint64(n)]) {
					t.Fatalf("seed %d: %d bytes from %d are others", seed, n, from)
				}
			}
			if b.end != uint64(len(all)) {
				t.Fatalf("seed %d: end %d, want %d", seed, b.end, len(all))
			}
			if most := b.len()/chunkSize + 2; len(b.chunks) > most {
				t.Fatalf("seed %d: %d chunks for %d bytes", seed, len(b.chunks), b.len())
			}
		}
		if b.release(b.end); b.chunks != nil {
			t.Errorf("seed %d: memory is kept of nothing", seed)
		}
	}
}
