package pages

import (
	"slices"
	"time"
)

// run is somebody who reads on from where the last read ended.
type run struct {
	s      *Source
	pos    int64 // where the last read ended
	next   int64 // the end of what was asked for
	window int64 // bytes that are asked for ahead of pos; 0: nobody knows yet whether this reads on
	at     time.Time
}

// runLocked is who reads at off: somebody who has read up to there, or who skips
// what was asked for already, or somebody new. on tells that it reads on.
func (c *cache) runLocked(s *Source, off int64, now time.Time) (r *run, on bool) {
	r = c.takeRunLocked(s, off)
	if r == nil {
		r = &run{s: s, pos: off, next: off}
	} else {
		on = off >= r.pos
	}
	if len(c.runs) >= maxRuns {
		c.runs = slices.Delete(c.runs, 0, 1)
	}
	c.runs = append(c.runs, r)
	r.at = now
	return r, on
}

// takeRunLocked takes who may be reading at off out of the list, who read last
// before the others.
func (c *cache) takeRunLocked(s *Source, off int64) *run {
	for i := len(c.runs) - 1; i >= 0; i-- {
		if r := c.runs[i]; r.s == s && r.pos-page <= off && off <= max(r.pos, r.next) {
			c.runs = slices.Delete(c.runs, i, i+1)
			return r
		}
	}
	return nil
}

// forgetLocked forgets who reads s.
func (c *cache) forgetLocked(s *Source) {
	c.runs = slices.DeleteFunc(c.runs, func(r *run) bool { return r.s == s })
}

// until is the end of what has to be asked for now, where want bytes at off are
// read. on tells that r reads on, and hit that what is at off is there or on its way.
func (r *run) until(off, want, most int64, on, hit bool) int64 {
	demand := min(want, maxDemand)
	r.window = min(r.window, most)
	switch {
	case on && (!hit || off+demand > r.next): // nobody has asked for all of it
		r.window = r.s.grown(max(r.window, demand), most)
	case want > maxDemand && r.window == 0:
		r.window = min(maxDemand, most)
	case r.window > 0 && r.next-off < r.window/4*3:
		r.window = r.s.grown(r.window, most)
	default:
		return off + demand
	}
	size := blockSize(r.window)
	return max(off+demand, (off+r.window)/size*size)
}

// blockSize is how large the blocks of a window are.
func blockSize(window int64) int64 {
	size := int64(page)
	for size < maxBlock && size < window/4 {
		size *= 2
	}
	return size
}

// grown is the window after w. More is asked for as long as what is asked for comes
// about as quickly as anything did: then the link is not full yet. Where it comes
// much later, it waits in a queue, and others' bytes behind it.
func (s *Source) grown(w, most int64) int64 {
	switch late := s.last - 2*s.least; {
	case late <= patience:
		w *= 4
	case late > 4*patience:
		w /= 2
	}
	return min(max(w, firstAhead), most)
}

// patience is how much later than the quickest answer one may come.
const patience = 100 * time.Millisecond

// took notes how long an answer took.
func (s *Source) took(d time.Duration) {
	if s.last = d; s.least == 0 || d < s.least {
		s.least = d
	}
}
