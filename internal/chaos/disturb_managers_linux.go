package main

import (
	"context"
	"math/rand/v2"
)

// managers kills a load or the daemon, which is started again.
type managers struct{}

func (managers) name() string { return "managers" }
func (managers) weight() int  { return 1 }

func (managers) strike(_ context.Context, r *rand.Rand, f *field, tell func(string)) error {
	c := f.children[r.IntN(len(f.children))]
	tell(c.what)
	c.kill()
	return nil
}
