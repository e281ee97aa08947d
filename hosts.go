package outwork

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/agent"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/tcp"
	"github.com/outwork-go/outwork/internal/transport"
)

// hops are t's.
func (t *Target) hops() []string {
	if t.Host == "" {
		return t.Via
	}
	return append(slices.Clone(t.Via), t.Host)
}

// hostAt is the connection to the last of hops, which is made when there is none. back says
// how the first one connects back: the others go through that. Those before the last have
// been reached when it returns.
func (m *Manager) hostAt(ctx context.Context, hops []string, back string) (*hostConn, error) {
	var from boot.Place = local{m}
	for i := range hops {
		h, err := m.hostVia(from, hops[:i+1], back)
		if err != nil || i == len(hops)-1 {
			return h, err
		}
		h.reach()
		if err := h.await(ctx); err != nil {
			return nil, err
		}
		from = far{h}
	}
	return nil, errors.New("no host is named")
}

// hostVia is hostAt from one place on.
func (m *Manager) hostVia(from boot.Place, hops []string, address string) (*hostConn, error) {
	hop, err := m.hop(hops)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return nil, ErrClosed
	}
	url, key := strings.Join(hops, " "), hostKey(hops, address)
	if h := m.hosts[key]; h != nil && !h.over() {
		return h, nil
	}
	if _, ok := hop.(joinHop); ok {
		return nil, m.notJoined(url)
	}
	var back tcp.Door
	if address != "" && len(hops) == 1 {
		if boot.Near(hop) {
			return nil, fmt.Errorf("connect back: %s leads to this machine, and has nowhere to come back from", url)
		}
		if back, err = m.door(address); err != nil {
			return nil, err
		}
	}
	h := m.newHost(url, len(hops))
	h.key, h.from, h.hop, h.ahead = key, from, hop, transport.NewDeferred()
	switch {
	case back != nil:
		h.lasting(back)
	case h.behind():
		h.agent = agent.NewHostBehind(h.ahead, m.hello())
	default:
		h.agent = agent.NewHost(h.ahead, m.hello(), link.Silence)
	}
	m.hosts[key] = h
	m.allHosts[h] = true
	return h, nil
}

// hostKey is what a host is known by: one that connects back, or goes through such a one, is
// another than one that does not. (Who has joined has dialled already.)
func hostKey(hops []string, back string) string {
	key := strings.Join(hops, " ")
	if back != "" && !strings.HasPrefix(key, tcp.Joined) {
		key += " back to " + back
	}
	return key
}

// hop is the last of hops. How ssh is called is said for this machine alone.
func (m *Manager) hop(hops []string) (host.Hop, error) {
	url := hops[len(hops)-1]
	o := boot.HopOptions{Batch: m.Ask == nil}
	if len(hops) == 1 {
		o.SSH = m.SSH
	}
	if scheme, rest, ok := strings.Cut(url, "://"); ok && m.Hops[scheme] != nil {
		return m.Hops[scheme](rest)
	}
	if strings.HasPrefix(url, tcp.Joined) {
		return joinHop{url}, nil
	}
	return boot.ParseHop(url, o)
}

// forsakeHosts gives up the hosts that are still being reached, and for nobody any more,
// so that nobody is asked what nobody waits for. m.mu is held.
func (m *Manager) forsakeHosts() {
	if m.beginning > 0 {
		return // it may be for one of these
	}
	wanted := map[*hostConn]bool{}
	for w := range m.workers {
		wanted[w.host] = true
	}
	for key, h := range m.hosts {
		if !h.arrived() && !wanted[h] && h.hop != nil {
			delete(m.hosts, key) // who comes now gets a new one
			go h.stop(context.Canceled)
		}
	}
}

// stopReaching gives up the hosts that are still being reached: their workers cannot be
// told to end, and somebody may think about a password.
func (m *Manager) stopReaching() {
	m.mu.Lock()
	var all []*hostConn
	for h := range m.allHosts {
		if !h.arrived() && h.hop != nil {
			all = append(all, h)
		}
	}
	m.mu.Unlock()
	for _, h := range all {
		h.stop(ErrClosed)
	}
}

// closeHosts ends all connections to hosts, those first that go through others. m.mu is
// held before and after.
func (m *Manager) closeHosts() {
	for len(m.allHosts) > 0 {
		deepest := 0
		for h := range m.allHosts {
			deepest = max(deepest, h.depth)
		}
		var ends []*hostConn
		for h := range m.allHosts {
			if h.depth == deepest {
				ends = append(ends, h)
			}
		}
		m.mu.Unlock()
		var all sync.WaitGroup
		for _, h := range ends {
			all.Go(h.end)
		}
		all.Wait()
		m.mu.Lock()
	}
}

// binaries are this program built for other platforms.
func (m *Manager) binaries() *boot.Binaries {
	if m.Binaries == nil {
		return nil
	}
	return boot.NewBinaries(m.Binaries)
}
