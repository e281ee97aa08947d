package pages

import "github.com/outwork-go/outwork/container"

// askedLocked counts what is about to be asked for, of which what lies between from and to
// is wanted now. A block is wanted whole, or ahead.
func (s *Source) askedLocked(asks []*Block, from, to int64) {
	for _, b := range asks {
		s.stats.Fetched += b.N
		if b.Off >= to || b.Off+b.N <= from {
			b.ahead = true
			s.stats.Ahead += b.N
		}
	}
}

// readLocked counts that a block is read.
func (s *Source) readLocked(b *Block) {
	if b.ahead {
		b.ahead = false
		s.stats.AheadUsed += b.N
	}
}

// droppedLocked counts that a block is let go.
func (s *Source) droppedLocked(b *Block) {
	if b.ahead {
		b.ahead = false
		s.stats.AheadWasted += b.N
	}
}

func (s *Source) count(f func(st *container.Stats)) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	f(&s.stats)
}

// Stats is what was done with the container so far.
func (s *Source) Stats() container.Stats {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.stats
}

// Stats is for container.StatsOf.
func (v *view) Stats() container.Stats { return v.s.Stats() }
