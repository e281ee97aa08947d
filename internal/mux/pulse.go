package mux

import (
	"cmp"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// A link to another host may die without a word: a network that is gone, a process
// that hangs. A watched Conn therefore sees to it that each side says something from
// time to time, and ends when nothing comes. All that comes is a sign of life, also a
// part of a frame, so while there is traffic the watch only looks at two counters.

// looks is how many times in the limit of silence is looked. A link ends at the limit,
// or up to one look before it: nobody knows when between two looks the last thing came.
const looks = 6

// askAfter is after how many looks of silence the peer is asked for a sign of life, and
// after how many without a word of this side it gives one.
const askAfter = looks / 3

// MaxPause is how long a peer that said PAUSE is waited for.
const MaxPause = time.Hour

// SilentError is a link that ended because nothing came.
type SilentError struct {
	Limit time.Duration
	Pause bool // the peer had said PAUSE
}

func (e *SilentError) Error() string {
	if e.Pause {
		return fmt.Sprintf("nothing came for %v after the other side had paused", e.Limit)
	}
	return fmt.Sprintf("nothing came for %g s", e.Limit.Seconds())
}

// Pulse is the watch over a link, or over whatever else may die without a word. It has no
// clock.
type Pulse struct {
	Limit time.Duration // of silence; 0: no watch

	in    uint64 // what had been read then
	out   uint64 // and written
	still int    // looks at which nothing had come
	mute  int    // looks at which nothing had been sent
	asked bool   // and nothing has come since
	gaps  uint64 // silences that a peer who can be heard does not keep

	away     bool   // the peer has said PAUSE, and no frame since
	awayIn   uint64 // what had been read then
	awayLook int    // looks since
}

// Every is how much time should pass between two looks.
func (p *Pulse) Every() time.Duration { return p.Limit / looks }

// Beat is what is to be done after a look.
type Beat uint8

// The beats.
const (
	BeatNone Beat = iota
	BeatAsk       // the peer for a sign of life: a PING
	BeatSign      // give one: a PONG that nobody asked for, and nobody need answer
	BeatEnd       // it is dead
)

// Look is told how long ago the last look was, how many reads and writes there have
// been, and whether this side does not listen. Silence counts only while it does: who blocks does not hear. Nor does who
// was stopped, or slept, hear: then the clock has jumped, and the peer gets its time
// again.
func (p *Pulse) Look(gap time.Duration, in, out uint64, deaf bool) Beat {
	slept := gap > 2*p.Every()
	came, said := in != p.in, out != p.out
	p.in, p.out = in, out
	p.mute++
	if said {
		p.mute = 0
	}
	switch {
	case came || slept:
		p.still, p.asked = 0, false
	case !deaf:
		if p.still++; p.still == askAfter+1 { // it says something every askAfter looks
			p.gaps++
		}
	}
	if p.waits(in) {
		return BeatNone
	}
	return p.next(slept && !came)
}

// Gaps is how often nothing came for so long that the peer was cut off, if only for a while;
// and whether it is just now.
func (p *Pulse) Gaps() (n uint64, now bool) { return p.gaps, p.still > askAfter }

// waits reports whether the peer has paused. It has not any more when something has
// come since, if only a part of a frame.
func (p *Pulse) waits(in uint64) bool {
	p.away = p.away && in == p.awayIn
	if !p.away {
		return false
	}
	p.still, p.asked = 0, false
	p.awayLook++
	return time.Duration(p.awayLook)*p.Every() < MaxPause
}

func (p *Pulse) next(anew bool) Beat {
	switch {
	case p.away || p.still >= looks-1:
		return BeatEnd
	case !p.asked && (anew || p.still >= askAfter):
		p.asked = true
		return BeatAsk
	case p.mute >= askAfter:
		return BeatSign
	}
	return BeatNone
}

// hush is whether this side is silent. It goes through these states:
//
//	loud ──▶ wanted ──▶ hushed ──▶ loud
//	           │          └─ nothing is written
//	           └─ PAUSE is the next to be written, before all that waits
type hush uint8

const (
	loud hush = iota
	hushWanted
	hushed
)

// pause is a PAUSE.
func (s *State) pause() []byte {
	h := frame.Header{Kind: frame.Message, Handle: frame.Pause}
	if s.Record != nil {
		s.Record(true, h, nil)
	}
	return h.Append(nil)
}

// Watch ends the link with a SilentError when nothing has come for that long. The
// peer must have greeted: it is sent PINGs from then on. It is called again for another limit.
func (c *Conn) Watch(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || limit <= 0 {
		return
	}
	c.pulse.Limit, c.looked = limit, time.Now()
	c.pulser.Reset(c.pulse.Every())
}

// Gaps is the Pulse's.
func (c *Conn) Gaps() (n uint64, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pulse.Gaps()
}

// Reads is how many reads there have been, and whether nobody listens: who reads is busy with
// what has come.
func (c *Conn) Reads() (n uint64, deaf bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rd.batch.Load(), c.deaf()
}

// look is one look of the watch.
func (c *Conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.pulser.Reset(c.pulse.Every())
	now := time.Now()
	b := c.pulse.Look(Gap(c.looked, now), c.rd.batch.Load(), c.out, c.deaf())
	c.looked = now
	if c.hush != loud {
		c.stir(b)
		return
	}
	switch b {
	case BeatEnd:
		c.fail(&SilentError{c.pulse.silence(), c.pulse.away})
		return
	case BeatAsk, BeatSign:
		c.beat(b)
	}
}

// Gap is how much time has passed. The monotonic clock tells that of a process that was
// stopped, the wall clock of a machine that slept.
func Gap(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// silence is how long nothing came.
func (p *Pulse) silence() time.Duration {
	if p.away {
		return MaxPause
	}
	return p.Limit
}

// beat gives a sign of life. What waits to be written already is one, but no question.
func (c *Conn) beat(b Beat) {
	switch {
	case c.writing || len(c.s.urgent) > 0:
		c.pulse.asked = c.pulse.asked && b != BeatAsk
	case b == BeatAsk:
		c.s.Ping()
	default:
		c.s.Control(frame.Pong, nil)
	}
	c.flush(false) // the reader does not: it may be what blocks
}

// deaf reports whether nobody listens: who reads is busy with what has come.
func (c *Conn) deaf() bool {
	if c.right == held && !c.polling {
		return true
	}
	return IsDeaf(c.t)
}

// IsDeaf reports whether nobody listens to what is below t, as far as t can tell.
func IsDeaf(t Transport) bool {
	d, ok := t.(interface{ Deaf() bool })
	return ok && d.Deaf()
}

// Deaf reports whether nobody listens to the Conn below.
func (p *Pipe) Deaf() bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.c.deaf()
}

// Paused notes that the peer has said PAUSE. It must be called from Handle.
func (c *Conn) Paused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulse.Paused(c.rd.batch.Load())
	if t, ok := c.t.(Lasting); ok {
		t.Paused()
	}
}

