package outwork

import (
	"cmp"
	"errors"
	"slices"
	"sync"
)

// Pause tells the agents of all hosts that this process is about to be stopped, by Ctrl-Z
// or because the machine goes to sleep: that nothing comes from it for up to an hour is
// not its death then. It returns when they have been told, or with an error for those that
// could not be within a few seconds. Nothing reaches a host from then on until Resume, or
// until time has passed all the same: call it last thing before the stop.
func (m *Manager) Pause() error {
	var mu sync.Mutex
	var failed error
	for _, tier := range m.tiers() {
		var all sync.WaitGroup
		for _, pause := range tier {
			all.Go(func() {
				if err := pause(); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = errors.Join(failed, err)
				}
			})
		}
		all.Wait()
	}
	return failed
}

// Resume ends a Pause. Call it when the process goes on.
func (m *Manager) Resume() {
	for _, w := range m.snapshot() {
		w.link.Resume()
	}
	for _, h := range m.hostsByDepth() {
		h.agent.Resume()
	}
}

// tiers are what Pause does, those first that others come after: what goes through a host
// cannot be told any more when that was.
func (m *Manager) tiers() (tiers [][]func() error) {
	var links []func() error
	for _, w := range m.snapshot() {
		links = append(links, w.link.Pause) // of an interpreter without an agent; others have no clock
	}
	tiers = append(tiers, links)
	depth := 0
	for _, h := range m.hostsByDepth() {
		if h.depth != depth {
			depth = h.depth
			tiers = append(tiers, nil)
		}
		last := &tiers[len(tiers)-1]
		*last = append(*last, h.agent.Pause)
	}
	return tiers
}

// hostsByDepth are the hosts, the deepest first.
func (m *Manager) hostsByDepth() (hosts []*hostConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.hosts {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b *hostConn) int { return cmp.Compare(b.depth, a.depth) })
	return hosts
}
