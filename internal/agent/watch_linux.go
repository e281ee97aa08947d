package agent

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

// Limits of what is followed of one worker. What is beyond them goes to the manager and
// is not kept.
const (
	longestAsked = 2 << 10            // bytes: of a request
	longestHello = 64 << 10           // bytes: of a worker's HELLO
	mostFollowed = link.WorkerStreams // requests that wait for the manager's answer
	mostTaken    = 16 << 20           // bytes: of answers that are not whole yet
	mostGiven    = 16 << 20           // bytes: of answers that the worker has not taken
	mostNames    = 4096               // modules that the worker has asked for
	longestTurn  = 256 << 10          // bytes: sent of answers before the manager's frames are looked at again
	mostCredit   = 1<<31 - 1          // bytes: see PROTOCOL.md, verdicts
)

// watch is what an agent follows of the conversation of one worker with its manager,
// and answers itself. It is given the frames of both directions, and does no I/O. It is
// safe for concurrent use: the directions have a goroutine each.
//
// It trusts the manager alone. What a worker says changes nothing but what this worker
// is answered; of what breaks a rule it takes no notice, and lets the manager judge.
type watch struct {
	kept  *kept
	scope string // the same for workers that are given the same modules

	mu     sync.Mutex         // guards what follows
	blind  bool               // the worker's numbers are not those of a worker: all is passed on
	window int64              // what a stream may be sent at first, in bytes; 0: the worker has not said HELLO
	last   uint32             // the last stream that the worker has opened
	passed uint32             // the last one that the manager knows of
	asked  map[uint32]*asked  // what the manager is to answer
	taken  int64              // bytes of memory for those answers
	given  map[uint32]*answer // what is answered here
	due    int64              // bytes of those answers that the worker has not taken
	ready  []*answer          // of given, those that can be gone on with
	seed   maphash.Seed
	names  map[uint64]bool            // hashes of the requests for modules that there were
	shares map[uint64]link.PagedShare // what this worker's link was answered with
}

// asked is a request that was passed on.
type asked struct {
	handle frame.Handle
	module string // the request for it
	page   link.PageRequest
	answer []byte // what has come
}

// answer is what a request is answered here with.
type answer struct {
	id     uint32
	credit int64
	pieces [][]byte // what was not sent yet
	left   int64    // bytes of them
	ready  bool
	reset  bool // the worker wants none
}

func newWatch(k *kept, s *link.Spawn) *watch {
	return &watch{
		kept: k, scope: fmt.Sprintf("%d %s\n", s.Kind, s.Lang), seed: maphash.MakeSeed(),
		asked: map[uint32]*asked{}, given: map[uint32]*answer{}, names: map[uint64]bool{}, shares: map[uint64]link.PagedShare{},
	}
}

// wants reports whether up must be given the payload of a worker's frame. That is short.
func (w *watch) wants(h frame.Header) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.blind:
		return false
	case h.Handle == frame.Hello && h.Stream == 0:
		return w.window == 0 && h.Length <= longestHello
	case h.Kind == frame.Open:
		return follows(h.Handle) && h.Flags == frame.End && h.FDs == 0 && h.Length <= longestAsked
	}
	return (h.Kind == frame.Credit || h.Kind == frame.Reset) && w.answeredHere(h.Stream)
}

func follows(h frame.Handle) bool {
	return h == frame.GetModule || h == frame.GetContainer || h == frame.ReadContainer
}

// answeredHere reports whether a stream is, or was, one that the manager knows nothing
// of. (It ignores what comes on those that lie before the last that it knows.)
func (w *watch) answeredHere(id uint32) bool {
	return w.given[id] != nil || id%2 == 0 && id > w.passed && id <= w.last
}

