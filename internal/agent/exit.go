package agent

import (
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/starter"
)

// How a process has ended is a starter's word for it on both sides, and between them a
// message of the protocol, which stays as it is when that changes.

// endedOf is an exit as the agent sends it, with the last that the process has printed.
func endedOf(e starter.Exit, tail []byte) link.Ended {
	return link.Ended{
		Code: e.Code, Signal: e.Signal, User: int64(e.User), System: int64(e.System), MaxRSS: e.MaxRSS,
		PeakMemory: e.PeakMemory, OutOfMemory: e.OutOfMemory, Tail: tail,
	}
}

// exitOf is what the manager makes of it.
func exitOf(e link.Ended) starter.Exit {
	return starter.Exit{
		Code: e.Code, Signal: e.Signal, User: time.Duration(e.User), System: time.Duration(e.System), MaxRSS: e.MaxRSS,
		PeakMemory: e.PeakMemory, OutOfMemory: e.OutOfMemory,
	}
}
