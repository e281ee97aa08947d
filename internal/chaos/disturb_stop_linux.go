package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// stopping stops processes of all kinds for a while.
type stopping struct{}

func (stopping) name() string { return "stop" }
func (stopping) weight() int  { return 5 }

// longestStop is less than what makes a host be taken for lost.
const longestStop = 3 * time.Second

func (stopping) strike(ctx context.Context, r *rand.Rand, f *field, tell func(string)) error {
	pid, parent, what := 0, 0, ""
	if r.IntN(5) == 0 {
		c := f.children[r.IntN(len(f.children))]
		pid, what = c.pid(), c.what
	} else if p, ok := f.some(r, mortal[r.IntN(len(mortal))]...); ok {
		pid, parent, what = p.pid, p.parent, p.kind()+" "+p.String()
	}
	if pid == 0 {
		return nil
	}
	tell(what)
	syscall.Kill(pid, syscall.SIGSTOP)
	hold(ctx, r, 20*time.Millisecond, longestStop)
	syscall.Kill(pid, syscall.SIGCONT)
	if p, ok := readProcess(fmt.Sprint("/proc/", parent)); ok && p.name == "nsenter" {
		syscall.Kill(parent, syscall.SIGCONT) // it stops with its child
	}
	return nil
}
