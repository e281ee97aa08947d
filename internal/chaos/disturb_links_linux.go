package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// links cuts a machine off for a while, which is seldom so long that it is given up.
type links struct{}

func (links) name() string { return "links" }
func (links) weight() int  { return 3 }

func (links) strike(ctx context.Context, r *rand.Rand, f *field, tell func(string)) error {
	m := f.machines[r.IntN(len(f.machines))]
	least, most := 100*time.Millisecond, 3*time.Second
	if r.IntN(8) == 0 {
		least, most = 7*time.Second, 20*time.Second
	}
	if !m.net.TryLock() {
		return nil
	}
	defer m.net.Unlock()
	tell("cut " + m.Host)
	if err := m.Cut(); err != nil {
		return err
	}
	hold(ctx, r, least, most)
	tell("heal " + m.Host)
	return m.Heal()
}

// rates makes a machine's network slow for a while.
type rates struct{}

func (rates) name() string { return "rates" }
func (rates) weight() int  { return 1 }

func (rates) strike(ctx context.Context, r *rand.Rand, f *field, tell func(string)) error {
	m := f.machines[r.IntN(len(f.machines))]
	if !m.net.TryLock() {
		return nil
	}
	defer m.net.Unlock()
	tell("slow " + m.Host)
	if err := m.Rate(1<<20 + r.Int64N(20<<20)); err != nil {
		return err
	}
	hold(ctx, r, 500*time.Millisecond, 4*time.Second)
	return m.Rate(0)
}
