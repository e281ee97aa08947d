package outwork

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/link"
)

// share is a container under a name. Sharing costs no more than this: bytes and
// files move when a worker asks.
type share struct {
	id uint64 // never used again, so that a worker can tell what it has
	c  container.Container
}

// Share lets all workers of the manager, running and future ones, get c under
// name ([Shared]). c must stay open while it is shared; it is not closed. It
// fails when the name is taken, empty, longer than 1,024 bytes or not UTF-8.
func (m *Manager) Share(name string, c container.Container) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.share(&m.shares, name, c)
}

// Unshare takes the name back, so that it can be given again. Who has the
// container already keeps it.
func (m *Manager) Unshare(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.shares, name)
}

// Share is Manager.Share for this worker alone. Its own names come first.
func (w *Worker) Share(name string, c container.Container) error {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	return w.m.share(&w.shares, name, c)
}

// Unshare takes back a name of this worker's own.
func (w *Worker) Unshare(name string) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	delete(w.shares, name)
}

func (m *Manager) share(shares *map[string]*share, name string, c container.Container) error {
	switch {
	case c == nil:
		return fmt.Errorf("share %q: no container", name)
	case name == "" || len(name) > link.MaxName:
		return fmt.Errorf("share %q: a name has 1 to %d bytes", name, link.MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("share %q: the name is not UTF-8", name)
	case (*shares)[name] != nil:
		return fmt.Errorf("share %q: the name is taken: %w", name, fs.ErrExist)
	}
	if *shares == nil {
		*shares = map[string]*share{}
	}
	m.nextID++
	(*shares)[name] = &share{m.nextID, c}
	return nil
}

// shared answers a worker's question for a container; nil when it has it.
func (w *Worker) shared(name string, have uint64) (uint64, container.Container, error) {
	m := w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	s := w.shares[name]
	if s == nil {
		s = m.shares[name]
	}
	if s == nil {
		return 0, nil, fmt.Errorf("there is no shared container %q; %s: %w", name, w.shareNames(), fs.ErrNotExist)
	}
	if s.id == have {
		return s.id, nil, nil
	}
	return s.id, s.c, nil
}

// maxListed is how many names an error about an unknown one lists.
const maxListed = 20

func (w *Worker) shareNames() string {
	var names []string
	for name := range w.m.shares {
		names = append(names, name)
	}
	for name := range w.shares {
		if w.m.shares[name] == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing is shared"
	}
	slices.Sort(names)
	more := ""
	if len(names) > maxListed {
		more = fmt.Sprintf(" and %d more", len(names)-maxListed)
		names = names[:maxListed]
	}
	return "shared are " + strings.Join(names, ", ") + more
}
