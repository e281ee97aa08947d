package outwork

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// FuzzPoolHands does to a pool's bookkeeping what the bytes say, and compares it with what must
// hold whatever happens.
func FuzzPoolHands(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		ops := make([]byte, 400)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		f.Add(uint8(r.IntN(5)), uint8(r.IntN(4)), uint8(r.IntN(6)), ops)
	}
	f.Fuzz(func(t *testing.T, n, each, recycle uint8, ops []byte) {
		model := newPoolModel(t, int(n%5)+1, int(each%4), int(recycle%6))
		for _, op := range ops {
			model.do(op)
			model.check()
		}
		model.finish()
	})
}

// poolModel plays the seats and the callers of a pool whose workers are made up.
type poolModel struct {
	t       *testing.T
	p       *Pool
	alive   []*hand // seated, whether or not they take calls
	taken   []held
	waiting [kinds][]*waiter // in the order of their coming
}

type held struct {
	h *hand
	k kind
}

func newPoolModel(t *testing.T, n, each, recycle int) *poolModel {
	p := &Pool{Each: each, Recycle: recycle, m: new(Manager), n: n, awaited: n, quiet: make(chan struct{})}
	p.open, p.shut = context.WithCancel(t.Context())
	return &poolModel{t: t, p: p}
}

// do is one thing that happens.
func (m *poolModel) do(op byte) {
	n := int(op >> 3)
	switch op & 7 {
	case 0, 1, 2:
		m.take(kind(n % int(kinds)))
	case 3, 4:
		if len(m.taken) > 0 {
			m.put(n % len(m.taken))
		}
	case 5:
		m.hire()
	case 6:
		if len(m.alive) > 0 {
			close(m.alive[n%len(m.alive)].w.done) // and nobody has noticed
			m.alive = slices.Delete(m.alive, n%len(m.alive), n%len(m.alive)+1)
		}
	case 7:
		m.giveUp(n)
	}
	m.collect()
}

func (m *poolModel) take(k kind) {
	h, w, err := m.p.ask(k, false)
	switch {
	case err != nil:
		m.t.Fatal(err)
	case w != nil:
		m.waiting[k] = append(m.waiting[k], w)
	case k == fresh && h.served != 1:
		m.t.Fatalf("a worker that had %d is taken for fresh", h.served-1)
	default:
		m.taken = append(m.taken, held{h, k})
	}
}

func (m *poolModel) put(i int) {
	h := m.taken[i]
	m.taken = slices.Delete(m.taken, i, i+1)
	m.p.put(h.h, h.k, isReady)
}

// hire is a seat that has a worker again.
func (m *poolModel) hire() {
	if m.p.awaited > 0 {
		m.alive = append(m.alive, m.p.add(&Worker{done: make(chan struct{})}))
	}
}

// giveUp is a waiter whose context ends.
func (m *poolModel) giveUp(n int) {
	k := n % int(kinds)
	line := m.waiting[k]
	if len(line) == 0 {
		return
	}
	w := line[n%len(line)]
	ctx, cancel := context.WithCancel(m.t.Context())
	cancel()
	if _, err := m.p.await(ctx, kind(k), w); !errors.Is(err, context.Canceled) {
		m.t.Fatalf("it was given up, and got %v", err)
	}
	m.waiting[k] = slices.DeleteFunc(line, func(other *waiter) bool { return other == w })
}

// collect has those go on who got something, which must be in their order.
func (m *poolModel) collect() {
	for k := range kinds {
		for len(m.waiting[k]) > 0 {
			select {
			case h := <-m.waiting[k][0].got:
				if k == fresh && h.served != 1 {
					m.t.Fatalf("a worker that had %d is given for fresh", h.served-1)
				}
				m.taken = append(m.taken, held{h, k})
				m.waiting[k] = m.waiting[k][1:]
				continue
			default:
			}
			break
		}
		for _, w := range m.waiting[k] {
			if len(w.got) > 0 {
				m.t.Fatal("one was served before who had come earlier")
			}
		}
	}
	for _, h := range slices.Clone(m.alive) { // its seat sees that it was retired
		select {
		case <-h.retired:
			m.alive = slices.DeleteFunc(m.alive, func(other *hand) bool { return other == h })
		default:
		}
	}
}

// check is what must hold.
func (m *poolModel) check() {
	p := m.p
	p.mu.Lock()
	defer p.mu.Unlock()
	type count struct{ all, lent, alone int }
	counts := map[*hand]*count{}
	for _, h := range p.hands {
		counts[h] = &count{}
	}
	for _, held := range m.taken {
		if counts[held.h] == nil {
			counts[held.h] = &count{}
		}
		c := counts[held.h]
		c.all++
		if held.k != usual {
			c.lent++
		}
		if held.k == fresh {
			c.alone++
		}
	}
	for h, c := range counts {
		switch {
		case h.load != c.all:
			m.t.Fatalf("a load of %d is counted as %d", c.all, h.load)
		case c.all > p.each():
			m.t.Fatalf("a worker has %d at once, and takes %d", c.all, p.each())
		case c.lent > 1:
			m.t.Fatalf("a worker has %d things of maps", c.lent)
		case c.alone > 0 && c.all > 1:
			m.t.Fatal("who has a worker alone is not alone")
		case h.lent != (c.lent > 0) || h.alone != (c.alone > 0):
			m.t.Fatalf("lent %v, alone %v, but it has %+v", h.lent, h.alone, *c)
		case p.Recycle > 0 && h.served > p.Recycle:
			m.t.Fatalf("a worker was taken %d times, and is to go after %d", h.served, p.Recycle)
		}
	}
	if p.load != len(m.taken) {
		m.t.Fatalf("%d are taken, and counted as %d", len(m.taken), p.load)
	}
	if p.awaited+len(p.hands) != p.n {
		m.t.Fatalf("%d workers and %d that are to come, instead of %d", len(p.hands), p.awaited, p.n)
	}
	if k, h := p.next(); h != nil {
		m.t.Fatalf("one waits for a worker of kind %d, and could have it", k)
	}
	if n := p.lines[fresh].len(); n > 0 && p.awaited < n && slices.ContainsFunc(p.hands, func(h *hand) bool { return !h.alone }) {
		m.t.Fatalf("%d wait for new workers, and %d come, though others could go", n, p.awaited)
	}
}

// finish has all be served in the end.
func (m *poolModel) finish() {
	for range 10_000 {
		switch {
		case len(m.taken) > 0:
			m.put(0)
		case m.p.awaited > 0:
			m.hire()
		default:
			for k, line := range m.waiting {
				if len(line) > 0 {
					m.t.Fatalf("%d wait for a worker of kind %d for ever", len(line), k)
				}
			}
			m.p.stop()
			select {
			case <-m.p.quiet:
			default:
				m.t.Fatal("nothing is done, and it is not quiet")
			}
			return
		}
		m.collect()
		m.check()
	}
	m.t.Fatal("there is no end")
}

// Calls and things of maps are served in the order in which they came.
func TestPoolKindsAreFair(t *testing.T) {
	m := newPoolModel(t, 1, 1, 0)
	m.hire()
	m.take(usual)
	want := []kind{lent, usual, usual, lent, lent, usual}
	for _, k := range want {
		m.take(k)
	}
	var got []kind
	for range want {
		m.put(0)
		m.collect()
		got = append(got, m.taken[0].k)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
}
