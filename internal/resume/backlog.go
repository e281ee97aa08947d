package resume

import "sync"

// backlog is what was sent and not acknowledged, in order. Its memory is taken as it is
// needed, and given back: a stream at rest holds none.
type backlog struct {
	base   uint64 // number of the first byte that is kept
	end    uint64 // and of the one behind the last
	first  uint64 // number of the first byte of chunks[0]
	chunks []*chunk
}

const chunkSize = 64 << 10

type chunk [chunkSize]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func (b *backlog) len() int { return int(b.end - b.base) }

// add copies the first n bytes of bufs.
func (b *backlog) add(bufs [][]byte, n int) {
	for _, p := range bufs {
		p = p[:min(len(p), n)]
		n -= len(p)
		for len(p) > 0 {
			k := copy(b.space(), p)
			b.end += uint64(k)
			p = p[k:]
		}
	}
}

// space is where the next bytes go.
func (b *backlog) space() []byte {
	if len(b.chunks) == 0 {
		b.first = b.end
	}
	at := int(b.end - b.first)
	if at == len(b.chunks)*chunkSize {
		b.chunks = append(b.chunks, chunks.Get().(*chunk))
	}
	return b.chunks[at/chunkSize][at%chunkSize:]
}

// release forgets what is before number to, which is not above end.
func (b *backlog) release(to uint64) {
	b.base = to
	n := int(to-b.first) / chunkSize
	if b.base == b.end {
		n = len(b.chunks)
	}
	for i := range n {
		chunks.Put(b.chunks[i])
		b.chunks[i] = nil
	}
	b.chunks = b.chunks[n:]
	b.first += uint64(n) * chunkSize
	if len(b.chunks) == 0 {
		b.chunks = nil
	}
}

// slices appends to bufs the n bytes from number from on, which are all there.
func (b *backlog) slices(bufs [][]byte, from uint64, n int) [][]byte {
	for at := int(from - b.first); n > 0; {
		p := b.chunks[at/chunkSize][at%chunkSize:]
		p = p[:min(len(p), n)]
		bufs = append(bufs, p)
		at += len(p)
		n -= len(p)
	}
	return bufs
}
