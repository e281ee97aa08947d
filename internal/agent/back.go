package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/tcp"
)

// back is how an agent is to connect back.
type back struct {
	To     tcp.Invitation
	Redial time.Duration // how long the agent may be cut off
}

// backReply is where the agent has dialled.
type backReply struct{ Address string }

// newBack is the function that has an agent connect back; fn is nil on the side that
// calls.
func newBack(fn func(context.Context, *back) (*backReply, error)) *link.Function {
	return link.Own("agent.back", where, fn)
}

// ConnectBack has the agent dial, and go on over that connection. It returns the address,
// or why nothing has changed. The Host must have been made over a lasting stream.
func (h *Host) ConnectBack(ctx context.Context, i tcp.Invitation, redial time.Duration) (address string, err error) {
	c, err := h.l.Call(ctx, h.back, &back{i, redial}, nil)
	if err != nil {
		return "", err
	}
	r, ok := c.(*backReply)
	if !ok {
		return "", fmt.Errorf("the agent answered with a %T", c)
	}
	return r.Address, nil
}