// up takes in a frame of the worker's: its payload too, when it is wanted, else nil. It
// reports whether the frame is the agent's, and is not passed on.
func (w *watch) up(h frame.Header, payload []byte) (ours bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.blind:
	case h.Kind == frame.Open:
		return w.open(h, payload)
	case payload == nil:
	case h.Stream == 0:
		w.window, _ = link.ParseWindow(payload) // without one nothing is answered here
	case h.Kind == frame.Credit:
		w.credit(w.given[h.Stream], binary.BigEndian.Uint32(payload))
		return w.answeredHere(h.Stream)
	case h.Kind == frame.Reset:
		w.reset(w.given[h.Stream])
		return w.answeredHere(h.Stream)
	}
	return false
}

func (w *watch) open(h frame.Header, payload []byte) (ours bool) {
	if h.Stream <= w.last || h.Stream%2 != 0 {
		w.goBlind()
		return false
	}
	w.last = h.Stream
	if payload != nil {
		a := w.request(h.Handle, payload)
		if w.give(h.Stream, a) {
			return true
		}
		if a != nil && len(w.asked) < mostFollowed {
			w.asked[h.Stream] = a
		}
	}
	w.passed = h.Stream
	return false
}

// goBlind forgets the worker's streams: which answer is whose cannot be told any more.
func (w *watch) goBlind() {
	w.blind = true
	w.asked, w.given, w.ready, w.names, w.shares = nil, nil, nil, nil, nil
}

// request is what is asked for; nil when its answer is not to be kept.
func (w *watch) request(h frame.Handle, payload []byte) *asked {
	a := &asked{handle: h}
	switch h {
	case frame.GetModule:
		a.module = w.scope + string(payload)
	case frame.ReadContainer:
		var err error
		if a.page, err = link.ParsePageRequest(payload); err != nil || a.page.Length > link.MaxPage || !w.shares[a.page.Share].Immutable {
			return nil
		}
	}
	return a
}

// give answers a request with what is kept, if that may be.
func (w *watch) give(id uint32, a *asked) bool {
	if a == nil {
		return false
	}
	pieces, n := w.known(a)
	if n == 0 || w.window == 0 || len(w.given) >= mostFollowed || w.due+n > mostGiven {
		return false
	}
	g := &answer{id: id, credit: w.window, pieces: pieces, left: n}
	w.given[id] = g
	w.due += n
	w.makeReady(g)
	return true
}

// known is the answer to a, and its length; 0 when the manager is to answer.
func (w *watch) known(a *asked) (pieces [][]byte, n int64) {
	switch a.handle {
	case frame.GetModule:
		if w.first(a.module) {
			pieces = [][]byte{w.kept.module(a.module)}
		}
	case frame.ReadContainer:
		if pieces = w.kept.part(a.page.Share, a.page.Offset, a.page.Length); pieces != nil {
			pieces = slices.Insert(pieces, 0, link.PageHead(a.page.Length))
		}
	}
	for _, p := range pieces {
		n += int64(len(p))
	}
	return pieces, n
}

// first reports whether the worker asks for a module for the first time. Who asks again
// wants to know what it is now.
func (w *watch) first(module string) bool {
	name := maphash.String(w.seed, module)
	if w.names[name] || len(w.names) >= mostNames {
		return false
	}
	w.names[name] = true
	return true
}

func (w *watch) makeReady(g *answer) {
	if !g.ready && (g.reset || g.credit > frame.HeaderSize) {
		g.ready = true
		w.ready = append(w.ready, g)
	}
}

func (w *watch) credit(g *answer, n uint32) {
	if g != nil {
		g.credit = min(g.credit+int64(n), mostCredit)
		w.makeReady(g)
	}
}

func (w *watch) reset(g *answer) {
	if g != nil && !g.reset {
		w.due -= g.left
		g.reset, g.pieces, g.left = true, nil, 0
		w.makeReady(g)
	}
}

// waiting reports whether next has something.
func (w *watch) waiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ready) > 0
}