// Paused notes that the peer has said that it will be silent, when in had been read.
func (p *Pulse) Paused(in uint64) { p.away, p.awayIn, p.awayLook = true, in, 0 }

// Lasting is a Transport with signs of life of its own.
type Lasting interface {
	// Paused says that the peer will be silent until it sends something again.
	Paused()
	// Hush says whether this side is to be silent.
	Hush(on bool)
}

func (c *Conn) hushBelow(on bool) {
	if t, ok := c.t.(Lasting); ok {
		t.Hush(on)
	}
}

// Pause tells the peer that this side will be silent, and is: nothing is written until
// Resume, or until the watch sees that time has passed all the same. It returns when
// that was written, after d at the latest. Without a watch nobody goes by it, and it does
// nothing.
func (c *Conn) Pause(d time.Duration) error {
	c.mu.Lock()
	if c.pulse.Limit == 0 || c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	if c.hush == loud {
		c.hush = hushWanted
		c.hushBelow(true)
	}
	c.pulse.mute = 0
	c.mu.Unlock()
	if c.paused(d) {
		return nil
	}
	return cmp.Or(c.Err(), fmt.Errorf("the other side was not told within %v", d))
}

// Resume ends a Pause.
func (c *Conn) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resume()
}

func (c *Conn) resume() {
	if c.hush == loud || c.err != nil {
		return
	}
	c.hush = loud
	c.hushBelow(false)
	c.pulse.still, c.pulse.asked = 0, true
	c.s.Ping()
	c.flush(false)
}

// stir ends a pause that did not come, or is over. What the watch would do is for
// who is not silent.
func (c *Conn) stir(b Beat) {
	if b != BeatNone || c.pulse.mute >= askAfter {
		c.resume()
	}
}
