// Package pages has containers whose bytes stay in another process, which is asked
// for parts of them.
//
// What is read is kept, in blocks, within one bound for the whole process. A reader
// that reads on is asked for ahead, with several requests under way, as far as the
// link takes them without queueing; any other gets the 16 KiB around a place. Blocks
// begin at multiples of their size, a power of two from 16 KiB to 1 MiB, so that
// whoever stands between can keep them too. Several that want the same block ask
// once. Searches and hashes are asked for whole: they run where the bytes are.
//
// A container that may change is read like any other, but what came more than
// Fresh ago, or before Refresh, is asked for again.
//
// The package knows no link: a Peer asks. It has no goroutine of its own.
package pages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// Peer has the bytes, and knows containers by their shares. It is safe for
// concurrent use.
type Peer interface {
	// Fetch asks for b, and waits for nothing but room to ask, until ctx ends. When it
	// is answered b.Done is called, also while Fetch runs. It need not be called when
	// the peer is lost: Source.Lost is.
	Fetch(ctx context.Context, b *Block) error

	// Wait waits until b is done, ctx ends or the peer is lost: then it fails.
	Wait(ctx context.Context, b *Block) error

	// What follows may fail with an error that matches errors.ErrUnsupported: then
	// the bytes are read here.

	// Search asks for matches.
	Search(ctx context.Context, share uint64, s Search) (Found, error)

	// Hash asks for the hash of n bytes at off, by a name of package container.
	Hash(ctx context.Context, share uint64, algorithm string, off, n int64) ([]byte, error)

	// Compare asks for the first difference between n bytes at off and as many of
	// another container of the peer's, counted from there, or -1.
	Compare(ctx context.Context, share uint64, off int64, other uint64, otherOff, n int64) (int64, error)

	// Extent asks for the first range that can be read and ends behind off; both
	// are the size when there is none.
	Extent(ctx context.Context, share uint64, off int64) (start, end int64, err error)
}

// Search is what is searched for: the first Limit matches that begin at or after From and
// before Before, and end at or before To, or how many there are. With Back the last match
// is the first.
type Search struct {
	Spec             pattern.Spec
	From, Before, To int64
	Limit            int64
	Count, Back      bool
}

// Found is the answer: the matches in order, and where to go on, which is the From, or
// with Back the Before, of the next search, -1 when there is nothing more. With a pattern
// of several texts those matches too that begin where the last of so many does.
type Found struct {
	Matches     []pattern.Match
	Next, Count int64
}

// Source is a container of a Peer's, of which any number of views are made.
type Source struct {
	cache     *cache
	peer      Peer
	share     uint64
	name      string // what errors begin with
	size      int64
	immutable bool

	// Guarded by cache.mu.
	pages       map[int64]*Block // by Off / page; each page of a block leads to it
	lost        error
	last, least time.Duration // from asking to the answer
	stats       container.Stats
}

// Size is how many bytes it has.
func (s *Source) Size() int64 { return s.size }

// MaxSize is the most that a container may have, so that no sum of an offset and a
// length is too large.
const MaxSize = 1 << 62

// New is a container of size bytes, at most MaxSize, that peer has under share. Errors begin with name.
func New(peer Peer, share uint64, name string, size int64, immutable bool) *Source {
	return &Source{cache: process, peer: peer, share: share, name: name, size: size, immutable: immutable, pages: map[int64]*Block{}}
}

// Lost ends all that waits for the peer, and whatever is asked of it from then on,
// with err. What was kept is let go.
func (s *Source) Lost(err error) {
	c := s.cache
	c.mu.Lock()
	var notify []func()
	if s.lost == nil {
		s.lost = err
		for _, b := range s.blocksLocked() {
			c.dropLocked(b)
			notify = append(notify, b.doneLocked(nil, err)...)
		}
		c.forgetLocked(s)
	}
	c.mu.Unlock()
	for _, f := range notify {
		f()
	}
}

// Refresh makes a container that may change be read anew: what its process wrote
// before is seen.
func (s *Source) Refresh() {
	if s.immutable {
		return
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	for _, b := range s.blocksLocked() {
		s.cache.dropLocked(b)
	}
}

func (s *Source) blocksLocked() []*Block {
	var all []*Block
	for k, b := range s.pages {
		if b.Off == k*page {
			all = append(all, b)
		}
	}
	return all
}

// readAt fills p from off, which is inside, or says where that failed, and why.
func (s *Source) readAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		k, err := s.some(ctx, p[n:], off+int64(n))
		if err != nil {
			return n, fmt.Errorf("%s: %d bytes at %d: %w", s.name, len(p)-n, off+int64(n), err)
		}
		n += k
	}
	return n, nil
}

