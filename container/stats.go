package container

import "sync"

// Stats are what this process has done with a container and all slices of it. Bytes of
// what is paged count as they were asked for, whole pages of them.
type Stats struct {
	Reads, Bytes       int64 // ReadAt, View and Bytes, and what was wanted; hashing and comparing what is here reads it
	Searches, Searched int64 // windows or requests, and the bytes that they went over

	// Of what is paged only: it stays in another process.
	Hashes, Hashed int64 // sums and comparisons there, and their bytes
	Hits, Misses   int64 // reads of a page that was there or on its way; and of one that was asked for then
	Fetched        int64 // bytes that were asked for
	Ahead          int64 // of these, before anybody wanted them;
	AheadUsed      int64 // of these, what was read since,
	AheadWasted    int64 // and what was let go unread
}

// counts is a Container that counts itself.
type counts interface{ Stats() Stats }

// StatsOf are those of c, which may be closed. A Container of another package that does
// not count has zeros.
func StatsOf(c Container) Stats {
	switch c := c.(type) {
	case *view:
		return c.uses.stats()
	case counts:
		return c.Stats()
	}
	return Stats{}
}

// uses count for a container and its slices. Each view counts by itself, under a lock that
// it takes anyway: an atomic counter would cost a read of 64 bytes a third of its time.
type uses struct {
	mu      sync.Mutex // guards what follows; a hold's is taken after it
	over    amount     // of the views that are closed
	views   *hold      // the last of those that are not
	windows amount     // of searches
}

// amount is how often, and how many bytes.
type amount struct{ times, bytes int64 }

func (a *amount) add(b amount) {
	a.times += b.times
	a.bytes += b.bytes
}

func (u *uses) opened(h *hold) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h.older = u.views; h.older != nil {
		h.older.newer = h
	}
	u.views = h
}

func (u *uses) closed(h *hold) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h.older != nil {
		h.older.newer = h.newer
	}
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		u.views = h.older
	}
	u.over.add(h.counted())
}

// searched counts a window of n bytes.
func (u *uses) searched(n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.windows.add(amount{1, n})
}

func (u *uses) stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := u.over
	for h := u.views; h != nil; h = h.older {
		all.add(h.counted())
	}
	return Stats{Reads: all.times, Bytes: all.bytes, Searches: u.windows.times, Searched: u.windows.bytes}
}

func (h *hold) counted() amount {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reads
}
