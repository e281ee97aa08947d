package mux

import "github.com/outwork-go/outwork/internal/frame"

// Limits are what a State holds its peer to. A service's, whose peer may be
// anybody, are tighter than the constants.
type Limits struct {
	Window  int // bytes: the initial window of a stream
	Message int // bytes: the longest message
	Control int // bytes: the longest message on stream 0
	Pongs   int // answers to PINGs that the peer has not taken yet

	// Guarded says that the peer may be hostile, and memory is short: windows do
	// not grow, one argument at a time may be longer than its window until it has
	// been answered, and one answer; no BULK stream brings messages.
	Guarded bool
}

// usual are the limits of a State that is not told any.
var usual = Limits{Window: Window, Message: MaxMessage, Control: frame.MaxPayload, Pongs: MaxPongs}

// Limit sets limits, before anything has come.
func (s *State) Limit(l Limits) { s.limits = l }
