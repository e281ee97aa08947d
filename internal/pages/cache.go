package pages

import (
	"container/list"
	"sync"
	"time"
)

// Limits of a process, whatever the number of links and containers.
const (
	// CacheBytes is how much of all containers is kept, what is on its way
	// included.
	CacheBytes = 64 << 20

	// MaxAhead is how many bytes ahead of one reader are asked for; several
	// readers share half of CacheBytes.
	MaxAhead = 16 << 20

	// Fresh is how long bytes that may change are used after they came.
	Fresh = time.Second

	page       = 16 << 10        // bytes: what is read around a place that nobody reads on from
	firstAhead = 64 << 10        // bytes: where reading ahead begins
	maxBlock   = 1 << 20         // bytes of one request
	maxDemand  = 4 << 20         // bytes of one read that are asked for at once
	maxRuns    = 32              // readers that are told apart
	runLasts   = 2 * time.Second // a reader that has done nothing for so long gets no share
)

// cache has blocks of containers, and who reads them. Those used longest ago are let
// go when there are more than limit bytes; those on their way never are.
type cache struct {
	limit int64

	mu   sync.Mutex // guards what follows, and the sources, blocks and runs
	held int64      // bytes of blocks
	used list.List  // of *Block that came, used longest ago first
	runs []*run     // used longest ago first
}

// process is the cache of this process.
var process = &cache{limit: CacheBytes}

// Block is a part of a container that was asked for, in one request. Its pages are
// in its source's table, unless nobody else is to use it.
type Block struct {
	s      *Source
	Off, N int64 // where it begins, and its bytes

	began time.Time

	// Guarded by cache.mu.
	listed bool // it is in the source's table
	ahead  bool // it was asked for before anybody wanted it, and nobody has read it
	done   bool
	data   []byte
	err    error
	came   time.Time
	notify []func()
	place  *list.Element // in cache.used
}

// Share is the container that the block is of.
func (b *Block) Share() uint64 { return b.s.share }

// Notify makes f be called, once, when the block has come or failed. It reports
// false, and f is not called, when that is so already. f must not use the block's
// container.
func (b *Block) Notify(f func()) bool {
	c := b.s.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.done {
		return false
	}
	b.notify = append(b.notify, f)
	return true
}

// Done gives the block its bytes, which are the block's from then on, or says why
// there are none. What comes after the first Done is dropped.
func (b *Block) Done(data []byte, err error) {
	c := b.s.cache
	c.mu.Lock()
	notify := b.doneLocked(data, err)
	c.mu.Unlock()
	for _, f := range notify {
		f()
	}
}

func (b *Block) doneLocked(data []byte, err error) (notify []func()) {
	if b.done {
		return nil
	}
	c, now := b.s.cache, time.Now()
	b.done, b.data, b.err, b.came = true, data, err, now
	notify, b.notify = b.notify, nil
	switch {
	case err != nil:
		c.dropLocked(b)
	case b.listed:
		b.s.took(now.Sub(b.began))
		b.place = c.used.PushBack(b)
		c.evictLocked(now)
	}
	return notify
}

// addLocked puts a block that is about to be asked for into its source's table.
func (c *cache) addLocked(b *Block) {
	for k := b.Off / page; k*page < b.Off+b.N; k++ {
		b.s.pages[k] = b
	}
	b.listed = true
	c.held += b.N
}

// dropLocked forgets a block. Who waits for it still gets it.
func (c *cache) dropLocked(b *Block) {
	if !b.listed {
		return
	}
	for k := b.Off / page; k*page < b.Off+b.N; k++ {
		delete(b.s.pages, k)
	}
	b.listed = false
	b.s.droppedLocked(b)
	c.held -= b.N
	if b.place != nil {
		c.used.Remove(b.place)
		b.place = nil
	}
}

func (c *cache) evictLocked(now time.Time) {
	for e := c.used.Front(); e != nil; e = c.used.Front() {
		b := e.Value.(*Block)
		if c.held <= c.limit && !b.stale(now) {
			return
		}
		c.dropLocked(b)
	}
}

// stale reports whether b is too old to be used.
func (b *Block) stale(now time.Time) bool {
	return !b.s.immutable && b.done && now.Sub(b.came) > Fresh
}

// touchLocked notes that b is used.
func (c *cache) touchLocked(b *Block) {
	if b.place != nil {
		c.used.MoveToBack(b.place)
	}
}

// ahead is how many bytes ahead of each of those who read now may be asked for.
func (c *cache) ahead(now time.Time) int64 {
	readers := int64(0)
	for _, r := range c.runs {
		if r.window > 0 && now.Sub(r.at) < runLasts {
			readers++
		}
	}
	return max(firstAhead, min(MaxAhead, c.limit/2/max(readers, 1)))
}
