package main

import (
	"context"
	"math/rand/v2"
	"syscall"
)

// killing kills processes of all kinds but managers.
type killing struct{}

func (killing) name() string { return "kill" }
func (killing) weight() int  { return 8 }

// mortal are what is killed: the more often a kind is here, the more often.
var mortal = [][]string{
	{"worker"}, {"worker"}, {"worker"}, {"worker"}, {"agent"}, {"starter"}, {"ssh"}, {"session"}, {"joiner"},
}

func (killing) strike(_ context.Context, r *rand.Rand, f *field, tell func(string)) error {
	p, ok := f.some(r, mortal[r.IntN(len(mortal))]...)
	if !ok {
		return nil
	}
	tell(p.kind() + " " + p.String())
	syscall.Kill(p.pid, syscall.SIGKILL) // or it has ended
	return nil
}
