package mux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
)

// FuzzReceive feeds a State with frames of any kind, in any order.
func FuzzReceive(f *testing.F) {
	for _, h := range []frame.Header{
		{Stream: 2, Kind: frame.Open, Handle: frame.CallFunction, Length: 3, Flags: frame.More},
		{Stream: 2, Kind: frame.Message, Handle: frame.CallFunction, Length: 1 << 17, Flags: frame.More},
		{Stream: 2, Kind: frame.Open, Handle: frame.Bulk},
		{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End},
		{Stream: 3, Kind: frame.Reset, Length: 2},
		{Stream: 1, Kind: frame.Credit, Length: 4},
		{Kind: frame.Message, Handle: frame.Ping},
		{Kind: frame.Message, Handle: frame.Pause},
		{Kind: frame.Message, Handle: frame.Pong, Length: 8},
	} {
		f.Add(append(h.Append(nil), 0, 1, 2, 3))
	}
	junk := make([]byte, frame.MaxPayload)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := NewState(ManagerSide, 4)
		s.Peer(Window, 4)
		for _, handle := range []frame.Handle{frame.CallFunction, frame.Bulk, frame.CallFunction} {
			st, err := s.Open(handle, make([]byte, 20000), false, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.send(st, chunk{kind: frame.Message, handle: frame.Item, payload: make([]byte, 300000), end: true})
		}
		received := int64(0)
		for ; len(raw) >= frame.HeaderSize+4; raw = raw[frame.HeaderSize+4:] {
			h, err := frame.Parse(raw)
			if err != nil {
				continue
			}
			payload := junk[:h.Length]
			copy(payload, raw[frame.HeaderSize:][:4])
			received += int64(h.Length) + frame.HeaderSize
			ev, _, err := s.Receive(h, payload, false, nil)
			if _, ok := errors.AsType[*frame.Violation](err); err != nil && !ok {
				t.Fatalf("%v is no Violation", err)
			}
			if err != nil {
				return
			}
			if ev.cost < 0 {
				t.Fatalf("a frame that costs %d", ev.cost)
			}
			if err := s.check(nil); err != nil {
				t.Fatalf("after %+v: %v", h, err)
			}
			if int64(s.Queued()) > received+3*(UrgentMessage+frame.HeaderSize)+100 {
				t.Fatalf("%d bytes made it queue %d", received, s.Queued())
			}
		}
	})
}

// exchange is two ends that do anything that a layer above may do.
type exchange struct {
	t    *testing.T
	rnd  *rand.Rand
	ends [2]*fuzzEnd
}

type fuzzEnd struct {
	*State
	batch  Batch
	begun  []byte // of batch
	wire   []byte // written
	flows  map[uint32]*flow
	unread map[uint32]int64
	chunks int // queued
	sents  int // sent functions called
}

// flow is a stream at one of its ends.
type flow struct {
	st    *Stream
	next  byte // of the bytes that are sent: each is the one before plus 1
	due   byte // of those that arrive
	ended bool
	bulk  bool // and this side opened it
}

// FuzzExchange lets two ends exchange anything: all that is sent arrives once
// and in order, every payload is given back, and in the end nothing is left.
func FuzzExchange(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed, uint16(400))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		x := &exchange{t: t, rnd: rand.New(rand.NewPCG(seed, 1))}
		for i := range x.ends {
			s := NewState(Side(i), 16)
			s.Peer(Window, 16)
			x.ends[i] = &fuzzEnd{State: s, flows: map[uint32]*flow{}, unread: map[uint32]int64{}}
		}
		for range steps % 2000 {
			x.step()
		}
		x.finish()
	})
}

func (x *exchange) step() {
	i := x.rnd.IntN(2)
	e := x.ends[i]
	switch x.rnd.IntN(8) {
	case 0:
		x.open(e)
	case 1, 2:
		if fl := x.pick(e); fl != nil {
			x.send(e, fl, x.rnd.IntN(6) == 0)
		}
	case 3:
		if fl := x.pick(e); fl != nil && x.rnd.IntN(4) == 0 {
			e.Reset(fl.st, Unwanted, "enough")
			fl.ended = true
		}
	case 4:
		x.read(e)
	default:
		x.move(i)
	}
	x.check()
}

func (x *exchange) check() {
	for i, e := range x.ends {
		if err := e.check(e.unread); err != nil {
			x.t.Fatalf("side %d: %v", i, err)
		}
	}
}

func (x *exchange) pick(e *fuzzEnd) *flow {
	ids := make([]uint32, 0, len(e.flows))
	for id, fl := range e.flows {
		if !fl.st.gone {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return e.flows[ids[x.rnd.IntN(len(ids))]]
}

// bytes are the next n of a flow.
func (fl *flow) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = fl.next
		fl.next++
	}
	return b
}

func (x *exchange) size() int {
	return x.rnd.IntN([]int{2, 100, UrgentMessage + 2, 400000}[x.rnd.IntN(4)])
}

func (x *exchange) open(e *fuzzEnd) {
	fl := &flow{bulk: x.rnd.IntN(2) == 0}
	handle, b := frame.Bulk, []byte(nil)
	if !fl.bulk {
		handle, b = frame.CallFunction, fl.bytes(x.size())
	}
	st, err := e.Open(handle, b, false, nil)
	if err == ErrStreams {
		return
	}
	if err != nil {
		x.t.Fatal(err)
	}
	fl.st = st
	e.flows[st.ID] = fl
}

