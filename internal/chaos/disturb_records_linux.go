package main

import (
	"context"
	"math/rand/v2"
	"os"
	"syscall"
)

// records rotates those of the daemon, which no disk would hold for long, and has it read its policy
// again.
type records struct{}

func (records) name() string { return "records" }
func (records) weight() int  { return 1 }

func (records) strike(_ context.Context, _ *rand.Rand, f *field, tell func(string)) error {
	for _, c := range f.children {
		if c.what == "daemon" {
			tell(c.what)
			rotate(c)
		}
	}
	return nil
}

// rotate removes the daemon's records.
func rotate(daemon *child) {
	if daemon == nil {
		return
	}
	os.Remove(auditDir + "/audit.jsonl") // or there are none
	daemon.signal(syscall.SIGHUP)
}
