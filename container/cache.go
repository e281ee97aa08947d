package container

import (
	"container/list"
	"io"
	"sync"
)

// cache bounds how many files or maps are open. Those that nobody uses are
// closed, the least recently used first, and made again at their next use.
// Those in use are never touched, even if they are more than limit.
type cache[T io.Closer] struct {
	limit int

	mu   sync.Mutex // guards all below, and the entries
	idle list.List  // of *entry[T], open and not in use, longest idle first
	open int
}

// entry is one thing of a cache. It has to be closed.
type entry[T io.Closer] struct {
	cache  *cache[T]
	make   func() (T, error)
	making sync.Mutex // held while make runs, so that others wait for its result

	// Guarded by cache.mu.
	value  T
	open   bool
	closed bool
	uses   int
	place  *list.Element // in cache.idle
}

// acquire is the entry's value, which stays open until release.
func (e *entry[T]) acquire() (T, error) {
	if v, ok := e.take(); ok {
		return v, nil
	}
	e.making.Lock()
	defer e.making.Unlock()
	if v, ok := e.take(); ok {
		return v, nil
	}
	v, err := e.make()
	if err == nil {
		e.put(v)
	}
	return v, err
}

// take uses the value if it is open.
func (e *entry[T]) take() (v T, ok bool) {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	if !e.open {
		return v, false
	}
	if e.place != nil {
		e.cache.idle.Remove(e.place)
		e.place = nil
	}
	e.uses++
	return e.value, true
}

// put opens the entry with v, in use once.
func (e *entry[T]) put(v T) {
	e.cache.mu.Lock()
	e.value, e.open, e.uses = v, true, 1
	e.cache.open++
	evicted := e.cache.evictLocked()
	e.cache.mu.Unlock()
	closeAll(evicted)
}

func (e *entry[T]) release() {
	e.cache.mu.Lock()
	e.uses--
	evicted := e.settleLocked()
	e.cache.mu.Unlock()
	closeAll(evicted)
}

// close closes the value at once, or after its last use.
func (e *entry[T]) close() {
	e.cache.mu.Lock()
	e.closed = true
	evicted := e.settleLocked()
	e.cache.mu.Unlock()
	closeAll(evicted)
}

// settleLocked puts an open entry that nobody uses to its place, and returns
// what is to be closed.
func (e *entry[T]) settleLocked() []T {
	if !e.open || e.uses > 0 {
		return nil
	}
	if e.place == nil {
		e.place = e.cache.idle.PushBack(e)
	}
	if e.closed {
		return []T{e.shutLocked()}
	}
	return e.cache.evictLocked()
}

func (c *cache[T]) evictLocked() []T {
	var evicted []T
	for c.open > c.limit && c.idle.Len() > 0 {
		evicted = append(evicted, c.idle.Front().Value.(*entry[T]).shutLocked())
	}
	return evicted
}

// shutLocked takes the value out of an idle entry.
func (e *entry[T]) shutLocked() T {
	var none T
	v := e.value
	e.value, e.open = none, false
	e.cache.idle.Remove(e.place)
	e.place = nil
	e.cache.open--
	return v
}

// closeAll closes what was only read from, where closing cannot lose anything.
func closeAll[T io.Closer](values []T) {
	for _, v := range values {
		v.Close()
	}
}