// next is what of the answers is sent to the worker now: whole frames, and not many.
func (w *watch) next() (bufs [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for room := int64(longestTurn); room > 0 && len(w.ready) > 0; {
		g := w.ready[0]
		w.ready = w.ready[1:]
		g.ready = false
		h, payload := g.frame(room)
		bufs = append(append(bufs, h.Append(nil)), payload...)
		room -= int64(h.Length) + frame.HeaderSize
		if h.Kind == frame.Message {
			w.due -= int64(h.Length)
		}
		if h.Kind == frame.Reset || h.Flags == frame.End {
			delete(w.given, g.id)
		} else {
			w.makeReady(g)
		}
	}
	return bufs
}

// frame is the next frame of an answer, of at most most bytes.
func (g *answer) frame(most int64) (h frame.Header, payload [][]byte) {
	if g.reset {
		b := binary.BigEndian.AppendUint16(nil, uint16(mux.Cancelled))
		return frame.Header{Stream: g.id, Kind: frame.Reset, Length: uint32(len(b))}, [][]byte{b}
	}
	n := min(g.left, most, g.credit-frame.HeaderSize, frame.MaxPayload)
	h = frame.Header{Stream: g.id, Kind: frame.Message, Handle: frame.Reply, Length: uint32(n), Flags: frame.More}
	g.left -= n
	g.credit -= n + frame.HeaderSize
	if g.left == 0 {
		h.Flags = frame.End
	}
	for n > 0 {
		piece := g.pieces[0][:min(n, int64(len(g.pieces[0])))]
		payload = append(payload, piece)
		n -= int64(len(piece))
		if g.pieces[0] = g.pieces[0][len(piece):]; len(g.pieces[0]) == 0 {
			g.pieces = g.pieces[1:]
		}
	}
	return h, payload
}

// down takes in the header of a frame of the manager's. It reports whether took must be
// given the payload.
func (w *watch) down(h frame.Header) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.asked[h.Stream]
	if a == nil || h.Kind == frame.Credit {
		return false
	}
	if h.Kind == frame.Message && h.Handle == frame.Reply && h.FDs == 0 && w.makeRoom(a, int(h.Length)) {
		return true
	}
	w.unfollow(h.Stream, a)
	if a.module != "" && h.Kind == frame.Message {
		w.kept.forgetModule(a.module) // it is an error now, or too large
	}
	return false
}

// makeRoom makes room for n bytes more of an answer, whose length the manager has told.
func (w *watch) makeRoom(a *asked, n int) bool {
	want := max(len(a.answer)+n, int(a.page.Length)+pageRoom)
	more := max(0, want-cap(a.answer))
	if want > largestKept || w.taken+int64(more) > mostTaken {
		return false
	}
	w.taken -= int64(cap(a.answer))
	a.answer = slices.Grow(a.answer, want-len(a.answer))
	w.taken += int64(cap(a.answer))
	return true
}

// pageRoom is what an answer may have beside its bytes.
const pageRoom = 16

func (w *watch) unfollow(id uint32, a *asked) {
	w.taken -= int64(cap(a.answer))
	delete(w.asked, id)
}

// took takes in a piece of the payload of the frame with that header; last says that it
// was all.
func (w *watch) took(h frame.Header, piece []byte, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.asked[h.Stream]
	if a == nil {
		return // the worker was not what it seemed, meanwhile
	}
	a.answer = append(a.answer, piece...)
	if last && h.Flags&frame.End != 0 {
		w.unfollow(h.Stream, a)
		w.learn(a)
	}
}

// learn keeps what the manager has answered.
func (w *watch) learn(a *asked) {
	switch a.handle {
	case frame.GetModule:
		w.kept.keepModule(a.module, a.answer)
	case frame.GetContainer:
		if s, ok := link.ParsePagedShare(a.answer); ok {
			w.shares[s.Share] = s
		}
	case frame.ReadContainer:
		p := a.page
		if p.Offset%page != 0 || p.Length%page != 0 && p.Offset+p.Length != w.shares[p.Share].Size {
			return // it has parts of pages
		}
		if data, err := link.ParsePage(a.answer, p.Length); err == nil && len(data) > 0 {
			w.kept.keepPart(p.Share, p.Offset, data)
		}
	}
}
