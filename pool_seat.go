package outwork

import (
	"fmt"
	"time"
)

// Bounds of starting workers again and again.
const (
	poolAttempts   = 5                     // in vain, then calls fail
	shortestPause  = 10 * time.Millisecond // before the second; then twice as long each
	longestPause   = 5 * time.Second
	killedAttempts = 10               // that somebody else has killed do not count
	longEnough     = 10 * time.Second // a worker that lives so long was not in vain, though it did nothing
)

// seat is the place of one worker after the other. Only its own goroutine uses it.
type seat struct {
	*Pool
	tries int  // in vain, one after the other
	told  bool // Manager.Pool knows of the first
}

// pause is how long to wait after so many attempts in vain.
func pause(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	return min(shortestPause<<min(tries-1, 20), longestPause)
}

// run keeps a worker at the seat until the pool is closed.
func (s *seat) run() {
	for {
		h := s.hire()
		if h == nil {
			return
		}
		began := time.Now()
		select {
		case <-h.w.link.Done(): // its process ends soon
			s.lost(h, time.Since(began))
		case <-h.retired:
			s.tries = 0
			s.all.Go(func() { s.drain(h) })
		case <-s.life.Done():
			h.w.Close()
			return
		}
	}
}

// lost gives up a worker whose link has ended.
func (s *seat) lost(h *hand, after time.Duration) {
	s.mu.Lock()
	s.leave(h)
	useful := h.served > 0
	s.mu.Unlock()
	if useful || after > longEnough {
		s.tries = 0
		s.all.Go(func() { <-h.w.done })
		return
	}
	<-h.w.done
	s.vain(h.w.Err())
}

// hire is a new worker, when one can be started; nil when the pool is closed.
func (s *seat) hire() *hand {
	for killed := 0; s.waited(pause(s.tries)); {
		w, err := s.start(s.open, s.named())
		var h *hand
		if err == nil {
			s.tries++ // until it has done something
			if h = s.add(w); h == nil {
				err = ErrClosed
			}
		}
		if !s.told { // when it can be used: a call may come at once
			s.told = true
			s.first <- err
		}
		if err == nil {
			return h
		}
		if killed < killedAttempts && wasKilled(err) {
			killed++
			continue
		}
		s.tries++
		s.vain(err)
	}
	return nil
}

// waited reports whether the pool is still open after d.
func (p *Pool) waited(d time.Duration) bool {
	if d > 0 {
		select {
		case <-time.After(d):
		case <-p.open.Done():
		}
	}
	return p.open.Err() == nil
}

// named is the target with a name of its own.
func (p *Pool) named() *Target {
	t := p.target
	if t.Name != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.numbered++
		t.Name = fmt.Sprintf("%s-%d", t.Name, p.numbered)
	}
	return &t
}

// add gives the pool a worker that serves; nil when it is closed.
func (p *Pool) add(w *Worker) *hand {
	h := &hand{w: w, retired: make(chan struct{}), idle: make(chan struct{})}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.awaited--
		p.failure = nil
		p.hands = append(p.hands, h)
		p.serve()
	}
	p.mu.Unlock()
	if closed {
		w.Close()
		return nil
	}
	return h
}

// vain notes that a worker came to nothing. When that was often enough, those in line are told.
func (s *seat) vain(why error) {
	s.mu.Lock()
	news := s.failure == nil
	if s.closed || s.tries < poolAttempts && news {
		s.mu.Unlock()
		return
	}
	s.failure = why
	s.refuse(fresh, why)
	if len(s.hands) == 0 {
		s.refuse(usual, why)
		s.refuse(lent, why)
	}
	s.mu.Unlock()
	if news {
		s.m.logger().Warn("a pool cannot start a worker, and goes on trying", "error", why)
	}
}

// drain ends a worker that takes no more, when it has nothing more to do.
func (p *Pool) drain(h *hand) {
	select {
	case <-h.idle:
		h.w.draining.Store(true)
		if h.w.link.Quiet(p.life); p.life.Err() == nil { // what was returned may still be read
			h.w.end(h.w.link.Shutdown)
		}
	case <-h.w.done:
	case <-p.life.Done():
	}
	h.w.Close()
}
