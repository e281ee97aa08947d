package service

import (
	"context"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/link"
)

// Identity is who calls. UID, GID and Groups are what the kernel told when the
// client connected, and what may be decided by. The rest is a hint, for
// records: another process may have that number by now.
type Identity struct {
	UID, GID uint32
	Groups   []uint32 // all of them, sorted; must not be changed
	Label    string   // of a security module, "" without one

	PID        int
	Executable string // "" when it cannot be read
}

// Caller is who called the function that ctx was given to. It panics for
// another context: nothing may be decided by an identity that is not there.
func Caller(ctx context.Context) Identity {
	p := peerOf(ctx)
	if p == nil {
		panic("service.Caller: the context is not that of a function of a service")
	}
	return Identity{UID: p.UID, GID: p.GID, Groups: p.Groups, Label: p.Label, PID: p.PID, Executable: p.Exe}
}

func peerOf(ctx context.Context) *ident.Peer {
	in := link.From(ctx)
	if in == nil {
		return nil
	}
	owner, ok := in.Link().Owner().(interface{ Peer() *ident.Peer })
	if !ok {
		return nil
	}
	return owner.Peer()
}
