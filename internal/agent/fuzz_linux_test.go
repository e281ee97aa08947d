package agent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

// play is an agent between a manager and workers, of which the ends are those of package
// mux. Whatever breaks a rule at one of them fails the test.
type play struct {
	t     *testing.T
	rnd   *rand.Rand
	kept  *kept
	now   int // of the modules: each is another after each step
	parts []*part
}

// part is one worker's.
type part struct {
	p       *play
	id      int
	worker  *mux.State
	manager *mux.State
	up      *upstream
	down    *downstream

	// Bytes on their way: what the worker has written, what the manager is to read of it, and back.
	written, toManager, said, toWorker []byte

	questions map[uint32]*question // of the worker, that are not answered
	asked     map[string]bool      // modules
	given     map[int64]bool       // shares that the worker was answered with
	answers   []*reply             // of the manager, that are not all sent
}

// question is what a worker has asked.
type question struct {
	st                 *mux.Stream
	module             string
	again              bool
	since              int // when
	share, off, length int64
	given              bool // the worker had been given the share
	reset              bool
}

// reply is what the manager answers. It has what credit it has.
type reply struct {
	st     *mux.Stream
	stream uint32
	credit int64
	h      frame.Handle
	rest   []byte
	share  int64 // what the worker is given by it
	reset  bool
}

// Shares from 4 on may change: each reading is another.
const mutableFrom = 4

func shareSize(share int64) int64 { return share*70000 + 11 }

func shareByte(share, at int64) byte { return byte(at*7 + at>>8 + share*31) }

func shareBytes(share, off, n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = shareByte(share, off+int64(i))
	}
	return b
}

// FuzzRelay lets workers ask for anything, in any order, in pieces of any size: every
// end keeps the rules, every question is answered once, with what was asked for, and
// nobody is given what another has.
func FuzzRelay(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint16(1500))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		p := &play{t: t, rnd: rand.New(rand.NewPCG(seed, 2)), kept: newKept(int64(200<<10 + seed%3<<20))}
		for i := range 3 {
			p.parts = append(p.parts, newPart(p, i))
		}
		for range steps % 3000 {
			p.now++
			p.parts[p.rnd.IntN(len(p.parts))].step()
			check(t, p.kept)
		}
		for _, a := range p.parts {
			a.finish()
		}
	})
}

func newPart(p *play, id int) *part {
	w := newWatch(p.kept, &link.Spawn{})
	a := &part{
		p: p, id: id, worker: mux.NewState(mux.WorkerSide, 16), manager: mux.NewState(mux.ManagerSide, 8),
		up: newUpstream(nil, w, nil), down: newDownstream(nil, nil, w, 3, nil),
		questions: map[uint32]*question{}, asked: map[string]bool{}, given: map[int64]bool{},
	}
	a.manager.Holes = true
	a.manager.Peer(mux.Window, 16)
	a.worker.Peer(mux.Window, 8)
	a.said = append([]byte("run"), frame.Preamble()...)
	a.worker.Raw(frame.Preamble())
	a.worker.Control(frame.Hello, helloOf(mux.Window))
	return a
}

func (a *part) step() {
	switch a.p.rnd.IntN(9) {
	case 0:
		a.ask()
	case 1:
		a.giveUp()
	case 2:
		a.flush()
	case 3:
		a.relayUp(1 + a.p.rnd.IntN(3000))
	case 4:
		a.hear()
	case 5, 6:
		a.speak()
	case 7:
		a.relayDown(1 + a.p.rnd.IntN(200000))
	case 8:
		a.listen()
	}
}

// ask has the worker ask for something.
func (a *part) ask() {
	rnd := a.p.rnd
	q := &question{since: a.p.now}
	var err error
	switch rnd.IntN(5) {
	case 0, 1:
		q.module = fmt.Sprint("module ", rnd.IntN(6))
		q.again = a.asked[q.module]
		q.st, err = a.worker.Open(frame.GetModule, []byte(q.module), true, nil)
	case 2:
		q.st, err = a.worker.Open(frame.GetContainer, []byte{byte(1 + rnd.IntN(5))}, true, nil)
	default:
		q.share = 1 + rnd.Int64N(5)
		q.off, q.length = rnd.Int64N(shareSize(q.share)), 1+rnd.Int64N(100000)
		if rnd.IntN(4) > 0 {
			q.off = q.off / page * page
			q.length = (1 + rnd.Int64N(8)) * page
		}
		q.length = min(q.length, shareSize(q.share)-q.off)
		q.given = a.given[q.share]
		q.st, err = a.worker.Open(frame.ReadContainer, readRequest(q.share, q.off, q.length), true, nil)
	}
	if err == nil {
		a.questions[q.st.ID] = q
		a.asked[q.module] = true
	}
}

