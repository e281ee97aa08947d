// Package mux carries many streams over one Transport, as PROTOCOL.md says.
//
// State is the protocol itself: streams, credit and priority, with no
// goroutine, clock or I/O in it. Conn drives a State over a Transport, and has
// no goroutine of its own while calls are under way: whoever waits for
// something reads for itself, and whoever has something to send writes, for
// others too. Conn says how in its own comment.
//
// It promises that the frames of one stream arrive in the order in which they were
// sent, that a slow reader of one stream delays no other, and that what is
// buffered is bounded. It does not look into messages: package link does.
package mux

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
)

// Limits of a State; each has its line in PROTOCOL.md.
const (
	Window        = 256 << 10       // bytes: a stream's initial window
	MinWindow     = 64 << 10        // bytes: the least that a peer may announce
	TopWindow     = 1 << 20         // bytes: the most that a peer may announce
	MaxWindow     = 4 << 20         // bytes: what a window grows to
	GrowthBudget  = 64 << 20        // bytes: sum over a link of what windows grew by
	UrgentMessage = 16 << 10        // bytes: longer messages queue as bulk
	BulkQuantum   = 256 << 10       // bytes: bulk written before urgent frames are looked for again
	MaxMessage    = 16<<20 + 64<<10 // bytes: the longest message, with its envelope
	LongMessages  = 4               // messages above the window that may arrive at once
	MaxPendingFDs = 64              // file descriptors waiting for their frame
	MaxReason     = frame.MaxReason
	maxCredit     = 1<<31 - 1
)

// Side is which end of a link this is.
type Side uint8

// The sides: the manager opens odd streams, the worker even ones.
const (
	ManagerSide Side = iota
	WorkerSide
)

// Event is what one received frame means to the layer above.
type Event struct {
	Stream  *Stream // nil for a message of the link itself
	Kind    frame.Kind
	Handle  frame.Handle
	Payload []byte // valid until the handler returns, unless Owned
	Owned   bool   // Payload is the handler's to keep
	End     bool   // the peer sends nothing more on the stream
	Files   []*os.File
	Code    Code   // of a RESET
	Batch   uint64 // which read brought it; see Conn
}

// Code is why a RESET was sent.
type Code uint16

// The codes.
const (
	Cancelled Code = 1 + iota // the caller's context ended
	Unwanted                  // the reader wants no more
	Failed                    // the source failed
	Closing                   // the sender goes away
)

// State is one end of a link. It is not safe for concurrent use: Conn guards
// it.
type State struct {
	side     Side
	next     uint32 // the next stream that this side opens
	peerNext uint32 // and the peer
	streams  map[uint32]*Stream
	own      int // streams open now that this side opened
	peers    int
	ownMax   int // set from the peer's HELLO
	peerMax  int
	window   int64 // what each new stream may send at first: the peer's announcement
	grown    int64
	long     int       // long messages under way
	longWait []*Stream // and streams that wait for a place

	urgent  []segment
	spare   []byte    // memory for the next segment
	writing bool      // a Batch is being written
	orphans []func()  // sent functions of dropped chunks that a write may still use
	ready   []*Stream // with queued chunks and credit

	// Record, when set, sees every frame.
	Record func(sent bool, h frame.Header, payload []byte)
}

// segment is whole urgent frames; files belong to its first one.
type segment struct {
	buf   []byte
	files []*os.File
}

// NewState returns the state of a fresh link. peerStreams bounds how many streams
// the peer may have open at once.
func NewState(side Side, peerStreams int) *State {
	s := &State{side: side, next: 1, peerNext: 2, streams: map[uint32]*Stream{}, ownMax: 1, peerMax: peerStreams, window: MinWindow}
	if side == WorkerSide {
		s.next, s.peerNext = 2, 1
	}
	return s
}

// Peer sets what the peer's HELLO announced.
func (s *State) Peer(window, streams int) { s.window, s.ownMax = int64(window), streams }

// Raw queues bytes that are no frame: the preamble.
func (s *State) Raw(b []byte) { s.urgent = append(s.urgent, segment{buf: append([]byte(nil), b...)}) }

// cost is what a frame takes from its stream's credit.
func cost(h frame.Header) int64 { return int64(h.Length) + frame.HeaderSize }

// Control queues a message of the link itself.
func (s *State) Control(handle frame.Handle, payload []byte) {
	s.put(frame.Header{Kind: frame.Message, Handle: handle}, payload, nil)
}

// ErrStreams is Open's answer when as many streams are open as the peer
// allows: wait for one to end.
var ErrStreams = fmt.Errorf("as many streams are open as the peer allows")

// ErrExhausted is Open's answer when every stream number was used.
var ErrExhausted = fmt.Errorf("the link has used up its stream numbers")

