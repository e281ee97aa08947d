package outwork

import (
	"fmt"
	"io/fs"
	"maps"
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

// shares is what is shared, by name. The zero value is ready.
type shares struct {
	byName map[string]*share
	most   int // names that byName had at once: what it has room for
}

// roomy is how many names a map may have room for, whatever it holds.
const roomy = 1024

func (s *shares) put(name string, of *share) {
	if s.byName == nil {
		s.byName = map[string]*share{}
	}
	s.byName[name] = of
	s.most = max(s.most, len(s.byName))
}

// remove forgets a name. A map keeps its room for good, so one that is nearly empty is
// made anew.
func (s *shares) remove(name string) {
	delete(s.byName, name)
	if left := len(s.byName); s.most > roomy && left < s.most/8 {
		byName := make(map[string]*share, left)
		maps.Copy(byName, s.byName)
		s.byName, s.most = byName, left
	}
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
	m.shares.remove(name)
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
	w.shares.remove(name)
}

func (m *Manager) share(to *shares, name string, c container.Container) error {
	switch {
	case c == nil:
		return fmt.Errorf("share %q: no container", name)
	case name == "" || len(name) > link.MaxName:
		return fmt.Errorf("share %q: a name has 1 to %d bytes", name, link.MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("share %q: the name is not UTF-8", name)
	case to.byName[name] != nil:
		return fmt.Errorf("share %q: the name is taken: %w", name, fs.ErrExist)
	}
	m.nextID++
	to.put(name, &share{m.nextID, c})
	return nil
}

// shared answers a worker's question for a container; nil when it has it.
func (w *Worker) shared(name string, have uint64) (uint64, container.Container, error) {
	m := w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	s := w.shares.byName[name]
	if s == nil {
		s = m.shares.byName[name]
	}
	if s == nil {
		return 0, nil, fmt.Errorf("there is no shared container %q; %s: %w", name, w.shareNames(), fs.ErrNotExist)
	}
	if s.id == have {
		return s.id, nil, nil
	}
	return s.id, s.c, nil
}

// maxListed is how many names an error about an unknown one lists, and maxSorted how many
// there may be for that: a worker that asks again and again would keep the manager sorting.
const (
	maxListed = 20
	maxSorted = 1000
)

func (w *Worker) shareNames() string {
	if n := len(w.m.shares.byName) + len(w.shares.byName); n > maxSorted {
		return fmt.Sprintf("%d others are shared", n)
	}
	var names []string
	for name := range w.m.shares.byName {
		names = append(names, name)
	}
	for name := range w.shares.byName {
		if w.m.shares.byName[name] == nil {
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
