package container

import (
	"errors"
	"io"
	"sync"
	"testing"
)

// thing is what a test's cache holds.
type thing struct {
	closed *int
}

func (t *thing) Close() error { *t.closed++; return nil }

// tally counts what the entries of a cache made and closed.
type tally struct {
	mu           sync.Mutex
	made, closed int
}

func (y *tally) entry(c *cache[*thing]) *entry[*thing] {
	return &entry[*thing]{cache: c, make: func() (*thing, error) {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.made++
		return &thing{&y.closed}, nil
	}}
}

func use(t *testing.T, e *entry[*thing]) {
	t.Helper()
	if _, err := e.acquire(); err != nil {
		t.Fatal(err)
	}
	e.release()
}

func (y *tally) want(t *testing.T, made, closed int) {
	t.Helper()
	if y.made != made || y.closed != closed {
		t.Fatalf("made %d and closed %d, want %d and %d", y.made, y.closed, made, closed)
	}
}

func TestCacheEvictsTheLeastRecentlyUsed(t *testing.T) {
	var y tally
	c := &cache[*thing]{limit: 2}
	a, b, d := y.entry(c), y.entry(c), y.entry(c)
	use(t, a)
	use(t, b)
	use(t, a)
	y.want(t, 2, 0)
	use(t, d) // b goes
	y.want(t, 3, 1)
	use(t, a)
	y.want(t, 3, 1)
	use(t, b) // d goes
	y.want(t, 4, 2)
	for _, e := range []*entry[*thing]{a, b, d} {
		e.close()
		e.close()
	}
	y.want(t, 4, 4)
	if c.open != 0 || c.idle.Len() != 0 {
		t.Errorf("%d are open, %d idle", c.open, c.idle.Len())
	}
}

func TestCacheNeverTakesWhatIsInUse(t *testing.T) {
	var y tally
	c := &cache[*thing]{limit: 1}
	a, b := y.entry(c), y.entry(c)
	a.acquire()
	a.acquire()
	b.acquire()
	a.release()
	y.want(t, 2, 0)
	b.close()
	y.want(t, 2, 0)
	b.release() // the close that waited
	y.want(t, 2, 1)
	a.release()
	y.want(t, 2, 1)
	a.close()
	y.want(t, 2, 2)
}

func TestCacheMakesOnce(t *testing.T) {
	var y tally
	e := y.entry(&cache[*thing]{limit: 1})
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			e.acquire()
			e.release()
		})
	}
	users.Wait()
	e.close()
	y.want(t, 1, 1)
}

func TestCacheTriesAgainAfterAnError(t *testing.T) {
	fails := true
	e := &entry[*thing]{cache: &cache[*thing]{limit: 1}, make: func() (*thing, error) {
		if fails {
			return nil, io.ErrUnexpectedEOF
		}
		return &thing{new(int)}, nil
	}}
	if _, err := e.acquire(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("acquire: %v", err)
	}
	fails = false
	use(t, e)
	e.close()
}
