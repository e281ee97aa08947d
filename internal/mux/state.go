// Package mux carries many streams over one Transport, as PROTOCOL.md says.
//
// State is the protocol itself: streams, credit and priority, with no
// goroutine, clock or I/O in it. Conn drives a State over a Transport, and has
// no goroutine of its own while calls are under way: whoever waits for
// something reads for itself, and whoever has something to send writes, for
// others too. Conn says how in its own comment.
//
// A link to another host is paced (State.Pace), so that bulk does not queue where small
// frames cannot overtake it, and watched (Conn.Watch), so that its silence ends it.
//
// It promises that the frames of one stream arrive in the order in which they were
// sent, that a slow reader of one stream delays no other, and that what is
// buffered is bounded. It does not look into messages: package link does.
package mux

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"time"

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
	BulkQuantum   = 512 << 10       // bytes: bulk written before urgent frames are looked for again
	MaxMessage    = 16<<20 + 64<<10 // bytes: the longest message, with its envelope
	LongMessages  = 4               // messages above the window that may arrive at once
	MaxPendingFDs = 64              // file descriptors waiting for their frame
	GuardedFDs    = 32              // those of a guarded State's peer that no whole message has brought yet, or that nobody takes
	MaxPongs      = 1024            // answers to PINGs that the peer has not taken yet
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
	Cut     bool   // Payload is the beginning of a message above the limit; the rest is dropped as it comes
	Files   []*os.File
	Code    Code   // of a RESET
	Batch   uint64 // which read brought it; see Conn

	cost int64 // credit that its reader owes the peer
}

// Code is why a RESET was sent.
type Code uint16

// The codes.
const (
	Cancelled Code = 1 + iota // the caller's context ended
	Unwanted                  // the reader wants no more
	Failed                    // the source failed
	Closing                   // the sender goes away
	Expired                   // the caller's deadline has passed
)

// State is one end of a link. It is not safe for concurrent use: Conn guards
// it.
type State struct {
	side     Side
	next     uint64 // the next stream that this side opens
	peerNext uint64 // and the peer
	streams  map[uint32]*Stream
	doomed   []*os.File // files of a guarded State's peer that its Conn is to close
	own      int        // streams open now that this side opened
	peers    int        // and the peer, with those whose end waits in urgent
	ownMax   int        // set from the peer's HELLO
	peerMax  int
	window   int64 // what each new stream may send at first: the peer's announcement
	grown    int64
	limits   Limits
	greeted  bool   // Peer was called
	long     budget // for long messages; of a guarded State, for long arguments
	answers  budget // of a guarded State, for long answers

	urgent  []segment
	ending  []*Stream // the peer's streams whose end is in urgent, in order
	pongs   int       // in urgent
	spare   []byte    // memory for the next segment
	writing bool      // a Batch is being written
	orphans []func()  // sent functions of dropped chunks that a write may still use
	ready   []*Stream // with queued chunks and credit

	pace  *pace // nil: bulk is sent as fast as the transport takes it
	clock func() time.Duration

	// Holes says that the peer's OPENs may skip numbers: somebody in between answers
	// some of them.
	Holes bool

	// Met says that both preambles have crossed already.
	Met bool

	// Record, when set, sees every frame.
	Record func(sent bool, h frame.Header, payload []byte)
}

// segment is whole urgent frames; files belong to its first one.
type segment struct {
	buf   []byte
	files []*os.File
	ends  int // how many of State.ending end in it
	pongs int
}

// NewState returns the state of a fresh link. peerStreams bounds how many streams
// the peer may have open at once.
func NewState(side Side, peerStreams int) *State {
	s := &State{side: side, next: 1, peerNext: 2, streams: map[uint32]*Stream{}, ownMax: 1, peerMax: peerStreams, window: MinWindow}
	s.Limit(usual)
	if side == WorkerSide {
		s.next, s.peerNext = 2, 1
	}
	return s
}

// Peer sets what the peer's HELLO announced. A stream that was opened before that has
// begun with the least that may be.
func (s *State) Peer(window, streams int) {
	for _, st := range s.streams {
		if s.opened(st.ID) && !s.limits.Client {
			st.credit += int64(window) - s.window
			s.makeReady(st)
		}
	}
	s.window, s.ownMax, s.greeted = int64(window), streams, true
}

// Raw queues bytes that are no frame: the preamble.
func (s *State) Raw(b []byte) { s.urgent = append(s.urgent, segment{buf: append([]byte(nil), b...)}) }

// cost is what a frame takes from its stream's credit.
func cost(h frame.Header) int64 { return int64(h.Length) + frame.HeaderSize }

// Control queues a message of the link itself.
func (s *State) Control(handle frame.Handle, payload []byte) {
	seg := s.put(frame.Header{Kind: frame.Message, Handle: handle}, payload, nil)
	if handle == frame.Pong {
		seg.pongs++
		s.pongs++
	}
}

// ErrStreams is Open's answer when as many streams are open as the peer
// allows: wait for one to end.
var ErrStreams = errors.New("as many streams are open as the peer allows")

// ErrExhausted is Open's answer when every stream number was used.
var ErrExhausted = errors.New("the link has used up its stream numbers")

