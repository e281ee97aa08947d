package mux

import "github.com/outwork-go/outwork/internal/frame"

// A watch is for what the peer of a guarded Conn has begun. It looks every half
// of Limits.Stall while there may be something, and ends the link for what has not
// moved between three looks: after Stall at least, and one and a half at most.
type watch struct {
	on      bool     // the timer runs
	inFrame bool     // a frame has begun, and is not whole
	frame   progress // of that frame: got counts whole ones
}

// progress is how far something was when it was last looked at.
type progress struct {
	got, seen uint64
	looks     int // at which it had not moved; from 0
}

// stuckLooks is at how many looks in a row a thing may not have moved.
const stuckLooks = 2

// look reports whether p has not moved for too long.
func (p *progress) look() (stuck bool) {
	if p.got != p.seen {
		p.seen, p.looks = p.got, 0
		return false
	}
	p.looks++
	return p.looks >= stuckLooks
}

// note is called after frames have been handled.
func (c *Conn) note() {
	w := &c.begun
	if !c.s.limits.Guarded || !c.s.greeted {
		return
	}
	w.inFrame = c.rd.large || c.rd.w > c.rd.r
	w.frame.got = c.rd.frames + 1 // for 0 is what nobody has seen
	if !w.on && (w.inFrame || c.s.peers > 0) && c.err == nil {
		w.on = true
		c.stalls.Reset(c.s.limits.Stall / 2)
	}
}

// stall is one look.
func (c *Conn) stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.begun
	w.on = false
	switch {
	case c.err != nil:
		return
	case c.full: // the peer does not read, and nothing of it is looked at for long
		w.frame.looks = 0
	case !w.inFrame:
		w.frame.seen = 0
	case w.frame.look():
		c.fail(frame.Violated("stall", "a frame that was not whole after %v", c.s.limits.Stall))
		return
	}
	if st := c.s.stalled(c.full); st != nil {
		c.fail(frame.Violated("stall", "nothing more came on stream %d for %v, and it is not over", st.ID, c.s.limits.Stall))
		return
	}
	if w.inFrame || c.s.peers > 0 {
		w.on = true
		c.stalls.Reset(c.s.limits.Stall / 2)
	}
}

// stalled looks at all that the peer has begun. Nothing counts while this side
// makes the peer wait.
func (s *State) stalled(full bool) *Stream {
	waits := full || len(s.long.wait)+len(s.answers.wait) > 0
	for _, st := range s.streams {
		if !st.partial && (st.in == nil || !st.recvOpen || st.reset) {
			continue
		}
		if waits {
			st.long.progress.looks = 0
		} else if st.long.progress.look() {
			return st
		}
	}
	return nil
}
