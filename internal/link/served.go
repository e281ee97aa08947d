package link

import "sync/atomic"

// Served is what a manager has done for its peer with one paged container, in requests and
// bytes.
type Served struct {
	Name               string // what it is shared under; "": an argument of a call
	Share              uint64
	Reads, Bytes       int64
	Searches, Searched int64
	Hashes, Hashed     int64 // and comparisons
	Refused            int64 // answered with an error
}

// tallies count it.
type tallies struct {
	reads, bytes, searches, searched, hashes, hashed, refused atomic.Int64
}

func (k *staying) stats(share uint64) Served {
	return Served{
		k.name, share, k.reads.Load(), k.bytes.Load(), k.searches.Load(), k.searched.Load(),
		k.hashes.Load(), k.hashed.Load(), k.refused.Load(),
	}
}

func (s *Served) add(t Served) {
	s.Reads, s.Bytes = s.Reads+t.Reads, s.Bytes+t.Bytes
	s.Searches, s.Searched = s.Searches+t.Searches, s.Searched+t.Searched
	s.Hashes, s.Hashed = s.Hashes+t.Hashes, s.Hashed+t.Hashed
	s.Refused += t.Refused
}

// Served is what was done with each container that was shared and is paged, and, under no
// name and share, with all that were arguments of calls. After the end of the link it is
// what was done until then.
func (l *Link) Served() []Served {
	p := &l.paged
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Served
	lent := p.over
	for share, k := range p.staying {
		if share > firstLent {
			lent.add(k.stats(0))
			continue
		}
		all = append(all, k.stats(share))
	}
	if p.lent > 0 {
		all = append(all, lent)
	}
	return all
}
