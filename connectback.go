package outwork

import (
	"fmt"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/tcp"
)

// door is where agents connect back, for a Target.ConnectBack, which names no host that would
// have to be looked up. m.mu is held.
func (m *Manager) door(back string) (d tcp.Door, err error) {
	if d := m.doors[back]; d != nil {
		return d, nil
	}
	p, err := tcp.Get()
	if err == nil {
		d, err = p.Back(back, m.listening())
	}
	if err != nil {
		return nil, fmt.Errorf("connect back to %q: %w", back, err)
	}
	m.doors[back] = d
	return d, nil
}

// listening is what this manager's listeners have in common.
func (m *Manager) listening() tcp.Listening {
	return tcp.Listening{Silence: link.Silence, Redial: tcp.Redial(m.Redial), Log: m.logger()}
}

// settling is how long a host that is there is left alone before it connects back: its
// first calls are under way, and would share the processors with two handshakes.
const settling = 100 * time.Millisecond

// connectBack has the agent go on over a connection that it dials, and reports whether it
// does. If not it goes on as before.
func (h *hostConn) connectBack() (moved bool) {
	select {
	case <-time.After(settling):
	case <-h.agent.Done():
		return false
	}
	i, forget, err := h.door.Expect(h.url, h.stream)
	if err != nil {
		return h.stays(err)
	}
	address, err := h.agent.ConnectBack(h.ctx, i, tcp.Redial(h.m.Redial))
	if err != nil {
		forget()
		return h.stays(err)
	}
	h.m.logger().Info("a host has connected back", "host", h.url, "address", address)
	return true
}

// stays says that the host goes on over its hop's stream, unless it is lost anyway.
func (h *hostConn) stays(why error) bool {
	if h.agent.Err() == nil {
		h.m.logger().Warn("a host cannot connect back: it goes on over its hop, and is lost when that is cut", "host", h.url, "why", why)
	}
	return false
}