// Open opens a stream with its first message.
func (s *State) Open(handle frame.Handle, payload []byte, end bool, files []*os.File) (*Stream, error) {
	if s.own >= s.ownMax {
		return nil, ErrStreams
	}
	if s.next > 1<<32-3 {
		return nil, ErrExhausted
	}
	st := s.add(s.next, handle)
	s.next += 2
	s.own++
	s.send(st, chunk{kind: frame.Open, handle: handle, payload: payload, end: end, files: files})
	return st, nil
}

// add makes a stream. BULK is one-way: its other direction is over from the
// start.
func (s *State) add(id uint32, handle frame.Handle) *Stream {
	st := &Stream{ID: id, sendOpen: true, recvOpen: true, credit: s.window, window: Window, allowed: Window}
	if handle == frame.Bulk {
		st.sendOpen = s.opened(id)
		st.recvOpen = !st.sendOpen
	}
	if st.recvOpen && !st.sendOpen {
		st.in = &inbox{}
	}
	s.streams[id] = st
	return st
}

// opened reports whether this side is who opens streams with such a number.
func (s *State) opened(id uint32) bool { return id%2 == s.next%2 }

// Admit tells whether a frame with this header may come now, before its payload
// has arrived. It changes nothing.
func (s *State) Admit(h frame.Header) error {
	if h.Stream == 0 {
		return nil
	}
	if h.Kind == frame.Open {
		return s.admitOpen(h)
	}
	st := s.streams[h.Stream]
	if st == nil {
		return s.admitGone(h)
	}
	if h.Kind == frame.Credit || h.Kind == frame.Reset {
		return nil
	}
	switch {
	case !st.recvOpen:
		return frame.Violated("ended", "%s %son stream %d, which the peer has ended", h.Kind, name(h), h.Stream)
	case cost(h) > st.allowed:
		return frame.Violated("credit", "%d bytes on stream %d with a credit of %d", cost(h), h.Stream, st.allowed)
	case st.partial && h.Kind == frame.Data:
		return frame.Violated("flags", "DATA inside a message on stream %d", h.Stream)
	case st.partial && h.Handle != st.partHandle:
		return frame.Violated("flags", "%s inside a %s on stream %d", h.Handle, st.partHandle, h.Stream)
	case !st.partial && h.Handle == frame.CallFunction:
		return frame.Violated("handle", "MESSAGE CALL_FUNCTION on stream %d", h.Stream)
	}
	return nil
}

func name(h frame.Header) string {
	if h.Handle == 0 {
		return ""
	}
	return h.Handle.String() + " "
}

func (s *State) admitOpen(h frame.Header) error {
	switch {
	case s.opened(h.Stream):
		return frame.Violated("stream", "OPEN of stream %d, which is this side's to open", h.Stream)
	case h.Stream < s.peerNext:
		return frame.Violated("ended", "a second OPEN of stream %d", h.Stream)
	case h.Stream > s.peerNext:
		return frame.Violated("stream", "OPEN of stream %d, the next one is %d", h.Stream, s.peerNext)
	case s.peers >= s.peerMax:
		return frame.Violated("streams", "more than %d streams at once", s.peerMax)
	case cost(h) > Window:
		return frame.Violated("credit", "an OPEN of %d bytes", h.Length)
	}
	return nil
}

// admitGone is for streams that are not there: they are over, or never were.
func (s *State) admitGone(h frame.Header) error {
	was := h.Stream < s.peerNext
	if s.opened(h.Stream) {
		was = h.Stream < s.next
	}
	if !was {
		return frame.Violated("stream", "%s %son stream %d, which was never opened", h.Kind, name(h), h.Stream)
	}
	if h.Kind == frame.Credit || h.Kind == frame.Reset {
		return nil // it crossed the stream's end
	}
	return frame.Violated("ended", "%s %son stream %d, which is over", h.Kind, name(h), h.Stream)
}

// Receive takes in one whole frame. ok is false when there is nothing to tell the
// layer above. Its error is a *frame.Violation, and ends the link.
func (s *State) Receive(h frame.Header, payload []byte, owned bool, files []*os.File) (ev Event, ok bool, err error) {
	if err := s.Admit(h); err != nil {
		return ev, false, err
	}
	if s.Record != nil {
		s.Record(false, h, payload)
	}
	ev = Event{Kind: h.Kind, Handle: h.Handle, Payload: payload, Owned: owned, End: h.Flags&frame.End != 0, Files: files}
	if h.Stream == 0 {
		return ev, true, nil
	}
	if h.Kind == frame.Open {
		ev.Stream = s.add(h.Stream, h.Handle)
		s.peerNext += 2
		s.peers++
	} else if ev.Stream = s.streams[h.Stream]; ev.Stream == nil {
		return ev, false, nil
	}
	return s.receiveOn(ev.Stream, h, ev)
}