func (x *exchange) send(e *fuzzEnd, fl *flow, end bool) {
	if fl.ended || !fl.st.sendOpen {
		return
	}
	fl.ended = end
	e.chunks++
	c := chunk{kind: frame.Message, handle: frame.Item, end: end, payload: fl.bytes(x.size()), sent: func() { e.sents++ }}
	if fl.bulk && x.rnd.IntN(2) == 0 {
		c.kind, c.handle = frame.Data, 0
	}
	e.send(fl.st, c)
}

// read lets a reader take what it has, and wait for more.
func (x *exchange) read(e *fuzzEnd) {
	fl := x.pick(e)
	if fl == nil {
		return
	}
	e.Consume(fl.st, e.unread[fl.st.ID])
	e.unread[fl.st.ID] = 0
	if fl.st.in != nil {
		fl.st.in.reading = &Waiter{}
		e.wantLong(fl.st)
	}
}

// move begins or ends a write, or delivers.
func (x *exchange) move(i int) {
	e := x.ends[i]
	switch {
	case e.batch.Empty() && e.Pending() && x.rnd.IntN(2) == 0:
		e.Gather(&e.batch)
		e.begun = slices.Concat(e.batch.Bufs...)
	case e.begun != nil && x.rnd.IntN(2) == 0:
		e.wire = append(e.wire, e.begun...)
		e.begun = nil
		e.Written(&e.batch)
	default:
		x.deliver(e, x.ends[1-i])
	}
}

func (x *exchange) deliver(from, to *fuzzEnd) {
	if len(from.wire) == 0 {
		return
	}
	h, err := frame.Parse(from.wire)
	if err != nil {
		x.t.Fatal(err)
	}
	payload := from.wire[frame.HeaderSize:][:h.Length]
	from.wire = from.wire[frame.HeaderSize+int(h.Length):]
	ev, ok, err := to.Receive(h, payload, false, nil)
	if err != nil {
		x.t.Fatalf("an honest frame: %+v: %v", h, err)
	}
	if !ok {
		return
	}
	id := ev.Stream.ID
	fl := to.flows[id]
	if fl == nil {
		fl = &flow{st: ev.Stream}
		to.flows[id] = fl
	}
	to.unread[id] += ev.cost
	if ev.Kind == frame.Reset {
		return
	}
	for _, b := range ev.Payload {
		if b != fl.due {
			x.t.Fatalf("stream %d: byte %d where %d was due", id, b, fl.due)
		}
		fl.due++
	}
}

// finish ends all streams and lets everything arrive.
func (x *exchange) finish() {
	for range 10000 {
		idle := true
		for i, e := range x.ends {
			for _, fl := range e.flows {
				if fl.st.gone {
					continue
				}
				if !fl.ended && fl.st.sendOpen {
					x.send(e, fl, true)
				}
				x.readAll(e, fl)
			}
			for e.begun != nil || e.Pending() || len(e.wire) > 0 {
				idle = false
				x.move(i)
			}
		}
		x.check()
		if idle {
			break
		}
	}
	for i, e := range x.ends {
		if len(e.streams) > 0 || e.own+e.peers > 0 || e.chunks != e.sents {
			x.t.Fatalf("side %d: %d streams are left, %d of %d payloads were given back: %s", i, len(e.streams), e.sents, e.chunks, left(e.State))
		}
	}
}

func (x *exchange) readAll(e *fuzzEnd, fl *flow) {
	e.Consume(fl.st, e.unread[fl.st.ID])
	e.unread[fl.st.ID] = 0
	if fl.st.in != nil {
		fl.st.in.reading = &Waiter{}
		e.wantLong(fl.st)
	}
}

func left(s *State) (out string) {
	for id, st := range s.streams {
		out += fmt.Sprintf("%d: send %v recv %v stopped %v reset %v queue %d credit %d allowed %d; ",
			id, st.sendOpen, st.recvOpen, st.stopped, st.reset, len(st.queue), st.credit, st.allowed)
	}
	return out
}

// TestPings bounds the answers that a peer does not take.
func TestPings(t *testing.T) {
	s := NewState(WorkerSide, 1)
	ping := frame.Header{Kind: frame.Message, Handle: frame.Ping}
	for i := range MaxPongs + 1 {
		_, _, err := s.Receive(ping, nil, false, nil)
		if v, ok := errors.AsType[*frame.Violation](err); ok != (i == MaxPongs) || ok && v.Rule != "quota" {
			t.Fatalf("PING %d: %v", i, err)
		}
		s.Control(frame.Pong, nil)
	}
	var b Batch
	s.Gather(&b)
	if _, _, err := s.Receive(ping, nil, false, nil); err != nil {
		t.Errorf("after they have left: %v", err)
	}
}

// TestReason cuts a RESET's text where a character ends.
func TestReason(t *testing.T) {
	s := NewState(ManagerSide, 1)
	st, err := s.Open(frame.CallFunction, nil, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := make([]byte, 0, 2*MaxReason)
	for len(long) < MaxReason+10 {
		long = append(long, "€"...)
	}
	s.Reset(st, Cancelled, string(long))
	reset := s.urgent[0].buf[frame.HeaderSize:]
	if n := binary.BigEndian.Uint32(reset); n != 2+MaxReason-MaxReason%3 {
		t.Errorf("a RESET of %d bytes", n)
	}
}
