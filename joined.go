package outwork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/agent"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
)

// joinHop is a host that has joined: there is no way to it but its own.
type joinHop struct{ url string }

func (j joinHop) String() string { return j.url }

// Command is a shell there, of the agent's.
func (j joinHop) Command(shell string) []string { return []string{"/bin/sh", "-c", shell} }

var _ host.Hop = joinHop{}

// joining is a manager as package outwork/tcp has it.
type joining struct{ m *Manager }

// joinable is what hook.Joinable says.
func joinable(m any) (tcp.Manager, error) {
	if !mainCalled.Load() {
		return nil, errForgotMain
	}
	return joining{m.(*Manager)}, nil
}

// joins is what hook.Joins says.
func joins() (link.Hello, error) {
	if !mainCalled.Load() {
		return link.Hello{}, errForgotMain
	}
	return agentHello(), nil
}

// Open is of tcp.Manager.
func (j joining) Open(open func(tcp.Listening) (io.Closer, error)) error {
	m := j.m
	m.mu.Lock()
	if m.setup(); m.closing {
		m.mu.Unlock()
		return ErrClosed
	}
	m.beginning++
	defer m.doneBeginning()
	common := m.listening()
	m.mu.Unlock()
	l, err := open(common) // which may have to ask for the address of a name
	if err != nil {
		return err
	}
	m.mu.Lock()
	closing := m.closing
	if !closing {
		m.listeners[l] = true
	}
	m.mu.Unlock()
	if closing {
		l.Close()
		return ErrClosed
	}
	return nil
}

// Closed is of tcp.Manager.
func (j joining) Closed(l io.Closer) {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	delete(j.m.listeners, l)
}

// Go is of tcp.Manager.
func (j joining) Go(f func()) { j.m.following.Go(f) }

// Adopt is of tcp.Manager.
func (j joining) Adopt(name string, stream *resume.Conn) (tcp.Host, error) {
	m := j.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return nil, ErrClosed
	}
	key := tcp.Joined + name
	if h := m.hosts[key]; h != nil && !h.over() {
		return nil, fmt.Errorf("a host has joined as %s at another listener of this manager", name)
	}
	h := m.newHost(key, 1)
	h.stream = stream
	h.agent = agent.NewLastingHost(stream, m.hello())
	m.hosts[key] = h
	m.allHosts[h] = true
	h.reach()
	return adopted{h}, nil
}

// adopted is one that has joined.
type adopted struct{ h *hostConn }

// Arrived is of tcp.Host.
func (a adopted) Arrived() error { return a.h.await(context.Background()) }

// Parted is of tcp.Host.
func (a adopted) Parted() (end, why error) {
	<-a.h.gone
	return a.h.agent.Err(), a.h.cause
}

// notJoined is that there is no host of that URL.
func (m *Manager) notJoined(url string) error {
	return &host.Error{Stage: host.Connect, Hop: url, Err: m.whyNotJoined(), Code: -1}
}

func (m *Manager) whyNotJoined() error {
	if len(m.listeners) == 0 {
		return errors.New("this manager does not listen for hosts: call tcp.Listen")
	}
	var names []string
	for key := range m.hosts {
		if name, ok := strings.CutPrefix(key, tcp.Joined); ok && !strings.Contains(name, " ") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return errors.New("no host has joined")
	}
	slices.Sort(names)
	return fmt.Errorf("no host has joined by that name; those that have: %s", strings.Join(names, ", "))
}
