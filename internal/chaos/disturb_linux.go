package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// disturbance does harm.
type disturbance interface {
	name() string
	// weight is how often it is drawn, beside the others.
	weight() int
	// strike does harm to something that it draws, and undoes it if it is of that kind, at the
	// latest when ctx ends. tell says to what, before. It must use r before it waits for anything.
	strike(ctx context.Context, r *rand.Rand, f *field, tell func(string)) error
}

var disturbances = []disturbance{killing{}, stopping{}, managers{}, links{}, rates{}, disks{}, caches{}, descriptors{}, records{}}

// timeline is what was done when. It is safe for concurrent use.
type timeline struct {
	began time.Time

	mu    sync.Mutex
	last  []string       // guarded by mu: the latest
	count map[string]int // guarded by mu
}

func (t *timeline) add(name, what string) string {
	line := fmt.Sprintf("%9.3fs %s %s", time.Since(t.began).Seconds(), name, what)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count[name]++
	if t.last = append(t.last, line); len(t.last) > 20 {
		t.last = t.last[1:]
	}
	return line
}

func (t *timeline) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return "  " + strings.Join(t.last, "\n  ")
}

// disturb strikes until ctx ends, and returns when all harm is undone.
func (r *run) disturb(ctx context.Context, all []disturbance) {
	if len(all) == 0 {
		<-ctx.Done()
		return
	}
	draw := rand.New(rand.NewPCG(r.o.seed, 0))
	var deck []disturbance
	for _, d := range all {
		for range d.weight() {
			deck = append(deck, d)
		}
	}
	var strikes sync.WaitGroup
	defer strikes.Wait()
	for {
		pause(ctx, draw, 2*r.o.every)
		if ctx.Err() != nil {
			return
		}
		d, own := deck[draw.IntN(len(deck))], rand.New(rand.NewPCG(draw.Uint64(), draw.Uint64()))
		strikes.Go(func() {
			err := d.strike(ctx, own, r.field, func(what string) {
				line := r.timeline.add(d.name(), what)
				if r.o.verbose {
					fmt.Println(line)
				}
			})
			if err != nil {
				r.timeline.add(d.name(), "fails: "+err.Error())
			}
		})
	}
}

// hold waits for as long as harm is done: between least and most.
func hold(ctx context.Context, r *rand.Rand, least, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(least + time.Duration(r.Int64N(int64(most-least)))):
	}
}
