package mux

import (
	"encoding/binary"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
)

// Stream is one exchange inside a link.
type Stream struct {
	ID uint32

	// User is the layer above's.
	User any

	// Sending.
	sendOpen bool  // this side has not ended its direction
	stopped  bool  // the peer wants no more
	reset    bool  // this side wants no more
	credit   int64 // bytes that may still be sent
	queue    []chunk
	isReady  bool

	// Receiving.
	recvOpen bool
	gone     bool
	allowed  int64 // bytes that the peer may still send
	owed     int64 // bytes consumed and not given back yet
	window   int64

	// A message of which not all pieces have come.
	partial, partOpen bool
	long, waiting     bool
	partHandle        frame.Handle
	part              []byte
	partFiles         []*os.File
	partCost          int64

	in *inbox // of a BULK stream that this side reads
}

// chunk is bytes that wait to be sent: a message or data of any length.
type chunk struct {
	kind    frame.Kind
	handle  frame.Handle
	payload []byte
	end     bool
	files   []*os.File
	sent    func() // called under Conn's lock, when payload is no longer needed
	begun   bool   // its first frame has left
}

// put queues a whole urgent frame.
func (s *State) put(h frame.Header, payload []byte, files []*os.File) {
	h.Length = uint32(len(payload))
	h.FDs = uint8(len(files))
	if s.Record != nil {
		s.Record(true, h, payload)
	}
	last := len(s.urgent) - 1
	if last < 0 || len(files) > 0 || len(s.urgent[last].buf) > UrgentMessage {
		s.urgent = append(s.urgent, segment{buf: s.spare, files: files})
		s.spare = nil
		last++
	}
	seg := &s.urgent[last]
	seg.buf = append(h.Append(seg.buf), payload...)
}

// send queues c on st: at once when it is small, nothing of st waits and there is
// credit.
func (s *State) send(st *Stream, c chunk) {
	if st.stopped || !st.sendOpen {
		s.discard(st, c)
		return
	}
	h := frame.Header{Stream: st.ID, Kind: c.kind, Handle: c.handle, Length: uint32(len(c.payload))}
	if len(st.queue) > 0 || len(c.payload) > UrgentMessage || st.credit < cost(h) || c.kind == frame.Data && len(c.payload) > 0 {
		st.queue = append(st.queue, c)
		s.makeReady(st)
		return
	}
	st.credit -= cost(h)
	if c.end {
		h.Flags = frame.End
		st.sendOpen = false
	}
	s.put(h, c.payload, c.files)
	if c.sent != nil {
		c.sent()
	}
	if c.end {
		s.settle(st)
	}
}

// discard is what becomes of c when the peer wants nothing more: of all that was to
// be sent, only the end still is.
func (s *State) discard(st *Stream, c chunk) {
	closeFiles(c.files)
	if c.sent != nil {
		c.sent()
	}
	if c.end && st.sendOpen {
		s.putReset(st, Cancelled, "")
		st.sendOpen = false
		s.settle(st)
	}
}

func (s *State) putReset(st *Stream, code Code, reason string) {
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	b = append(b, reason[:min(len(reason), MaxReason)]...)
	s.put(frame.Header{Stream: st.ID, Kind: frame.Reset}, b, nil)
}

// Reset tells the peer that this side wants the stream to end, and ends its own
// direction.
func (s *State) Reset(st *Stream, code Code, reason string) {
	if st.reset || st.gone || !st.recvOpen && !st.sendOpen {
		return
	}
	s.dropQueue(st)
	s.putReset(st, code, reason)
	st.reset, st.sendOpen = true, false
	s.settle(st)
}

// dropQueue forgets what waits to be sent, and tells whether the end of the
// direction was among it.
func (s *State) dropQueue(st *Stream) (end bool) {
	for _, c := range st.queue {
		end = end || c.end
		closeFiles(c.files)
		switch {
		case c.sent == nil:
		case c.begun && s.writing: // the write may be using its payload
			s.orphans = append(s.orphans, c.sent)
		default:
			c.sent()
		}
	}
	st.queue = nil
	return end
}

func (s *State) makeReady(st *Stream) {
	if !st.isReady && len(st.queue) > 0 && st.sendable() {
		st.isReady = true
		s.ready = append(s.ready, st)
	}
}

// sendable reports whether a frame of st's first chunk may leave.
func (st *Stream) sendable() bool {
	return st.credit > frame.HeaderSize || st.credit == frame.HeaderSize && len(st.queue[0].payload) == 0
}

// Pending reports whether something could be written now.
func (s *State) Pending() bool { return len(s.urgent) > 0 || len(s.ready) > 0 }

// Queued is how many bytes of urgent frames wait to be written.
func (s *State) Queued() int {
	n := 0
	for _, seg := range s.urgent {
		n += len(seg.buf)
	}
	return n
}

// Batch is what one write takes: whole frames, and the file descriptors that go
// with its first byte.
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
	n := 0
	for n < len(s.urgent) && n < maxBufs/2 && (n == 0 || len(s.urgent[n].files) == 0) {
		b.bufs = append(b.bufs, s.urgent[n].buf)
		n++
	}
	if n > 0 {
		b.Files, b.spare = s.urgent[0].files, s.urgent[0].buf
		s.urgent = s.urgent[:copy(s.urgent, s.urgent[n:])]
	}
	if len(s.urgent) == 0 {
		s.gatherBulk(b)
	}
	b.Bufs = b.bufs
}

// Written ends b, which has been written or given up.
func (s *State) Written(b *Batch) {
	if cap(b.spare) > 0 && cap(b.spare) <= 4*UrgentMessage && s.spare == nil {
		s.spare = b.spare[:0]
	}
	b.Bufs, b.spare, s.writing = nil, nil, false
	for _, f := range append(b.sent, s.orphans...) {
		f()
	}
	b.sent, s.orphans = b.sent[:0], nil
}

func (s *State) gatherBulk(b *Batch) {
	if cap(b.headers) < maxBufs*frame.HeaderSize {
		b.headers = make([]byte, 0, maxBufs*frame.HeaderSize) // never grown: Bufs point into it
	}
	for quantum := BulkQuantum; quantum > 0 && len(s.ready) > 0 && len(b.bufs) < maxBufs-2; {
		st := s.ready[0]
		if len(st.queue) > 0 && len(st.queue[0].files) > 0 && !st.queue[0].begun && len(b.bufs) > 0 {
			return // its files go with the first byte of a write
		}
		s.ready = s.ready[:copy(s.ready, s.ready[1:])]
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
		b.Files, c.files = c.files, nil
	}
	c.begun = true
	if c.kind == frame.Open {
		c.kind = frame.Message
	}
	if last {
		if c.sent != nil {
			b.sent = append(b.sent, c.sent)
		}
		st.queue = st.queue[:copy(st.queue, st.queue[1:])]
	}
	return n + frame.HeaderSize
}
