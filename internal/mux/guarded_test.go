package mux

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
)

// guard is a guarded State whose layer above takes calls with parts, and answers
// them now and then; its peer keeps to the rules, or nearly so.
type guard struct {
	*State
	t       *testing.T
	rnd     *rand.Rand
	unnamed []*Stream // BULK streams
	calls   []*Stream // that run
	next    uint32
}

const guardedArgument = 200 << 10

func newGuard(t *testing.T, seed uint64) *guard {
	s := NewState(WorkerSide, 8)
	s.Limit(Limits{Window: MinWindow, Message: guardedArgument, Control: 1 << 10, Pongs: 4, Guarded: true})
	s.Peer(Window, 8)
	return &guard{State: s, t: t, rnd: rand.New(rand.NewPCG(seed, 2)), next: 1}
}

// header is a frame that may come, mostly.
func (g *guard) header() frame.Header {
	h := frame.Header{Length: uint32(g.rnd.IntN(24 << 10))}
	if g.rnd.IntN(3) == 0 && g.peers < g.peerMax {
		h.Kind, h.Handle, h.Stream = frame.Open, frame.CallFunction, g.next
		h.Flags = []frame.Flags{frame.End, frame.More}[g.rnd.IntN(2)]
		if g.rnd.IntN(2) == 0 {
			h.Handle, h.Flags, h.Length = frame.Bulk, 0, 0
		}
		return h
	}
	var ids []uint32
	for id, st := range g.streams {
		if st.recvOpen && st.allowed >= frame.HeaderSize && (st.in == nil || st.in.collect || g.rnd.IntN(200) == 0) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return frame.Header{Kind: frame.Message, Handle: frame.Ping}
	}
	slices.Sort(ids)
	st := g.streams[ids[g.rnd.IntN(len(ids))]]
	h.Stream = st.ID
	switch {
	case g.rnd.IntN(20) == 0:
		h.Kind, h.Length = frame.Reset, 2
		return h
	case st.in != nil:
		h.Kind, h.Length = frame.Data, uint32(min(int64(h.Length), max(0, min(st.in.left(), st.allowed-frame.HeaderSize))))
		if st.in.left() == int64(h.Length) {
			h.Flags = frame.End
		}
	default:
		h.Kind, h.Handle, h.Flags = frame.Message, frame.CallFunction, []frame.Flags{frame.End, frame.More, frame.More}[g.rnd.IntN(3)]
	}
	h.Length = uint32(min(int64(h.Length), max(0, st.allowed-frame.HeaderSize)))
	return h
}

// above is what the layer above does.
func (g *guard) above(ev Event, n int) {
	st := ev.Stream
	switch {
	case st == nil:
	case ev.Kind == frame.Data:
		st.in.buf = append(st.in.buf, make([]byte, n)...)
		g.collected(st, ev.cost)
		st.in.eof = ev.End
	case ev.Kind == frame.Reset && st.in != nil:
		st.in.err = errors.New("reset")
		g.unnamed = slices.DeleteFunc(g.unnamed, func(other *Stream) bool { return other == st })
	case ev.Cut:
		g.send(st, chunk{kind: frame.Message, handle: frame.Error, end: true})
	case ev.Kind == frame.Open && ev.Handle == frame.Bulk:
		g.unnamed = append(g.unnamed, st)
	case ev.Kind == frame.Open:
		g.run(st, int64(len(ev.Payload)))
	}
}

// run takes a call up, with the parts that it names.
func (g *guard) run(call *Stream, size int64) {
	parts := g.unnamed
	g.unnamed = nil
	for _, st := range parts {
		st.in.size = int64(g.rnd.IntN(max(1, (guardedArgument-int(size))/len(parts))))
		size += st.in.size
	}
	g.Expect(call, size)
	for _, st := range parts {
		st.in.collect, st.lengthen().of = true, call
		g.collected(st, 0)
	}
	g.calls = append(g.calls, call)
}

// step is one frame, or one answer.
func (g *guard) step() (alive bool) {
	if len(g.calls) > 0 && g.rnd.IntN(4) == 0 {
		i := g.rnd.IntN(len(g.calls))
		g.send(g.calls[i], chunk{kind: frame.Message, handle: frame.Reply, end: true})
		g.calls = slices.Delete(g.calls, i, i+1)
	}
	var b Batch
	g.Gather(&b)
	for !b.Empty() {
		b.Advance(len(b.Bufs[0]))
	}
	g.Written(&b)
	h := g.header()
	ev, ok, err := g.Receive(h, make([]byte, h.Length), false, nil)
	if err != nil {
		if _, ok := errors.AsType[*frame.Violation](err); !ok {
			g.t.Fatalf("%v is no Violation", err)
		}
		return false
	}
	if h.Kind == frame.Open {
		g.next += 2
	}
	if ok {
		g.above(ev, int(h.Length))
	}
	if err := g.check(nil); err != nil {
		g.t.Fatalf("after %+v: %v", h, err)
	}
	return true
}

// held is what has come in part.
func (g *guard) held() (n int) {
	for _, st := range g.streams {
		n += len(st.part)
		if st.in != nil {
			n += len(st.in.buf)
		}
	}
	return n
}

// FuzzGuarded: whatever comes, what is held in part stays within a window for each
// stream and one argument more, and whoever waits for a share gets it.
func FuzzGuarded(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint16(500))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		g := newGuard(t, seed)
		for range steps % 2000 {
			if !g.step() {
				return
			}
			if n := g.held(); n > 8*MinWindow+2*guardedArgument {
				t.Fatalf("holds %d bytes", n)
			}
			if len(g.long.wait) > 0 && g.long.used == 0 {
				t.Fatal("somebody waits, and nobody has a share")
			}
		}
	})
}

// TestGuardedShares: who waits for a share, and when it comes.
func TestGuardedShares(t *testing.T) {
	g := newGuard(t, 1)
	receive := func(h frame.Header) Event {
		t.Helper()
		ev, _, err := g.Receive(h, make([]byte, h.Length), false, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	call := func(id uint32, part int64) (call, bulk *Stream) {
		bulk = receive(frame.Header{Stream: id, Kind: frame.Open, Handle: frame.Bulk}).Stream
		call = receive(frame.Header{Stream: id + 2, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End, Length: 100}).Stream
		bulk.in.size = part
		g.Expect(call, part)
		bulk.in.collect, bulk.lengthen().of = true, call
		g.collected(bulk, 0)
		return call, bulk
	}
	a, _ := call(1, 150<<10)
	_, second := call(5, 150<<10)
	_, third := call(9, 20<<10) // small enough beside the first
	if a.share() != 150<<10 || second.long.waits == nil || third.long.waits != nil {
		t.Errorf("the first has %d, the second waits: %v, the third: %v", a.share(), second.long.waits != nil, third.long.waits != nil)
	}
	g.send(a, chunk{kind: frame.Message, handle: frame.Reply, end: true})
	if second.long.waits != nil || second.long.of.share() != 150<<10 || second.allowed != MinWindow-frame.HeaderSize {
		t.Errorf("the second waits: %v; it has %d and a credit of %d", second.long.waits != nil, second.long.of.share(), second.allowed)
	}
}
