package mux

import (
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// Limits are what a State holds its peer to. A service's, whose peer may be
// anybody, are tighter than the constants.
type Limits struct {
	Window  int // bytes: the initial window of a stream
	Message int // bytes: the longest message
	Control int // bytes: the longest message on stream 0
	Pongs   int // answers to PINGs that the peer has not taken yet

	// Of a guarded State's Conn.
	Backlog int           // bytes that wait to be written to a full transport; above it nothing is read
	Stall   time.Duration // how long what the peer has begun may make no progress

	// Guarded says that the peer may be hostile, and memory is short: windows do
	// not grow; what is longer than a window shares Message bytes, for arguments
	// and for answers, and an argument keeps its share until it has been answered; a
	// BULK stream brings nothing but DATA, and begins without credit. Client says
	// that the peer is guarded.
	Guarded, Client bool
}

// usual are the limits of a State that is not told any.
var usual = Limits{Window: Window, Message: MaxMessage, Control: frame.MaxPayload, Pongs: MaxPongs}

// Limit sets limits, before anything has come.
func (s *State) Limit(l Limits) {
	s.limits = l
	s.long.most = LongMessages
	if l.Guarded {
		s.long.most, s.answers.most = int64(l.Message), int64(l.Message)
	}
}

// Client keeps to what a guarded peer asks for.
func (s *State) Client() { s.limits.Client = true }
