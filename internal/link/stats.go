package link

import (
	"context"
	"sync"

	"github.com/outwork-go/outwork/container"
)

// Use is what a worker has done with one container that its manager shared.
type Use struct {
	Name  string // what it is shared under; "": arguments of calls that stay at the manager
	Share uint64
	Paged bool
	Stats container.Stats
}

type uses struct{ Uses []Use }

const statsName = "outwork.stats"

// stats is a function that every worker in Go has, whatever its program registers. It is made
// at first use: its types took more time to describe than all else that this package inits.
var stats = sync.OnceValue(func() *Function {
	f := Own(statsName, "package link", func(ctx context.Context, _ *struct{}) (*uses, error) {
		return &uses{From(ctx).Link().uses()}, nil
	})
	f.builtin = true
	return f
})

// builtin is the function of that name that a worker has anyway, or nil.
func (c *Config) builtin(name []byte) *Function {
	if string(name) == statsName && !c.Service {
		return stats()
	}
	return nil
}

// Uses asks the peer, a worker, what it has done with the containers that it has. One that
// does not run this module fails with a *Failure.
func (l *Link) Uses(ctx context.Context) ([]Use, error) {
	v, err := l.Call(ctx, stats(), &struct{}{}, nil)
	if err != nil {
		return nil, err
	}
	return v.(*uses).Uses, nil
}

// uses are those of what is held by its name, and of what was lent.
func (l *Link) uses() []Use {
	all := l.shares.uses()
	for i := range all {
		all[i].Paged = l.far.has(all[i].Share)
	}
	return append(all, l.far.lent()...)
}

func (s *shares) uses() []Use {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Use{}
	for _, name := range s.order {
		h := s.held[name]
		all = append(all, Use{Name: name, Share: h.share, Stats: container.StatsOf(h.c)})
	}
	return all
}

func (f *far) has(share uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sources[share] != nil
}

// lent is one Use of all that was borrowed, if anything was.
func (f *far) lent() []Use {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, any := f.over, f.borrowed
	for share, s := range f.sources {
		if share > firstLent {
			all = plus(all, s.Stats())
		}
	}
	if !any {
		return nil
	}
	return []Use{{Paged: true, Stats: all}}
}

func plus(a, b container.Stats) container.Stats {
	return container.Stats{
		Reads: a.Reads + b.Reads, Bytes: a.Bytes + b.Bytes,
		Searches: a.Searches + b.Searches, Searched: a.Searched + b.Searched,
		Hashes: a.Hashes + b.Hashes, Hashed: a.Hashed + b.Hashed,
		Hits: a.Hits + b.Hits, Misses: a.Misses + b.Misses, Fetched: a.Fetched + b.Fetched,
		Ahead: a.Ahead + b.Ahead, AheadUsed: a.AheadUsed + b.AheadUsed, AheadWasted: a.AheadWasted + b.AheadWasted,
	}
}
