package outwork

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/tcp"
)

// Shutdown takes no more calls, lets those that run finish, and ends all workers
// in peace: their last output and log records arrive. When ctx ends first, the
// calls are cancelled and end with a [*LostError], what has not returned after the
// grace is killed, and ctx's error is returned. It returns when Close would.
func (m *Manager) Shutdown(ctx context.Context) error {
	var all sync.WaitGroup
	var cut atomic.Bool
	m.stopPools()
	for _, w := range m.stop() {
		all.Go(func() {
			if w.shutdown(ctx) != nil {
				cut.Store(true)
			}
		})
	}
	all.Wait()
	err := m.Close()
	if cut.Load() {
		return ctx.Err()
	}
	return err
}

// stop lets nothing start any more.
func (m *Manager) stop() []*Worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closing = true
	if m.started {
		m.endLife()
	}
	return m.list()
}

// Close ends all workers now: calls that run end with a [*LostError]. A worker
// gets SIGTERM, and SIGKILL after the grace; one whose end is not told 10 s after that, for it
// hangs in its kernel or its host lies, is given up. It returns when no other process,
// goroutine or file of the manager's is left, and may be called again. A Stdout
// or Stderr that blocks holds it up. Its error is the first of writing to them, or that the
// process which starts workers was killed: what they left behind may live on.
func (m *Manager) Close() error {
	var wg sync.WaitGroup
	workers := m.stop()
	for _, p := range m.stopPools() {
		wg.Go(func() { p.Close() })
	}
	m.stopReaching()
	for _, w := range workers {
		wg.Go(func() { w.Close() })
	}
	wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeHosts()
	m.closeDoors()
	m.await(func() bool { return !m.starting })
	if s := m.starter; s != nil {
		m.starter, m.starting = nil, true // for others that close: not yet gone
		m.mu.Unlock()
		err := s.Close()
		m.mu.Lock()
		m.starting = false
		m.closeErr = err
		m.change()
	}
	m.await(func() bool { return m.beginning == 0 && len(m.workers) == 0 })
	m.mu.Unlock()
	m.following.Wait() // nobody listens any more, who would follow another host
	m.mu.Lock()
	if m.closeErr == nil && m.sink != nil {
		return m.sink.Err()
	}
	return m.closeErr
}

// closeDoors ends all listening, and returns when nobody listens any more. m.mu is held
// before and after.
func (m *Manager) closeDoors() {
	if !m.started {
		return
	}
	m.await(func() bool { return !m.silencing })
	doors, listeners := m.doors, m.listeners
	m.doors, m.listeners, m.silencing = map[string]tcp.Door{}, map[io.Closer]bool{}, true
	m.mu.Unlock()
	for _, d := range doors {
		d.Close()
	}
	for l := range listeners {
		l.Close()
	}
	m.mu.Lock()
	m.silencing = false
	m.change()
}

// change wakes those who await something. m.mu is held.
func (m *Manager) change() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// await returns when ok, which is asked with m.mu held, as it is before and
// after.
func (m *Manager) await(ok func() bool) {
	for !ok() {
		changed := m.changed
		m.mu.Unlock()
		<-changed
		m.mu.Lock()
	}
}
