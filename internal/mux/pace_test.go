package mux

import (
	"fmt"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// road is a link in front of a pace, in time that is counted: a sender that always has
// more to send, a line, and PONGs that come back.
type road struct {
	p     *pace
	now   time.Duration
	rate  float64       // bytes a second
	trip  time.Duration // without a queue
	free  time.Duration // when all that was sent has left onto the line
	pongs []pong

	arrived int64
	waited  time.Duration // the longest that something new would have had to
}

type pong struct {
	payload []byte
	at      time.Duration
	before  int64
}

func newRoad(rate float64, trip time.Duration) *road {
	return &road{p: newPace(), rate: rate, trip: trip}
}

// put sends n bytes, and a mark behind them.
func (r *road) put(n int) {
	r.free = max(r.free, r.now) + time.Duration(float64(n)/r.rate*1e9)
	r.waited = max(r.waited, r.free-r.now)
}

func (r *road) mark(clean bool) {
	payload := r.p.next(clean, r.now)
	r.pongs = append(r.pongs, pong{payload, max(r.free, r.now) + r.trip, r.p.sent})
}

// send sends all that may leave now, of most bytes.
func (r *road) send(most int64) (sent int64) {
	for sent < most && !r.p.held() {
		if r.p.ahead(r.now) {
			r.mark(true)
		}
		n := min(r.p.step(), most-sent)
		sent += n
		r.put(int(n))
		if r.p.left(int(n), sent < most, r.now) {
			r.mark(false)
		}
	}
	return sent
}

// answer lets time pass to the next PONG, and takes it.
func (r *road) answer() {
	next := r.pongs[0]
	r.pongs = r.pongs[1:]
	r.now, r.arrived = max(r.now, next.at), next.before
	if r.p.pong(next.payload, r.now) {
		r.mark(false)
	}
}

// flow sends without end for d, and returns how much of what the line carries it used.
func (r *road) flow(t *testing.T, d time.Duration) float64 {
	t.Helper()
	begin, from := r.now, r.arrived
	r.waited = 0
	for r.now < begin+d {
		r.send(1 << 40)
		if len(r.pongs) == 0 {
			t.Fatalf("held for ever: %+v", r.p)
		}
		r.answer()
	}
	return float64(r.arrived-from) / (r.now - begin).Seconds() / r.rate
}

const mbit = 1e6 / 8

// TestPace: how much of each line is used, first when nothing is known of it, then in
// the long run, and how long what is urgent waits behind bulk.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name         string
		rate         float64
		trip         time.Duration
		first, later float64 // least use of the line in its first 20 round trips or 50 ms; later
		waits        time.Duration
	}{
		{"loopback", 8000 * mbit, 200 * time.Microsecond, 0.9, 0.99, 25 * time.Millisecond},
		{"LAN", 1000 * mbit, 500 * time.Microsecond, 0.9, 0.99, 25 * time.Millisecond},
		{"20 ms, 1 Gbit/s", 1000 * mbit, 20 * time.Millisecond, 0.84, 0.98, 65 * time.Millisecond},
		{"100 ms, 100 Mbit/s", 100 * mbit, 100 * time.Millisecond, 0.84, 0.97, 220 * time.Millisecond},
		{"200 ms, 10 Mbit/s", 10 * mbit, 200 * time.Millisecond, 0.8, 0.96, 440 * time.Millisecond},
		{"200 ms, 1 Mbit/s", 1 * mbit, 200 * time.Millisecond, 0.9, 0.96, 700 * time.Millisecond},
		{"600 ms, 256 kbit/s", 0.256 * mbit, 600 * time.Millisecond, 0.9, 0.9, 2600 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoad(c.rate, c.trip)
			used := r.flow(t, max(20*c.trip, 50*time.Millisecond))
			if used < c.first {
				t.Errorf("first %.2f of the line: %+v", used, r.p)
			}
			if most := time.Duration(1.2 * max(StartUnderWay, 4*c.rate*c.trip.Seconds()) / c.rate * 1e9); r.waited > most+PaceSlack+20*time.Millisecond {
				t.Errorf("first %v waited, more than %v", r.waited, most)
			}
			r.flow(t, max(20*c.trip, 50*time.Millisecond))
			used = r.flow(t, max(100*c.trip, 60*time.Second))
			if used < c.later || r.waited > c.waits {
				t.Errorf("later %.3f of the line, %v waited", used, r.waited)
			}
			if used < 1.01 {
				return
			}
			t.Errorf("%.3f of the line: the test counts wrong", used)
		})
	}
}

// TestPaceDrop: a line that is suddenly ten times as slow, and then as fast as before.
func TestPaceDrop(t *testing.T) {
	r := newRoad(100*mbit, 50*time.Millisecond)
	r.flow(t, 5*time.Second)
	r.rate /= 10
	r.flow(t, 5*time.Second)
	if r.flow(t, 30*time.Second); r.waited > 150*time.Millisecond {
		t.Errorf("%v waited after the drop: %+v", r.waited, r.p)
	}
	r.rate *= 10
	r.flow(t, 2*time.Second)
	if used := r.flow(t, 10*time.Second); used < 0.97 {
		t.Errorf("%.3f of the line, which is fast again: %+v", used, r.p)
	}
}

// TestPaceLonger: a way that becomes longer, and shorter again, is learnt.
func TestPaceLonger(t *testing.T) {
	r := newRoad(100*mbit, 5*time.Millisecond)
	r.flow(t, 5*time.Second)
	r.trip = 100 * time.Millisecond
	r.flow(t, 15*time.Second)
	if used := r.flow(t, 10*time.Second); used < 0.95 {
		t.Errorf("%.3f of the longer line: %+v", used, r.p)
	}
	r.trip = 5 * time.Millisecond
	r.flow(t, 15*time.Second)
	if r.flow(t, 10*time.Second); r.waited > 50*time.Millisecond {
		t.Errorf("%v waited on the shorter line: %+v", r.waited, r.p)
	}
}

