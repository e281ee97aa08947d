package outwork

import (
	"context"
	"errors"

	"github.com/outwork-go/outwork/internal/starter"
)

// readyStarter returns the manager's starter, which it starts when there is none, or
// when the one there was is lost.
func (m *Manager) readyStarter(ctx context.Context) (*starter.Starter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		switch {
		case m.closing:
			return nil, ErrClosed
		case m.starting:
			if err := m.awaitStarter(ctx); err != nil {
				return nil, err
			}
		case m.starter == nil || isOver(m.starter):
			return m.startStarter(ctx)
		default:
			return m.starter, nil
		}
	}
}

func isOver(s *starter.Starter) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// awaitStarter waits for something to change. m.mu is held before and after.
func (m *Manager) awaitStarter(ctx context.Context) error {
	changed := m.changed
	m.mu.Unlock()
	defer m.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startStarter starts the starter, in place of one that is lost. m.mu is held before
// and after, not meanwhile.
func (m *Manager) startStarter(ctx context.Context) (*starter.Starter, error) {
	old := m.starter
	m.starter, m.starting = nil, true
	m.mu.Unlock()
	if old != nil {
		old.Close() // its end has been told to its workers' calls
	}
	s, err := starter.New(ctx)
	m.mu.Lock()
	m.starting = false
	m.change()
	if err != nil {
		return nil, m.startErrorLocked(err)
	}
	m.starter = s // Close ends it, if that waits for us
	return s, nil
}

// startError is why a process could not be started: because of Close, perhaps.
func (m *Manager) startError(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.startErrorLocked(err)
}

func (m *Manager) startErrorLocked(err error) error {
	if m.closing && !errors.Is(err, ErrClosed) {
		return ErrClosed
	}
	return err
}
