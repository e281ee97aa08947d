package mux

import (
	"encoding/binary"
	"time"
)

// Limits of pacing; each has its line in PROTOCOL.md.
const (
	StartUnderWay = 96 << 10 // bytes: bulk under way before anything is known of the link
	MinUnderWay   = 64 << 10 // bytes: what may be under way on any link
	MaxUnderWay   = 64 << 20 // bytes
	MaxMarks      = 64       // PINGs of pacing that wait for their answer
	PaceSlack     = 20 * time.Millisecond
	TripLife      = 10 * time.Second // how long a least round trip is taken for true
	markEvery     = 16 << 10         // bytes: marks are not closer than that while there is more to send
	marksOfLimit  = 8                // marks in what may be under way

	// rateLife is how long the highest rate is taken for true, at least, and twice at most: a
	// hiccup of a busy machine is many round trips of a short way.
	rateLife = 500 * time.Millisecond
)

// pace says how much may be under way on a link that others see as one pipe with a
// long queue in it, such as ssh's. Behind every so many bytes goes a mark, a PING with
// a number; its PONG tells that all before it has arrived. From these come the rate at
// which the link delivers and its least round trip, and from both how much it carries:
// what is sent beyond that would only wait, in front of what is more urgent.
//
// It has no clock: now is the time since any moment, which never runs backwards.
type pace struct {
	sent, acked, marked int64         // bytes that have left; that have arrived, as far as is known; that were before the last mark
	ackedAt             time.Duration // when acked last grew, or when something was sent after all had arrived
	leftAt              time.Duration // when something was last sent
	empty               bool          // and nothing has arrived since: the link has to be filled first
	marks               []mark        // under way, in order
	number              uint64        // of the last mark

	rates   [2]float64    // bytes a second: the highest of this span of time and of the one before
	turned  time.Duration // when this span began
	last    float64       // rate, at the end of the last round trip
	trips   uint64        // counts round trips
	tripEnd int64         // when so much has arrived another is over; 0: nothing has arrived yet
	growing int           // for so many round trips the link may have more to give
	short   int64         // until so much has arrived the sender had less to send than it might

	least   time.Duration // round trip; 0: not known
	leastAt time.Duration
	probe   probe
	drain   int64 // of probeDrain

	limit int64
}

// mark is one that is under way.
type mark struct {
	number  uint64
	before  int64         // bytes
	at      time.Duration // when it was queued
	acked   int64         // as they were then
	ackedAt time.Duration
	clean   bool // nothing was under way before it
	short   bool // the sender could have sent more
	empty   bool
}

// probe is how a round trip is measured that has no queue in it, while there is always
// more to send:
//
//	none ──▶ drain ──▶ due ──▶ out ──▶ none
//	  │        └─ no bulk leaves until all that has left has arrived
//	  └─ the least round trip is out of date
//
// When nothing is under way anyhow, none goes to out.
type probe uint8

const (
	probeNone probe = iota
	probeDrain
	probeDue
	probeOut
)

func newPace() *pace { return &pace{limit: StartUnderWay, growing: 3} }

// held reports whether bulk must wait.
func (p *pace) held() bool { return p.probe == probeDrain || p.sent-p.acked >= p.limit }

// step is how much may be sent between two marks.
func (p *pace) step() int64 { return min(max(p.limit/marksOfLimit, markEvery), BulkQuantum) }

// ahead reports whether a mark is to go before the next bulk.
func (p *pace) ahead(now time.Duration) bool {
	return p.probe == probeDue || p.probe == probeNone && p.stale(now) && p.idle(now)
}

// idle reports whether nothing is under way. The last of what was sent has no mark behind
// it: it has arrived when there was time for it.
func (p *pace) idle(now time.Duration) bool {
	if len(p.marks) > 0 {
		return false
	}
	need := time.Second
	if rate := p.rate(); rate > 0 {
		need = time.Duration(float64(p.sent-p.acked) / rate * 1e9)
	}
	if now-p.leftAt > p.least+PaceSlack+need {
		p.acked, p.marked = p.sent, p.sent
	}
	return p.acked == p.sent
}

func (p *pace) stale(now time.Duration) bool { return p.least == 0 || now-p.leastAt > TripLife }

