package resume

import (
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/mux"
)

// line is one connection. It is closed when it was retired and nobody uses it any more.
type line struct {
	t       mux.Transport
	in      inbound // who reads owns it
	watched bool    // who reads owns it
	last    bool    // no other can follow by itself: when it is cut, the Conn ends

	mu      sync.Mutex // guards what follows
	users   int
	retired bool
	held    bool       // it is not closed before another is there
	unused  *sync.Cond // retired, and users is 0
}

func newLine(t mux.Transport, reads *atomic.Uint64) *line {
	l := &line{t: t, in: inbound{reads: reads}}
	l.unused = sync.NewCond(&l.mu)
	return l
}

// use reports whether l may be used; leave must follow.
func (l *line) use() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired {
		return false
	}
	l.users++
	return true
}

func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	l.closeUnused()
}

// retire makes every call on l return, now and later.
func (l *line) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.retired {
		l.retired = true
		l.t.Stop()
		l.closeUnused()
	}
}

func (l *line) closeUnused() {
	if !l.retired || l.users > 0 {
		return
	}
	l.unused.Broadcast()
	if !l.held {
		l.t.Close()
	}
}

// hold lets l be open until release, also when it is retired.
func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

func (l *line) release() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		l.held = false
		l.closeUnused()
	}
}

// gone waits until nobody uses l, which was retired.
func (l *line) gone() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.users > 0 {
		l.unused.Wait()
	}
}