// some reads what one block has of p at off.
func (s *Source) some(ctx context.Context, p []byte, off int64) (int, error) {
	b, asks := s.need(off, int64(len(p)))
	for _, a := range asks {
		s.ask(ctx, a)
	}
	data, err := s.await(ctx, b)
	if err != nil && s.isLost() == nil && ctx.Err() == nil {
		return s.exactly(ctx, p, off)
	}
	if err != nil {
		return 0, err
	}
	return copy(p, data[off-b.Off:]), nil
}

// need is the block that has what is at off, of want bytes that are read, and what
// has to be asked for.
func (s *Source) need(off, want int64) (b *Block, asks []*Block) {
	c, now := s.cache, time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.lost != nil {
		return &Block{s: s, Off: off, done: true, err: s.lost}, nil
	}
	b = s.blockLocked(off/page, now)
	if b != nil {
		s.stats.Hits++
	} else {
		s.stats.Misses++
	}
	r, on := c.runLocked(s, off, now)
	to := min(r.until(off, want, c.ahead(now), on, b != nil), s.size)
	asks = s.missingLocked(max(off, min(r.next, to)), to, off, blockSize(max(r.window, min(want, maxDemand))), now)
	if b == nil {
		b = s.pages[off/page]
	}
	s.askedLocked(asks, off, off+want)
	s.readLocked(b)
	c.touchLocked(b)
	r.next = max(r.next, to, b.Off+b.N)
	r.pos = min(off+want, b.Off+b.N)
	return b, asks
}

// blockLocked is the block with page k, when it can be used.
func (s *Source) blockLocked(k int64, now time.Time) *Block {
	b := s.pages[k]
	if b != nil && b.stale(now) {
		s.cache.dropLocked(b)
		return nil
	}
	return b
}

// missingLocked makes blocks, of at most size bytes, of what nobody has asked for
// from from to to, and of the page at first.
func (s *Source) missingLocked(from, to, first, size int64, now time.Time) (asks []*Block) {
	if s.blockLocked(first/page, now) == nil {
		from = first
	}
	for k := from / page; k*page < to; k++ {
		if s.blockLocked(k, now) != nil {
			continue
		}
		b := s.blockAtLocked(k, to, size, now)
		s.cache.addLocked(b)
		asks = append(asks, b)
	}
	return asks
}

// blockAtLocked is the largest block that begins with page k, which is missing.
func (s *Source) blockAtLocked(k, to, size int64, now time.Time) *Block {
	off, n := k*page, int64(page)
	for 2*n <= size && off%(2*n) == 0 && off+n < to {
		if !s.allMissingLocked(off+n, min(off+2*n, s.size), now) {
			break
		}
		n *= 2
	}
	return &Block{s: s, Off: off, N: min(n, s.size-off), began: now}
}

func (s *Source) allMissingLocked(from, to int64, now time.Time) bool {
	for k := from / page; k*page < to; k++ {
		if s.blockLocked(k, now) != nil {
			return false
		}
	}
	return true
}

// ask sends a request. A block whose request cannot be sent has failed, also for others
// that wait for it: they ask themselves, as for any block that fails.
func (s *Source) ask(ctx context.Context, b *Block) {
	if err := s.peer.Fetch(ctx, b); err != nil {
		b.Done(nil, err)
	}
}

// await is the block's bytes, once they have come.
func (s *Source) await(ctx context.Context, b *Block) ([]byte, error) {
	data, err, done := b.result()
	if done {
		return data, err
	}
	if err := s.peer.Wait(ctx, b); err != nil {
		return nil, err
	}
	data, err, done = b.result()
	if !done {
		err = errors.New("it has not come")
	}
	return data, err
}

func (b *Block) result() (data []byte, err error, done bool) {
	b.s.cache.mu.Lock()
	defer b.s.cache.mu.Unlock()
	return b.data, b.err, b.done
}

// exactly asks for what is read and nothing around it: a block may fail for bytes
// that nobody wants, or with the context of who asked for it.
func (s *Source) exactly(ctx context.Context, p []byte, off int64) (int, error) {
	b := &Block{s: s, Off: off, N: min(int64(len(p)), maxBlock), began: time.Now()}
	s.cache.mu.Lock()
	s.stats.Fetched += b.N
	s.cache.mu.Unlock()
	s.ask(ctx, b)
	data, err := s.await(ctx, b)
	return copy(p, data), err
}

func (s *Source) isLost() error {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.lost
}

// outside is the error for n bytes at off of what has size bytes.
func outside(off, n, size int64) error {
	return fmt.Errorf("%d bytes at %d: %w of %d bytes", n, off, container.ErrRange, size)
}
