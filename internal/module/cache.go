package module

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
)

// MaxCache is what a Cache keeps, in bytes: sources, names, and a fixed charge
// for each module. Beyond it the oldest modules are forgotten and, when they
// are wanted again, asked for again.
const MaxCache = 64 << 20

// entryCost is charged for each module kept, whatever its source, in bytes.
const entryCost = 512

// Cache holds the modules that a worker was sent. It is safe for concurrent
// use.
type Cache struct {
	fetch func(ctx context.Context, lang, name string) ([]Module, error)

	mu      sync.Mutex // guards what follows, never held during fetch
	kept    map[key]Module
	order   []key // of kept, oldest first
	size    int   // cost of all in kept, in bytes
	flights map[key]*flight
}

type key struct{ lang, name string }

// flight is one question on its way. Its result is written before done is
// closed, and read only after.
type flight struct {
	done   chan struct{}
	module Module
	err    error // errAbandoned until there is an answer
}

// errAbandoned tells those who wait for a flight that its asker gave up, which
// says nothing about the module.
var errAbandoned = errors.New("question was given up")

// NewCache returns an empty cache that asks fetch, which answers as Server.Get
// does. It is called for several modules at once, with the context of the one
// who asks, and must return when that is done.
func NewCache(fetch func(ctx context.Context, lang, name string) ([]Module, error)) *Cache {
	return &Cache{
		fetch:   fetch,
		kept:    make(map[key]Module),
		flights: make(map[key]*flight),
	}
}

// Get returns the module that lang calls name. An absence is not an error but a
// Module marked Missing, and is remembered. Of several who want a module that is
// not there yet one asks, and the others wait for it until their own contexts
// are done; if the asker gives up, one of them asks again. Errors reach those
// who waited and are not remembered.
func (c *Cache) Get(ctx context.Context, lang, name string) (Module, error) {
	k := key{lang, name}
	for {
		m, f, mine := c.look(k)
		switch {
		case f == nil:
			return m, nil
		case mine:
			return c.ask(ctx, k, f)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Module{}, ctx.Err()
		}
		if !errors.Is(f.err, errAbandoned) {
			return f.module, f.err
		}
	}
}

// look returns the module kept for k, or the flight to wait for, which is the
// caller's to carry out when mine is true.
func (c *Cache) look(k key) (m Module, f *flight, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.kept[k]; ok {
		return m, nil, false
	}
	if f, ok := c.flights[k]; ok {
		return Module{}, f, false
	}
	f = &flight{done: make(chan struct{}), err: errAbandoned}
	c.flights[k] = f
	return Module{}, f, true
}

// ask carries f out. Whatever becomes of fetch, a panic included, those who wait
// are woken.
func (c *Cache) ask(ctx context.Context, k key, f *flight) (Module, error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flights, k)
		close(f.done)
	}()
	m, err := c.answer(ctx, k)
	if err == nil || ctx.Err() == nil {
		f.module, f.err = m, err
	}
	return m, err
}

// answer fetches k, checks the whole answer and then keeps it.
func (c *Cache) answer(ctx context.Context, k key) (Module, error) {
	modules, err := c.fetch(ctx, k.lang, k.name)
	if err != nil {
		return Module{}, err
	}
	if err := checkAnswer(k.name, modules); err != nil {
		return Module{}, fmt.Errorf("answer for module %s: %w", quote(k.name), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range modules[1:] {
		c.keep(key{k.lang, m.Name}, m)
	}
	return c.keep(k, modules[0]), nil
}

// keep remembers m, unless k is known already, and returns what is now known:
// a module stays what it first was. c.mu is held.
func (c *Cache) keep(k key, m Module) Module {
	if known, ok := c.kept[k]; ok {
		return known
	}
	c.kept[k] = m
	c.order = append(c.order, k)
	c.size += cost(k, m)
	for c.size > MaxCache {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.size -= cost(oldest, c.kept[oldest])
		delete(c.kept, oldest)
	}
	return m
}

func cost(k key, m Module) int {
	return entryCost + len(k.lang) + len(k.name) + len(m.Path) + len(m.Source)
}

// checkAnswer holds an answer to what Server.Get promises.
func checkAnswer(name string, modules []Module) error {
	switch {
	case len(modules) == 0:
		return errors.New("it is empty")
	case len(modules) > MaxModules:
		return fmt.Errorf("it has %d modules, more than %d", len(modules), MaxModules)
	case modules[0].Name != name:
		return fmt.Errorf("it is for %s", quote(modules[0].Name))
	}
	for _, m := range modules {
		if err := m.check(); err != nil {
			return fmt.Errorf("%s: %w", quote(m.Name), err)
		}
	}
	return nil
}

// check reports whether m is whole.
func (m Module) check() error {
	switch {
	case m.Missing && len(m.Source) > 0:
		return errors.New("it is missing and has a source")
	case m.Missing:
		return nil
	case len(m.Source) > MaxSource:
		return ErrTooLarge
	case sha256.Sum256(m.Source) != m.Hash:
		return errors.New("source does not match its hash")
	}
	return nil
}
