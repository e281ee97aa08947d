package mux

import (
	"bytes"
	"encoding/binary"
	"os"
	"unicode/utf8"

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
	ending   bool  // the end is in queue
	credit   int64 // bytes that may still be sent
	queue    []chunk
	isReady  bool

	// Receiving.
	recvOpen  bool
	gone      bool
	endQueued bool  // a stream of the peer whose end is in State.urgent
	allowed   int64 // bytes that the peer may still send
	owed      int64 // bytes consumed and not given back yet
	window    int64

	// A message of which not all pieces have come.
	partial, partOpen bool
	cut               bool  // it is above the limit: its pieces are dropped
	long              *long // made when needed
	partHandle        frame.Handle
	part              []byte
	partFiles         []*os.File
	partCost          int64
	expected          int64 // bytes of the answer that was asked for; 0: nobody knows

	in   *inbox // of a BULK stream that this side reads, or of a RELAY
	pipe *Pipe  // of a RELAY
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

// put queues a whole urgent frame; it returns where.
func (s *State) put(h frame.Header, payload []byte, files []*os.File) *segment {
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
	return seg
}

// putEnd queues the urgent frame that ends st's direction. The peer's stream
// counts until that leaves: what a peer makes this side say is bounded by its
// streams, also when the peer does not listen.
func (s *State) putEnd(st *Stream, h frame.Header, payload []byte, files []*os.File) {
	seg := s.put(h, payload, files)
	if st.sendOpen && !s.opened(st.ID) {
		st.endQueued = true
		s.ending = append(s.ending, st)
		seg.ends++
	}
	st.sendOpen = false
}

// send queues c on st: at once when it is small, nothing of st waits and there is
// credit. A payload is kept that is long, or whose sender hears when it was sent; any
// other is copied.
func (s *State) send(st *Stream, c chunk) {
	if st.stopped || st.ending || !st.sendOpen {
		s.discard(st, c)
		return
	}
	h := frame.Header{Stream: st.ID, Kind: c.kind, Handle: c.handle, Length: uint32(len(c.payload))}
	if len(st.queue) > 0 || c.begun || len(c.payload) > UrgentMessage || st.credit < cost(h) ||
		c.kind == frame.Data && len(c.payload) > 0 && st.pipe == nil || !s.hurries(st, c) {
		if c.sent == nil && !c.begun && len(c.payload) <= UrgentMessage {
			c.payload = bytes.Clone(c.payload) // its memory may be used again
		}
		st.queue = append(st.queue, c)
		st.ending = c.end
		s.makeReady(st)
		return
	}
	st.credit -= cost(h)
	if c.end {
		h.Flags = frame.End
		s.putEnd(st, h, c.payload, c.files)
		s.settle(st)
	} else {
		s.put(h, c.payload, c.files)
	}
	if c.sent != nil {
		c.sent()
	}
}

// discard is what becomes of c when the peer wants nothing more, or the
// direction has ended: of all that was to be sent, only the end still is.
func (s *State) discard(st *Stream, c chunk) {
	closeFiles(c.files)
	if c.sent != nil {
		c.sent()
	}
	if c.end && st.sendOpen && !st.ending {
		s.putReset(st, Cancelled, "")
		s.settle(st)
	}
}

// putReset ends st's direction by a RESET, the reason cut at a character's border.
func (s *State) putReset(st *Stream, code Code, reason string) {
	n := min(len(reason), MaxReason)
	for n > 0 && n < len(reason) && !utf8.RuneStart(reason[n]) {
		n--
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	s.putEnd(st, frame.Header{Stream: st.ID, Kind: frame.Reset}, append(b, reason[:n]...), nil)
}

// Reset tells the peer that this side wants the stream to end, and ends its own
// direction.
func (s *State) Reset(st *Stream, code Code, reason string) {
	if st.reset || st.gone || !st.recvOpen && !st.sendOpen {
		return
	}
	s.dropQueue(st)
	s.putReset(st, code, reason)
	st.reset = true
	if st.in != nil {
		part := st.partial
		s.dropPart(st)
		st.partial = part // its pieces still come
	}
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
	st.queue, st.ending = nil, false
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
