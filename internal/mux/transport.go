package mux

import (
	"errors"
	"os"
)

// ErrAgain is what Recv and Send return when they would block.
var ErrAgain = errors.New("would block")

// Transport is the bytes underneath: an in-memory pair, a socketpair, pipes.
//
// Recv, Poll, Park and Rest are called by one goroutine at a time;
// Send and PollSend by one at a time; Wake and Unpark by any. Close is called
// once, when no other call is under way.
type Transport interface {
	// Recv reads what is there into bufs, and takes the files that came with
	// it. It never blocks: ErrAgain when nothing is there, io.EOF at the end.
	Recv(bufs [][]byte) (n int, files []*os.File, err error)
	// Send writes what fits, files with its first byte. It never blocks: ErrAgain
	// when nothing fits. It does not close files.
	Send(bufs [][]byte, files []*os.File) (n int, err error)
	// Poll blocks until Recv would not, or until Wake.
	Poll() error
	// Wake makes the present Poll, or else the next one, return at once.
	Wake()
	// Park is Poll for a long wait: it occupies no thread. Unpark ends it.
	Park() error
	// Rest is Park for one that is likely to park again: what it has set up is
	// kept until the next Poll.
	Rest() error
	// Unpark makes the present Park or Rest, or else the next one, return at once.
	Unpark()
	// PollSend blocks until Send would not, or until Stop.
	PollSend() error
	// Stop makes every blocking call return, now and later.
	Stop()
	// Close releases the transport.
	Close() error
}
