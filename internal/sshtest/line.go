package sshtest

import (
	"sync"
	"time"
)

const (
	// maxChunk is how much a line takes at once, in bytes, and minChunk the least that
	// it takes when it is slow.
	maxChunk = 32 << 10
	minChunk = 512

	// maxInFlight is how much a line of no limited rate holds, in bytes: enough for
	// 1 Gbit/s over half a second.
	maxInFlight = 64 << 20

	// queueing is how long data may wait at the near end of a slow line.
	queueing = 250 * time.Millisecond
)

// line is one direction of a connection with a delay and a rate: what is put into it
// comes out when it has travelled. It has one writer and one reader.
type line struct {
	delay time.Duration
	rate  int64 // bits per second; 0 for no limit
	limit int   // bytes that it holds

	mu     sync.Mutex
	change *sync.Cond
	held   []chunk   // guarded by mu
	size   int       // guarded by mu: bytes of held
	ended  bool      // guarded by mu: nothing more is put in
	broken bool      // guarded by mu: neither end may use it any longer
	free   time.Time // when the near end has sent what it was given
}

type chunk struct {
	data []byte
	due  time.Time // when it comes out
}

func newLine(o ProxyOptions) *line {
	l := &line{delay: o.Delay, rate: o.Rate, limit: maxInFlight}
	if l.rate > 0 {
		l.limit = max(2*minChunk, int(float64(l.rate)/8*(l.delay+queueing).Seconds()))
	}
	l.change = sync.NewCond(&l.mu)
	return l
}

// piece is how many bytes to put in at once: what a slow line sends in 10 ms.
func (l *line) piece() int {
	if l.rate == 0 {
		return maxChunk
	}
	return int(min(max(l.rate/800, minChunk), maxChunk))
}

// put puts in a chunk, which it keeps, once there is room. It reports whether the line
// still works.
func (l *line) put(data []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.size > 0 && l.size+len(data) > l.limit && !l.broken {
		l.change.Wait()
	}
	if l.broken {
		return false
	}
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	if l.rate > 0 {
		l.free = l.free.Add(time.Duration(int64(len(data)) * 8 * int64(time.Second) / l.rate))
	}
	l.held = append(l.held, chunk{data, l.free.Add(l.delay)})
	l.size += len(data)
	l.change.Broadcast()
	return true
}

// next returns the next chunk, before it is due, and false when there will be none.
func (l *line) next() (chunk, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.held) == 0 && !l.ended && !l.broken {
		l.change.Wait()
	}
	if l.broken || len(l.held) == 0 {
		return chunk{}, false
	}
	return l.held[0], true
}

// out takes out what next returned.
func (l *line) out() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size -= len(l.held[0].data)
	l.held[0] = chunk{}
	l.held = l.held[1:]
	l.change.Broadcast()
}

// end says that nothing more is put in: the end comes out after the rest, and a delay.
func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		l.held = append(l.held, chunk{nil, time.Now().Add(l.delay)})
	}
	l.change.Broadcast()
}

// tear makes both ends return.
func (l *line) tear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	l.change.Broadcast()
}