func (s *State) receiveOn(st *Stream, h frame.Header, ev Event) (Event, bool, error) {
	switch h.Kind {
	case frame.Credit:
		return ev, false, s.takeCredit(st, binary.BigEndian.Uint32(ev.Payload))
	case frame.Reset:
		if st.stopped {
			return ev, false, nil
		}
		st.stopped, st.recvOpen = true, false
		ev.Code, ev.Payload = Code(binary.BigEndian.Uint16(ev.Payload)), ev.Payload[2:]
		if s.dropQueue(st) {
			s.putReset(st, Cancelled, "")
			st.sendOpen = false
		}
		s.settle(st)
		return ev, !st.reset, nil
	}
	st.allowed -= cost(h)
	if ev.End {
		st.recvOpen = false
	}
	defer s.settle(st)
	if st.reset { // nobody listens any more: let the peer come to its end
		s.Consume(st, cost(h))
		closeFiles(ev.Files)
		return ev, false, nil
	}
	if h.Kind == frame.Data {
		return ev, true, nil
	}
	return s.assemble(st, h, ev)
}

func (s *State) takeCredit(st *Stream, n uint32) error {
	if n == 0 || st.credit+int64(n) > maxCredit {
		return frame.Violated("credit", "a CREDIT of %d on stream %d, which has %d", n, st.ID, st.credit)
	}
	st.credit += int64(n)
	s.makeReady(st)
	return nil
}

// assemble joins the pieces of a message.
func (s *State) assemble(st *Stream, h frame.Header, ev Event) (Event, bool, error) {
	more := h.Flags&frame.More != 0
	if !st.partial && !more {
		if ev.Handle != frame.Item {
			s.Consume(st, cost(h))
		}
		return ev, true, nil
	}
	if len(st.part)+len(ev.Payload) > MaxMessage {
		return ev, false, frame.Violated("message", "a message of more than %d bytes on stream %d", MaxMessage, st.ID)
	}
	if !st.partial {
		st.partial, st.partHandle, st.partOpen = true, h.Handle, h.Kind == frame.Open
	}
	st.part = append(st.part, ev.Payload...)
	st.partFiles = append(st.partFiles, ev.Files...)
	st.partCost += cost(h)
	if more {
		s.wantLong(st)
		return ev, false, nil
	}
	ev.Payload, ev.Files, ev.Owned = st.part, st.partFiles, true
	if st.partOpen {
		ev.Kind = frame.Open
	}
	s.endLong(st)
	s.Consume(st, st.partCost)
	st.partial, st.part, st.partFiles, st.partCost = false, nil, nil, 0
	return ev, true, nil
}

// wantLong gives credit for the rest of a long message, when there is a place
// for one.
func (s *State) wantLong(st *Stream) {
	switch {
	case st.long:
		s.Consume(st, st.partCost)
		st.partCost = 0
	case st.waiting || st.allowed > st.window/2 || st.in.full():
	case s.long < LongMessages:
		s.long++
		st.long = true
		s.wantLong(st)
	default:
		st.waiting = true
		s.longWait = append(s.longWait, st)
	}
}

// endLong frees st's place for the next one.
func (s *State) endLong(st *Stream) {
	if st.long {
		st.long = false
		s.long--
	}
	for s.long < LongMessages && len(s.longWait) > 0 {
		next := s.longWait[0]
		s.longWait = s.longWait[1:]
		if next.waiting {
			next.waiting = false
			if s.streams[next.ID] == next && next.partial {
				s.wantLong(next)
			}
		}
	}
}

// Consume gives n bytes of credit back to the peer. A reader that keeps up with
// a full window is given a larger one.
func (s *State) Consume(st *Stream, n int64) {
	st.owed += n
	if !st.recvOpen || st.owed < st.window/2 {
		return
	}
	if st.owed+st.allowed >= st.window && st.window < MaxWindow && s.grown+st.window <= GrowthBudget {
		s.grown += st.window
		st.owed += st.window
		st.window *= 2
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(st.owed))
	s.put(frame.Header{Stream: st.ID, Kind: frame.Credit}, b[:], nil)
	st.allowed += st.owed
	st.owed = 0
}

// settle forgets a stream whose directions have both ended.
func (s *State) settle(st *Stream) {
	if st.recvOpen || st.sendOpen || len(st.queue) > 0 || st.gone {
		return
	}
	st.gone = true
	delete(s.streams, st.ID)
	s.grown -= st.window - Window
	s.endLong(st)
	closeFiles(st.partFiles)
	st.part, st.partFiles = nil, nil
	if s.opened(st.ID) {
		s.own--
	} else {
		s.peers--
	}
}

// abandon ends what waits on any stream of a link that has ended.
func (s *State) abandon() {
	for _, st := range s.streams {
		s.dropQueue(st)
		closeFiles(st.partFiles)
		st.partFiles = nil
	}
	for _, seg := range s.urgent {
		closeFiles(seg.files)
	}
	s.urgent, s.ready = nil, nil
}

// Live is how many streams this side has opened that are not over.
func (s *State) Live() int { return s.own }

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