// Open opens a stream with its first message.
func (s *State) Open(handle frame.Handle, payload []byte, end bool, files []*os.File) (*Stream, error) {
	if s.own >= s.ownMax {
		return nil, ErrStreams
	}
	if s.next > math.MaxUint32 {
		return nil, ErrExhausted
	}
	st := s.add(uint32(s.next), handle)
	s.next += 2
	s.own++
	c := chunk{kind: frame.Open, handle: handle, payload: payload, end: end, files: files}
	if len(payload) > UrgentMessage {
		s.openLong(st, c)
	} else {
		s.send(st, c)
	}
	return st, nil
}

// openLong puts the beginning of a long OPEN before all bulk, as a short one
// is: the peer takes OPENs in the order of their numbers, and a RESET only
// after its OPEN.
func (s *State) openLong(st *Stream, c chunk) {
	h := frame.Header{Stream: st.ID, Kind: frame.Open, Handle: c.handle, Length: UrgentMessage, Flags: frame.More}
	s.put(h, c.payload[:UrgentMessage], c.files)
	st.credit -= cost(h)
	s.send(st, chunk{kind: frame.Message, handle: c.handle, payload: c.payload[UrgentMessage:], end: c.end, begun: true})
}

// add makes a stream. BULK is one-way: its other direction is over from the
// start.
func (s *State) add(id uint32, handle frame.Handle) *Stream {
	window := int64(s.limits.Window)
	st := &Stream{ID: id, sendOpen: true, recvOpen: true, credit: s.window, window: window, allowed: window}
	switch handle {
	case frame.Bulk:
		s.makeOneWay(st)
	case frame.Relay:
		st.in, st.pipe = &inbox{}, &Pipe{st: st}
	}
	s.streams[id] = st
	return st
}

// makeOneWay is for a BULK stream. One to a guarded side begins with credit
// for its OPEN alone: more is given when a message has named the stream, and there is room for it.
func (s *State) makeOneWay(st *Stream) {
	if s.opened(st.ID) {
		st.recvOpen = false
		if s.limits.Client {
			st.credit = frame.HeaderSize
		}
		return
	}
	st.sendOpen = false
	st.in = &inbox{}
	if s.limits.Guarded {
		st.lengthen()
		st.allowed, st.partCost = frame.HeaderSize, st.window-frame.HeaderSize
	}
}

// opened reports whether this side is who opens streams with such a number.
func (s *State) opened(id uint32) bool { return uint64(id)%2 == s.next%2 }

// Receive takes in one whole frame. ok is false when there is nothing to tell
// the layer above. Its error is a *frame.Violation, and ends the link; files
// are closed then.
func (s *State) Receive(h frame.Header, payload []byte, owned bool, files []*os.File) (ev Event, ok bool, err error) {
	if err := s.Admit(h); err != nil {
		s.shed(files)
		return ev, false, err
	}
	if s.Record != nil {
		s.Record(false, h, payload)
	}
	ev = Event{Kind: h.Kind, Handle: h.Handle, Payload: payload, Owned: owned, End: h.Flags&frame.End != 0, Files: files}
	if h.Stream == 0 {
		if h.Handle == frame.Pong && s.pace != nil {
			s.ponged(payload)
		}
		return ev, true, nil
	}
	if h.Kind == frame.Open {
		ev.Stream = s.add(h.Stream, h.Handle)
		s.peerNext = uint64(h.Stream) + 2
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
		return s.receiveReset(st, ev)
	}
	st.allowed -= cost(h)
	if st.long != nil {
		st.long.progress.got++
	}
	if ev.End {
		st.recvOpen = false
	}
	defer s.settle(st)
	// Nobody listens any more: let the peer come to its end. But whole messages
	// go up still: a result that is not wanted names BULK streams, which must
	// be reset too.
	if st.reset && (st.in != nil && st.pipe == nil || h.Kind == frame.Data) {
		st.partial = h.Flags&frame.More != 0
		st.partHandle = h.Handle
		s.drop(st, h, ev.Files)
		return ev, false, nil
	}
	if h.Kind == frame.Data {
		ev.cost = cost(h)
		return ev, true, nil
	}
	return s.assemble(st, h, ev)
}

// receiveReset stops this side's direction. It is over when nothing but its end
// was left to send; else the layer above ends it.
func (s *State) receiveReset(st *Stream, ev Event) (Event, bool, error) {
	if st.stopped {
		return ev, false, nil
	}
	st.stopped, st.recvOpen = true, false
	ev.Code, ev.Payload = Code(binary.BigEndian.Uint16(ev.Payload)), ev.Payload[2:]
	unheard := st.partial && st.partOpen // nobody above knows of the stream, to end it
	s.dropPart(st)
	if s.dropQueue(st) || unheard && st.sendOpen {
		s.putReset(st, Cancelled, "")
	}
	s.settle(st)
	return ev, !st.reset && !unheard, nil
}

// settle forgets a stream whose directions have both ended.
func (s *State) settle(st *Stream) {
	if st.recvOpen || st.sendOpen || len(st.queue) > 0 || st.gone {
		return
	}
	st.gone = true
	delete(s.streams, st.ID)
	s.grown -= st.window - int64(s.limits.Window)
	s.dropPart(st)
	switch {
	case s.opened(st.ID):
		s.own--
	case !st.endQueued:
		s.peers--
	}
}

// abandon ends what waits on any stream of a link that has ended.
func (s *State) abandon() {
	for _, st := range s.streams {
		s.dropQueue(st)
		s.dropPart(st)
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
