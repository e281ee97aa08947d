package module

import (
	"slices"
	"sync"
)

// What a Memory keeps at most: keys, the names of each, and their bytes.
const (
	maxKeys       = 256
	maxNames      = 512
	maxNamesBytes = 64 << 10
)

// Memory holds what earlier workers asked for, under the hash of what they ran,
// so that it can be sent ahead to the next one that runs the same. It keeps the
// first 512 names (64 KiB) of the last 256 keys. The zero value is ready, and
// safe for concurrent use.
type Memory struct {
	mu    sync.Mutex // guards what follows
	asked map[subject]*names
	order []subject // of asked, oldest first
}

type subject struct {
	lang string
	key  [32]byte
}

type names struct {
	list []string
	size int // in bytes
}

// Note remembers that a worker which runs key asked for name.
func (m *Memory) Note(lang string, key [32]byte, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.of(subject{lang, key})
	if len(n.list) == maxNames || n.size+len(name) > maxNamesBytes || slices.Contains(n.list, name) {
		return
	}
	n.list = append(n.list, name)
	n.size += len(name)
}

// of returns the names under s, which may be new. m.mu is held.
func (m *Memory) of(s subject) *names {
	if n := m.asked[s]; n != nil {
		return n
	}
	if len(m.order) == maxKeys {
		delete(m.asked, m.order[0])
		m.order = slices.Delete(m.order, 0, 1)
	}
	if m.asked == nil {
		m.asked = make(map[subject]*names)
	}
	n := new(names)
	m.asked[s] = n
	m.order = append(m.order, s)
	return n
}

// Names returns what Note was told, in the order of the first times. The slice
// is the caller's.
func (m *Memory) Names(lang string, key [32]byte) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.asked[subject{lang, key}]; n != nil {
		return slices.Clone(n.list)
	}
	return nil
}