// giveUp has the worker reset a question, or call something.
func (a *part) giveUp() {
	for _, q := range a.questions {
		if !q.reset && a.p.rnd.IntN(3) == 0 {
			q.reset = true
			a.worker.Reset(q.st, mux.Cancelled, "enough")
			return
		}
	}
}

// flush writes what the worker has to say.
func (a *part) flush() {
	var b mux.Batch
	a.worker.Gather(&b)
	a.written = append(a.written, bytes.Join(b.Bufs, nil)...)
	a.worker.Written(&b)
}

// relayUp is the agent, of what the worker has written.
func (a *part) relayUp(n int) {
	n = min(n, len(a.written))
	b := append(slices.Clone(a.up.head), a.written[:n]...)
	a.written = a.written[n:]
	if a.up.left > 0 { // as write does
		n = min(len(b), a.up.left)
		a.up.left -= n
		a.toManager = append(a.toManager, b[:n]...)
		b = b[n:]
	}
	sent, rest, _, err := a.up.scan(b)
	if err != nil {
		a.p.t.Fatal(err)
	}
	a.toManager = append(a.toManager, sent...)
	a.up.head = slices.Clone(rest)
}

// next takes a whole frame from the front of b.
func next(b *[]byte) (h frame.Header, payload []byte, ok bool) {
	if bytes.HasPrefix(*b, frame.Preamble()) {
		*b = (*b)[frame.PreambleSize:]
	}
	if len(*b) < frame.HeaderSize {
		return h, nil, false
	}
	h, err := frame.Parse(*b)
	if err != nil {
		panic(err)
	}
	if len(*b)-frame.HeaderSize < int(h.Length) {
		return h, nil, false
	}
	payload = slices.Clone((*b)[frame.HeaderSize:][:h.Length])
	*b = (*b)[frame.HeaderSize+int(h.Length):]
	return h, payload, true
}

// hear is the manager, of what has come to it.
func (a *part) hear() {
	h, payload, ok := next(&a.toManager)
	if !ok || h.Handle == frame.Hello {
		return
	}
	ev, ok, err := a.manager.Receive(h, payload, false, nil)
	if err != nil {
		a.p.t.Fatalf("worker %d: %v", a.id, err)
	}
	switch {
	case h.Kind == frame.Credit:
		for _, r := range a.answers {
			if r.stream == h.Stream {
				r.credit += int64(binary.BigEndian.Uint32(payload))
			}
		}
	case !ok:
	case h.Kind == frame.Reset:
		for _, r := range a.answers {
			r.reset = r.reset || r.stream == h.Stream
		}
	default:
		a.answers = append(a.answers, a.reply(ev.Stream, h.Handle, payload))
	}
}

// reply is the manager's answer.
func (a *part) reply(st *mux.Stream, h frame.Handle, payload []byte) *reply {
	r := &reply{st: st, stream: st.ID, credit: mux.Window, h: frame.Reply}
	switch h {
	case frame.GetModule:
		r.rest = fmt.Appendf(nil, "%s at %d is %s", payload, a.p.now, strings.Repeat("x", len(payload)*a.p.rnd.IntN(2)*a.p.rnd.IntN(90000)))
		if a.p.rnd.IntN(8) == 0 {
			r.h = frame.Error
		}
	case frame.GetContainer:
		r.share = int64(payload[0])
		r.rest = sharedReply(r.share, shareSize(r.share), r.share < mutableFrom)
	case frame.ReadContainer:
		q, err := link.ParsePageRequest(payload)
		switch {
		case err != nil:
			a.p.t.Fatal(err)
		case !a.given[int64(q.Share)]:
			r.h, r.rest = frame.Error, []byte("no")
		case q.Share < mutableFrom:
			r.rest = bytesReply(shareBytes(int64(q.Share), q.Offset, q.Length))
		default:
			r.rest = bytesReply(bytes.Repeat([]byte{byte(a.p.now)}, int(q.Length)))
		}
	}
	return r
}

