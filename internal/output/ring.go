package output

import (
	"slices"
	"sync"
)

// TailSize is how many bytes of a worker's stderr are kept to be its last
// words.
const TailSize = 64 << 10

// A ring holds the last TailSize bytes written to it, and no memory before the
// first. It has a lock of its own: whoever asks for last words does not wait
// for a sink.
type ring struct {
	mu    sync.Mutex
	buf   []byte
	start int // of the oldest byte, once buf is full
}

func (r *ring) write(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p = p[max(0, len(p)-TailSize):]
	n := min(len(p), TailSize-len(r.buf))
	r.buf = append(r.buf, p[:n]...)
	for p = p[n:]; len(p) > 0; p = p[n:] {
		n = copy(r.buf[r.start:], p)
		r.start = (r.start + n) % TailSize
	}
}

func (r *ring) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.buf[r.start:], r.buf[:r.start])
}

// Tail keeps the last TailSize bytes that were written to it. The zero value is empty.
// It is safe for concurrent use.
type Tail struct{ r ring }

// Write keeps p. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.r.write(p)
	return len(p), nil
}

// Bytes are a copy of what is kept.
func (t *Tail) Bytes() []byte { return t.r.bytes() }
