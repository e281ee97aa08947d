package mux

import (
	"os"
	"slices"

	"github.com/outwork-go/outwork/internal/frame"
)

// Pending reports whether something could be written now.
func (s *State) Pending() bool { return len(s.urgent) > 0 || len(s.ready) > 0 && !s.held() }

// waiting reports whether something waits that no credit is missing for.
func (s *State) waiting() bool { return len(s.urgent) > 0 || len(s.ready) > 0 }

// Queued is how many bytes of urgent frames wait to be written.
func (s *State) Queued() int {
	n := 0
	for _, seg := range s.urgent {
		n += len(seg.buf)
	}
	return n
}

// Batch is what one write takes: whole frames, and all their file descriptors,
// which go with its first byte, frame.MaxFDs at most.
type Batch struct {
	Bufs  [][]byte
	Files []*os.File

	bufs    [][]byte // Bufs' backing, all of it
	headers []byte
	spare   []byte // an urgent segment's memory, to be used again when b is written
	sent    []func()
}

// Empty reports whether all of b has been written.
func (b *Batch) Empty() bool { return len(b.Bufs) == 0 }

// Advance notes that n bytes have been written.
func (b *Batch) Advance(n int) {
	if n > 0 {
		b.Files = nil
	}
	for n > 0 {
		if n < len(b.Bufs[0]) {
			b.Bufs[0] = b.Bufs[0][n:]
			return
		}
		n -= len(b.Bufs[0])
		b.Bufs = b.Bufs[1:]
	}
}

// maxBufs bounds the pieces of one write; the kernel takes 1,024.
const maxBufs = 256

// Gather fills b, which must be empty, with what goes next: urgent frames, then
// bulk of the ready streams in turn.
func (s *State) Gather(b *Batch) {
	b.bufs, b.headers, b.sent = b.bufs[:0], b.headers[:0], b.sent[:0]
	s.writing = true
	s.markAhead()
	n := 0
	for n < len(s.urgent) && n < maxBufs/2 && len(b.Files)+len(s.urgent[n].files) <= frame.MaxFDs {
		b.bufs = append(b.bufs, s.urgent[n].buf)
		b.Files = append(b.Files, s.urgent[n].files...)
		s.leave(&s.urgent[n])
		n++
	}
	if n > 0 {
		b.spare = s.urgent[0].buf
		s.urgent = slices.Delete(s.urgent, 0, n)
	}
	if len(s.urgent) == 0 {
		s.gatherBulk(b)
	}
	s.markBehind(b)
	b.Bufs = b.bufs
}

// leave notes that seg is about to be written.
func (s *State) leave(seg *segment) {
	s.pongs -= seg.pongs
	for _, st := range s.ending[:seg.ends] {
		st.endQueued = false
		if st.gone {
			s.peers--
		}
	}
	s.ending = slices.Delete(s.ending, 0, seg.ends)
}

// Written ends b, which has been written or given up.
func (s *State) Written(b *Batch) {
	if cap(b.spare) > 0 && cap(b.spare) <= 4*UrgentMessage && s.spare == nil {
		s.spare = b.spare[:0]
	}
	closeFiles(b.Files)
	b.Bufs, b.Files, b.spare, s.writing = nil, nil, nil, false
	sent, orphans := b.sent, s.orphans
	b.sent, s.orphans = nil, nil
	for _, f := range sent {
		f()
	}
	for _, f := range orphans {
		f()
	}
	clear(sent)
	b.sent = sent[:0]
}

func (s *State) gatherBulk(b *Batch) {
	if cap(b.headers) < maxBufs*frame.HeaderSize {
		b.headers = make([]byte, 0, maxBufs*frame.HeaderSize) // never grown: Bufs point into it
	}
	for quantum := s.quantum(); quantum > 0 && len(s.ready) > 0 && len(b.bufs) < maxBufs-2; {
		st := s.ready[0]
		if len(st.queue) > 0 && len(b.Files)+len(st.queue[0].files) > frame.MaxFDs {
			return
		}
		s.ready = slices.Delete(s.ready, 0, 1)
		st.isReady = false
		if len(st.queue) > 0 && st.sendable() {
			quantum -= s.bulkFrame(st, b, quantum)
		}
		s.makeReady(st)
		if len(st.queue) == 0 {
			s.settle(st)
		}
	}
}

// bulkFrame takes the next frame of st's first chunk.
func (s *State) bulkFrame(st *Stream, b *Batch, most int) int {
	c := &st.queue[0]
	n := min(len(c.payload), most, int(st.credit)-frame.HeaderSize, frame.MaxPayload)
	piece := c.payload[:n]
	c.payload = c.payload[n:]
	last := len(c.payload) == 0
	h := frame.Header{Length: uint32(n), Stream: st.ID, Kind: c.kind, Handle: c.handle, FDs: uint8(len(c.files))}
	switch {
	case last && c.end:
		h.Flags = frame.End
		st.sendOpen = false
	case !last && c.kind != frame.Data:
		h.Flags = frame.More
	}
	st.credit -= cost(h)
	if s.Record != nil {
		s.Record(true, h, piece)
	}
	at := len(b.headers)
	b.headers = h.Append(b.headers)
	b.bufs = append(b.bufs, b.headers[at:])
	if n > 0 {
		b.bufs = append(b.bufs, piece)
	}
	if len(c.files) > 0 {
		b.Files, c.files = append(b.Files, c.files...), nil
	}
	c.begun = true
	if last {
		if c.sent != nil {
			b.sent = append(b.sent, c.sent)
		}
		st.queue = slices.Delete(st.queue, 0, 1)
	}
	return n + frame.HeaderSize
}