// speak has the manager send some of an answer.
func (a *part) speak() {
	if len(a.answers) == 0 {
		return
	}
	i := a.p.rnd.IntN(len(a.answers))
	r := a.answers[i]
	st := frame.Header{Stream: r.stream, Kind: frame.Message, Handle: r.h}
	n := min(int64(len(r.rest)), r.credit-frame.HeaderSize)
	if n > 1 && a.p.rnd.IntN(2) == 0 {
		n = 1 + a.p.rnd.Int64N(n)
	}
	switch {
	case r.reset:
		a.said = append(a.said, framed(frame.Header{Stream: r.stream, Kind: frame.Reset}, []byte{0, 1})...)
		n = int64(len(r.rest))
	case n <= 0:
		return
	default:
		if st.Flags = frame.More; n == int64(len(r.rest)) {
			st.Flags = frame.End
		}
		a.said = append(a.said, framed(st, r.rest[:n])...)
		r.credit -= n + frame.HeaderSize
	}
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		a.answers = slices.Delete(a.answers, i, i+1)
		a.manager.Reset(r.st, mux.Closing, "") // it does not know what was said by hand
		var b mux.Batch
		a.manager.Gather(&b)
		a.manager.Written(&b)
		if r.share > 0 && !r.reset {
			a.given[r.share] = true // sooner than the worker knows
		}
	}
}

// relayDown is the agent, of what the manager has said.
func (a *part) relayDown(n int) {
	n = min(n, len(a.said))
	b := append(slices.Clone(a.down.head), a.said[:n]...)
	a.said = a.said[n:]
	border, n := a.down.scan(b)
	a.down.head = slices.Clone(b[n:])
	if border < 0 {
		border = n
	}
	if a.down.boot == 0 {
		b = bytes.TrimPrefix(b, []byte("run"))
		d := len(a.down.head)
		border -= max(0, n+d-len(b))
		n = len(b) - d
	}
	a.toWorker = append(a.toWorker, b[:border]...)
	if a.down.between() || border < n {
		a.toWorker = append(a.toWorker, bytes.Join(a.down.watch.next(), nil)...)
	}
	a.toWorker = append(a.toWorker, b[border:n]...)
}

// listen is the worker, of what has come to it.
func (a *part) listen() {
	a.toWorker = bytes.TrimPrefix(a.toWorker, []byte("run"))
	h, payload, ok := next(&a.toWorker)
	if !ok {
		return
	}
	ev, ok, err := a.worker.Receive(h, payload, false, nil)
	if err != nil {
		a.p.t.Fatalf("worker %d: %v", a.id, err)
	}
	if !ok || ev.Stream == nil {
		return
	}
	q := a.questions[ev.Stream.ID]
	if q == nil {
		a.p.t.Fatalf("worker %d: %v of what it has not asked", a.id, h)
	}
	delete(a.questions, ev.Stream.ID)
	if ev.Kind == frame.Reset {
		if !q.reset {
			a.p.t.Fatalf("worker %d: a RESET that it did not want", a.id)
		}
		return
	}
	if ev.Handle == frame.Reply {
		a.judge(q, ev.Payload)
	}
}

// judge looks at what a question was answered with.
func (a *part) judge(q *question, b []byte) {
	t := a.p.t
	switch {
	case q.module != "":
		var name, at int
		if _, err := fmt.Sscanf(string(b), "module %d at %d is", &name, &at); err != nil || fmt.Sprint("module ", name) != q.module {
			t.Fatalf("worker %d: %s is %.30q", a.id, q.module, b)
		}
		if q.again && at < q.since {
			t.Fatalf("worker %d: %s, asked for again at %d, is of %d", a.id, q.module, q.since, at)
		}
	case q.share >= mutableFrom:
		var r struct{ Bytes []byte }
		if _, err := mustPlan[struct{ Bytes []byte }]().Decode(b, &r, true); err != nil || int64(len(r.Bytes)) != q.length {
			t.Fatal(err)
		}
	case q.share > 0:
		if !a.given[q.share] {
			t.Fatalf("worker %d was given share %d", a.id, q.share)
		}
		if !bytes.Equal(b, bytesReply(shareBytes(q.share, q.off, q.length))) {
			t.Fatalf("worker %d: %d bytes at %d of %d are others", a.id, q.length, q.off, q.share)
		}
	}
}

