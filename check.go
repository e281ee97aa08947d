package outwork

import (
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/boot"
)

// Check reaches t's Host and looks around there: its platform, user and python3, where
// an agent could be put and why not elsewhere, and how long each stage took. It starts
// nothing there but a shell and, at the hops before it, agents; it leaves nothing behind.
// The error of a host that is not reached is a [*host.Error].
func (m *Manager) Check(ctx context.Context, t Target) (*host.Report, error) {
	m.mu.Lock()
	m.setup()
	if m.closing {
		m.mu.Unlock()
		return nil, ErrClosed
	}
	m.beginning++
	defer m.doneBeginning()
	m.mu.Unlock()
	if len(t.hops()) == 0 {
		return nil, errors.New("no host is named")
	}
	ctx, cancel := m.whileOpen(ctx)
	defer cancel()
	from, hop, err := m.wayTo(ctx, t.hops())
	if err != nil {
		return nil, m.startError(fmt.Errorf("check %s: %w", t.Host, err))
	}
	r, err := boot.Check(ctx, from, hop, boot.Options{Program: m.program, Binaries: m.binaries(), Ask: m.Ask})
	if err != nil {
		err = m.startError(err)
	}
	return r, err
}
