package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// descriptors leaves a manager, or the daemon, few or no file descriptors for a while.
type descriptors struct{}

func (descriptors) name() string { return "descriptors" }
func (descriptors) weight() int  { return 2 }

func (descriptors) strike(ctx context.Context, r *rand.Rand, f *field, tell func(string)) error {
	c, spare := f.children[r.IntN(len(f.children))], r.IntN(8)
	pid := c.pid()
	if pid == 0 {
		return nil
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil // it has ended
	}
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		return nil
	}
	few := unix.Rlimit{Cur: uint64(len(open) + spare), Max: old.Max}
	if few.Cur >= old.Cur {
		return nil // somebody is at it
	}
	tell(fmt.Sprintf("%s has %d and may have %d", c.what, len(open), few.Cur))
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		return nil
	}
	hold(ctx, r, 100*time.Millisecond, 2*time.Second)
	old.Cur = old.Max
	unix.Prlimit(pid, unix.RLIMIT_NOFILE, &old, nil) // or it has ended
	return nil
}