// finish lets all that was asked be answered.
func (a *part) finish() {
	for range 20000 {
		a.flush()
		a.relayUp(1 << 20)
		a.hear()
		a.speak()
		a.relayDown(1 << 20)
		a.listen()
		if a.worker.Live() == 0 && len(a.toWorker) == 0 && len(a.toManager) == 0 {
			break
		}
	}
	w := a.up.watch
	for id, q := range a.questions {
		if q.reset {
			delete(a.questions, id) // nobody is told of its end
		}
	}
	if a.worker.Live() > 0 || len(a.questions) > 0 || len(w.given) > 0 || w.due != 0 || w.taken < 0 || len(w.asked) == 0 && w.taken != 0 {
		a.p.t.Fatalf("worker %d: %d questions are open; the agent answers %d, with %d bytes; it follows %d, with %d bytes",
			a.id, len(a.questions), len(w.given), w.due, len(w.asked), w.taken)
	}
}

// FuzzHostile lets a worker write anything, in pieces, to a manager that answers what it
// accepts. Whatever it is, what is kept stays what the manager says of it, and the
// manager sees all that is not the agent's to answer.
func FuzzHostile(f *testing.F) {
	open := func(stream byte, h frame.Handle, payload string) string {
		return string(framed(frame.Header{Stream: uint32(stream), Kind: frame.Open, Handle: h, Flags: frame.End}, []byte(payload)))
	}
	hello := string(framed(frame.Header{Kind: frame.Message, Handle: frame.Hello}, helloOf(64<<10)))
	read := string(readRequest(1, 0, page))
	f.Add([]byte(hello+open(2, frame.GetModule, "a")+open(4, frame.GetModule, "b")+open(6, frame.GetModule, "b")), uint8(3))
	f.Add([]byte(hello+open(2, frame.GetModule, "a")+open(2, frame.GetModule, "b")), uint8(200))
	f.Add([]byte(hello+open(2, frame.GetContainer, "1")+open(4, frame.ReadContainer, read)+open(6, frame.ReadContainer, read)), uint8(255))
	f.Add([]byte(open(2, frame.ReadContainer, read)+hello+open(4, frame.GetModule, "kept")), uint8(1))
	f.Fuzz(func(t *testing.T, written []byte, chat uint8) {
		p := &play{t: t, rnd: rand.New(rand.NewPCG(uint64(len(written)), 3)), kept: newKept(1 << 20)}
		p.kept.keepModule("0 \nkept", []byte("kept"))
		p.kept.keepPart(1, 0, shareBytes(1, 0, page))
		a := newPart(p, 0)
		a.up.scan(frame.Preamble())
		answered, dead := 0, false
		for len(written) > 0 && !dead {
			n := min(len(written), 1+int(chat))
			sent, rest, _, err := a.up.scan(append(slices.Clone(a.up.head), written[:n]...))
			if a.up.left > 0 && err == nil { // the payload of a frame that passes: nobody looks at it
				a.up.left, written = 0, nil
			} else {
				written = written[n:]
			}
			a.up.head, a.toManager, dead = slices.Clone(rest), append(a.toManager, sent...), err != nil
			for !dead {
				h, payload, ok := next(&a.toManager)
				if !ok {
					break
				}
				ev, ok, err := a.manager.Receive(h, payload, false, nil)
				if dead = err != nil; dead || !ok || h.Kind != frame.Open {
					continue
				}
				b := framed(frame.Header{Stream: h.Stream, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}, hostileAnswer(a, h.Handle, payload))
				a.down.boot = 0
				a.down.scan(b)
				a.manager.Reset(ev.Stream, mux.Closing, "")
				answered++
			}
			bytes.Join(a.down.watch.next(), nil)
			check(t, p.kept)
		}
		for request, i := range p.kept.modules {
			if want := strings.TrimPrefix(request, "0 \n"); string(i.data) != want {
				t.Fatalf("module %q is %q, after %d answers", want, i.data, answered)
			}
		}
		for at, i := range p.kept.pages {
			if at.share != 1 || !bytes.Equal(i.data, shareBytes(1, i.off, int64(len(i.data)))) {
				t.Fatalf("%d bytes at %d of %d are others", len(i.data), i.off, i.share)
			}
		}
	})
}

// hostileAnswer is what a manager says to anything: of a module its request.
func hostileAnswer(a *part, h frame.Handle, payload []byte) []byte {
	switch h {
	case frame.GetContainer:
		a.given[1] = true
		return sharedReply(1, shareSize(1), true)
	case frame.ReadContainer:
		q, err := link.ParsePageRequest(payload)
		if err == nil && q.Share == 1 && a.given[1] && q.Offset >= 0 && q.Length >= 0 && q.Length <= link.MaxPage && q.Offset <= shareSize(1)-q.Length {
			return bytesReply(shareBytes(1, q.Offset, q.Length))
		}
		return nil
	}
	return payload
}