// left notes that n bytes have left, and reports whether a mark is to follow them. more
// says that there is more to send.
func (p *pace) left(n int, more bool, now time.Duration) (mark bool) {
	if p.idle(now) {
		p.ackedAt, p.empty = now, true
	}
	p.sent += int64(n)
	p.leftAt = now
	if !more && p.sent-p.acked < p.limit/4*3 {
		p.short = p.sent
	}
	return len(p.marks) < MaxMarks && p.sent-p.marked >= p.step()
}

// next is the payload of a mark that is queued now. clean says that it measures a
// round trip.
func (p *pace) next(clean bool, now time.Duration) []byte {
	p.number++
	p.marks = append(p.marks, mark{
		number: p.number, before: p.sent, at: now, acked: p.acked, ackedAt: p.ackedAt,
		clean: clean, short: p.short > p.acked, empty: p.empty,
	})
	p.marked = p.sent
	if clean && p.probe != probeDrain {
		p.probe = probeOut
	}
	return binary.BigEndian.AppendUint64(nil, p.number)
}

// pong takes a PONG, and reports whether a mark is to be sent for the answer. One that
// answers no mark, or one that was answered, is nobody's.
func (p *pace) pong(payload []byte, now time.Duration) (again bool) {
	m, ok := p.take(payload)
	if !ok {
		return false
	}
	took := max(now-m.at, time.Microsecond)
	if p.least == 0 || took < p.least || m.clean && p.stale(now) {
		p.least, p.leastAt = took, now
	}
	if m.clean && p.probe == probeOut {
		p.probe = probeNone
	}
	if m.before > p.acked {
		p.acked, p.ackedAt, p.empty = m.before, now, false
		p.learn(m, took, now)
	}
	p.setLimit()
	return p.refresh(now)
}

// take is the mark that payload answers. All before it have arrived too.
func (p *pace) take(payload []byte) (mark, bool) {
	if len(payload) != 8 {
		return mark{}, false
	}
	number := binary.BigEndian.Uint64(payload)
	for i, m := range p.marks {
		if m.number == number {
			p.marks = append(p.marks[:0], p.marks[i+1:]...)
			return m, true
		}
	}
	return mark{}, false
}

// learn takes the rate at which the bytes before m have arrived. One that the sender
// could have made higher tells only how much the link can give at least, unless the
// bytes have waited: then the link is what made it low. One in which the link had to be
// filled first is always too low.
func (p *pace) learn(m mark, took, now time.Duration) {
	rate := float64(p.acked-m.acked) / max(now-m.ackedAt, time.Microsecond).Seconds()
	waited := took > 2*p.least+PaceSlack
	if !m.empty && (!m.short || waited) || rate > p.rate() {
		p.rates[0] = max(p.rates[0], rate)
	}
	first := p.tripEnd == 0
	if p.acked < p.tripEnd {
		return
	}
	p.tripEnd = p.sent
	if first { // the first of what left at once: it does not tell what all of that was
		return
	}
	p.trips++
	p.growing = max(p.growing-1, 0)
	if p.rate() > 1.25*p.last && p.last > 0 {
		p.growing = 3
	}
	p.last = p.rate()
	if p.rates[0] > 0 && now-p.turned > rateLife {
		p.rates[0], p.rates[1], p.turned = 0, p.rates[0], now
	}
}

// rate is what the link delivers, in bytes a second; 0 is not known.
func (p *pace) rate() float64 { return max(p.rates[0], p.rates[1]) }

// setLimit is called when something was learnt. A link that gave more than it had
// before may have more yet.
func (p *pace) setLimit() {
	if p.trips == 0 {
		return
	}
	gain := 2.0
	if p.growing > 0 {
		gain = 4
	}
	n := p.rate() * (gain*p.least.Seconds() + PaceSlack.Seconds())
	p.limit = int64(min(max(n, MinUnderWay), MaxUnderWay))
}

// refresh sees to it that the least round trip does not grow old, and that what has
// arrived is told of.
func (p *pace) refresh(now time.Duration) (again bool) {
	switch {
	case p.probe == probeDrain && p.acked >= p.drain:
		p.probe, p.empty = probeDue, true
	case p.probe == probeNone && len(p.marks) > 0 && p.stale(now):
		p.probe, p.drain = probeDrain, p.sent
	}
	return len(p.marks) < MaxMarks && p.sent > p.marked && (p.sent-p.marked >= p.step() || p.probe == probeDrain)
}
