package mux

import (
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// Pace keeps bulk that is under way near what the link carries in two round trips, for
// a link with a long queue in it. It goes by clock, the time since any moment, which never
// runs backwards. It is called once, when the peer has greeted: PINGs are sent from
// then on.
func (s *State) Pace(clock func() time.Duration) {
	s.pace, s.clock = newPace(), clock
	s.putMark(true)
}

// Ping asks the peer for a sign of life.
func (s *State) Ping() {
	if s.pace == nil || len(s.pace.marks) >= MaxMarks {
		s.Control(frame.Ping, nil)
		return
	}
	s.putMark(s.pace.idle(s.clock()))
}

func (s *State) putMark(clean bool) {
	s.Control(frame.Ping, s.pace.next(clean, s.clock()))
}

// ponged takes an answer to a mark.
func (s *State) ponged(payload []byte) {
	if s.pace.pong(payload, s.clock()) {
		s.putMark(false)
	}
}

// held reports whether bulk must wait for what is under way.
func (s *State) held() bool { return s.pace != nil && s.pace.held() }

// quantum is how much bulk may be written before urgent frames are looked for again.
func (s *State) quantum() int {
	switch {
	case s.pace == nil:
		return BulkQuantum
	case s.pace.held():
		return 0
	}
	return int(s.pace.step())
}

// markAhead puts a mark before bulk when that measures a round trip.
func (s *State) markAhead() {
	if s.pace != nil && len(s.ready) > 0 && s.pace.ahead(s.clock()) {
		s.putMark(true)
	}
}

// markBehind counts what b takes, and puts a mark behind it when one is due.
func (s *State) markBehind(b *Batch) {
	if s.pace == nil {
		return
	}
	n := 0
	for _, buf := range b.bufs {
		n += len(buf)
	}
	now := s.clock()
	if !s.pace.left(n, len(s.ready) > 0, now) {
		return
	}
	payload := s.pace.next(false, now)
	h := frame.Header{Length: uint32(len(payload)), Kind: frame.Message, Handle: frame.Ping}
	if s.Record != nil {
		s.Record(true, h, payload)
	}
	b.bufs = append(b.bufs, append(h.Append(nil), payload...))
}

// hurries reports whether c, a small piece of st, leaves before all bulk. What a process
// reads and writes does so as long as it is little: no more than UrgentMessage in a
// round trip, or it is bulk in small pieces.
func (s *State) hurries(st *Stream, c chunk) bool {
	p := st.pipe
	if s.pace == nil || p == nil || c.kind == frame.Open {
		return true
	}
	if p.trip != s.pace.trips {
		p.trip, p.hurried = s.pace.trips, 0
	}
	p.hurried += int64(len(c.payload)) + frame.HeaderSize
	return p.hurried <= UrgentMessage+frame.HeaderSize
}

// pipeRoom is how many bytes may wait on one stream that relays bytes.
func (s *State) pipeRoom() int {
	if s.pace == nil {
		return PipeBuffer
	}
	return int(min(PipeBuffer, s.pace.limit))
}