// TestPaceSmall: what is sent now and then tells nothing of the rate, and does not make
// it seem low.
func TestPaceSmall(t *testing.T) {
	r := newRoad(100*mbit, 20*time.Millisecond)
	r.flow(t, 5*time.Second)
	limit := r.p.limit
	for range 200 {
		r.send(20 << 10)
		for len(r.pongs) > 0 {
			r.answer()
		}
		r.now += 100 * time.Millisecond
	}
	if r.p.limit < limit/2 {
		t.Errorf("%d bytes may be under way, %d could before", r.p.limit, limit)
	}
	if used := r.flow(t, time.Second); used < 0.9 {
		t.Errorf("%.3f of the line after a rest: %+v", used, r.p)
	}
}

// TestPaceStall: a peer that does not answer for a while, and then all at once.
func TestPaceStall(t *testing.T) {
	r := newRoad(100*mbit, 20*time.Millisecond)
	r.flow(t, 5*time.Second)
	r.send(1 << 40)
	for i := range r.pongs {
		r.pongs[i].at += 30 * time.Second
	}
	r.flow(t, 32*time.Second)
	if used := r.flow(t, 5*time.Second); used < 0.95 {
		t.Errorf("%.3f of the line after a stall: %+v", used, r.p)
	}
}

// TestPaceHiccup: a line that is slow for a moment, which is many of its round trips, is
// not taken for a slow one.
func TestPaceHiccup(t *testing.T) {
	r := newRoad(500*mbit, time.Millisecond)
	r.flow(t, 2*time.Second)
	limit := r.p.limit
	r.rate /= 4
	r.flow(t, 350*time.Millisecond)
	if r.p.limit < limit/2 {
		t.Errorf("%d bytes may be under way, and %d could", r.p.limit, limit)
	}
	if r.flow(t, 3*time.Second); r.p.limit > limit/3 {
		t.Errorf("%d bytes may be under way on a line that has become slow", r.p.limit)
	}
}

// TestPaceHostile: PONGs that nobody asked for, or that come twice or in any order, end
// nothing and count once.
func TestPaceHostile(t *testing.T) {
	r := newRoad(mbit, 100*time.Millisecond)
	r.send(1 << 40)
	p := r.p
	for _, payload := range []string{"", "alive?", "12345678", "\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if p.pong([]byte(payload), time.Millisecond) || p.acked != 0 {
			t.Fatalf("%q was taken: %+v", payload, p)
		}
	}
	last := r.pongs[len(r.pongs)-1]
	p.pong(last.payload, time.Millisecond) // at once: a lie
	acked := p.acked
	for _, again := range r.pongs {
		p.pong(again.payload, 2*time.Millisecond)
	}
	if p.acked != acked || p.acked != p.sent || len(p.marks) != 0 {
		t.Errorf("%d of %d bytes have arrived, %d marks: %+v", p.acked, p.sent, len(p.marks), p)
	}
	if p.limit > MaxUnderWay {
		t.Errorf("%d bytes may be under way", p.limit)
	}
	r.pongs = nil
	r.now = time.Second
	if r.send(1<<40) > MaxUnderWay+BulkQuantum {
		t.Error("no limit")
	}
}

// TestPaceUrgent: what is not held back is counted, and marks are bounded.
func TestPaceUrgent(t *testing.T) {
	p := newPace()
	marks := 0
	for i := range 10000 {
		if p.left(1000, true, time.Duration(i)) {
			p.next(false, time.Duration(i))
			marks++
		}
	}
	if marks != MaxMarks || !p.held() {
		t.Errorf("%d marks under way, held: %v", marks, p.held())
	}
	for i := 1; p.held(); i++ { // each answer leads to the next mark
		if len(p.marks) == 0 {
			t.Fatalf("held for ever: %+v", p)
		}
		if p.pong(fmt.Appendf(nil, "%s", number(p.marks[0].number)), time.Second+time.Duration(i)*time.Millisecond) {
			p.next(false, time.Second)
		}
	}
}

// TestPaceHurry: while bulk is held back, a process's small piece leaves, and much of
// them does not.
func TestPaceHurry(t *testing.T) {
	s := NewState(ManagerSide, 1)
	s.Peer(TopWindow, 2)
	s.Pace(func() time.Duration { return 0 })
	var streams [2]*Stream
	for i := range streams {
		st, err := s.Open(frame.Relay, nil, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		streams[i] = st
	}
	write := func() (n int) {
		var b Batch
		s.Gather(&b)
		for _, buf := range b.Bufs {
			n += len(buf)
		}
		b.Advance(n)
		s.Written(&b)
		return n
	}
	s.send(streams[0], chunk{kind: frame.Data, payload: make([]byte, TopWindow/2)})
	for s.Pending() {
		write()
	}
	if !s.held() || len(streams[0].queue) == 0 {
		t.Fatal("all bulk has left")
	}
	sent := 0
	for range 2 * UrgentMessage / 1000 {
		s.send(streams[1], chunk{kind: frame.Data, payload: make([]byte, 1000)})
		for s.Pending() {
			sent += write()
		}
	}
	if sent < UrgentMessage-1000 || sent > UrgentMessage+2000 {
		t.Errorf("%d bytes of small pieces left, want about %d", sent, UrgentMessage)
	}
}

func number(n uint64) []byte {
	return []byte{byte(n >> 56), byte(n >> 48), byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}
