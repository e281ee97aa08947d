// Package agent is a host that is reached by a link: the process that starts and
// supervises a manager's workers there, as the starter does here, and the manager's
// side of it.
//
// An agent is the manager's own program started once more, on the far side of a hop.
// Its link is its standard input and output. What it is asked to start (RELAY, see
// PROTOCOL.md) it starts with package supervise, and relays what the process reads and
// writes: it ends no worker's link, but puts what a worker has printed before the
// results that it must precede, and answers in its manager's stead what it has seen it
// answer: modules, and parts of containers that cannot change.
//
// When its link ends, for whatever reason, it kills all that it started and what that
// left behind, and exits. A silent network ends it too, on both sides (link.Silence), but
// while the other has said that it pauses. It trusts its manager, who is the one that put it there. Of
// a worker it reads the frames' headers, to know where they begin: one that breaks
// their form is killed. What a worker says has no effect on what another is answered.
package agent

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// The functions of an agent.

type signalArgs struct {
	ID     uint32
	Signal int
}

// where is where an agent's functions are.
const where = "package agent"

// newSignal is the function that signals a process; fn is nil on the side that calls.
func newSignal(fn func(context.Context, *signalArgs) (*struct{}, error)) *link.Function {
	return link.Own("agent.signal", where, fn)
}

// outlast is how long an agent is to bear silence.
type outlast struct{ Silence time.Duration }

// newOutlast is the function that says so; fn is nil on the side that calls.
func newOutlast(fn func(context.Context, *outlast) (*struct{}, error)) *link.Function {
	return link.Own("agent.outlast", where, fn)
}

// Outlast has the agent bear that much silence: a cut of the way to it does not end it then.
func (h *Host) Outlast(ctx context.Context, silence time.Duration) error {
	_, err := h.l.Call(ctx, h.longer, &outlast{silence}, nil)
	return err
}

// sendAll is transport.SendAll of one piece.
func sendAll(t mux.Transport, b []byte, stopped func() bool) error {
	return transport.SendAll(t, [][]byte{b}, stopped)
}

// recv reads what is there, and waits for it. ended, when it is not nil, is asked
// before each wait: io.EOF then. Who makes it true calls t.Wake.
func recv(t mux.Transport, b []byte, ended func() bool) (int, error) {
	for {
		last := ended != nil && ended()
		n, files, err := t.Recv([][]byte{b})
		for _, f := range files {
			f.Close() // they could go nowhere
		}
		if !errors.Is(err, mux.ErrAgain) {
			return n, err
		}
		if last {
			return 0, io.EOF
		}
		if err := t.Poll(); err != nil {
			return 0, err
		}
	}
}
