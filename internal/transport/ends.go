package transport

import (
	"os"
	"sync"

	"github.com/outwork-go/outwork/internal/mux"
)

// A Way is one direction between two ends that are both in this process. Its methods are
// safe for concurrent use, and none blocks.
type Way interface {
	// Send and Recv are as mux.Transport has them.
	Send(bufs [][]byte, files []*os.File) (int, error)
	Recv(bufs [][]byte) (int, []*os.File, error)

	// Ready are channels of one place, which Nudge fills: when there is something to
	// receive or an end, and when there is room. They are the same ones each time.
	Ready() (readable, writable chan struct{})

	// Renudge makes the next wait for what is readable, or the present one, return when it
	// should: nudges are not counted, and one may have been taken by somebody who then did
	// not read.
	Renudge()

	// Shut ends the direction, for its reader or its writer.
	Shut(reader bool)
}

// Ends are the two ends of a link of which one way is ab, from a to b, and the other ba. They
// block on channels alone, so that testing/synctest knows when all is at rest.
func Ends(ab, ba Way) (a, b mux.Transport) { return newEnd(ba, ab), newEnd(ab, ba) }

// Nudge fills a channel of one place.
func Nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

type end struct {
	in, out            Way
	readable, writable chan struct{}
	wake, unpark       chan struct{}
	stop               chan struct{}
	once               sync.Once
}

func newEnd(in, out Way) *end {
	e := &end{in: in, out: out, wake: make(chan struct{}, 1), unpark: make(chan struct{}, 1), stop: make(chan struct{})}
	e.readable, _ = in.Ready()
	_, e.writable = out.Ready()
	return e
}

func (e *end) Recv(bufs [][]byte) (int, []*os.File, error)       { return e.in.Recv(bufs) }
func (e *end) Send(bufs [][]byte, files []*os.File) (int, error) { return e.out.Send(bufs, files) }

func (e *end) Poll() error { return e.await(e.wake) }

// Park leaves the nudge to the reader that may have taken over meanwhile.
func (e *end) Park() error {
	err := e.await(e.unpark)
	e.in.Renudge()
	return err
}

func (e *end) Rest() error { return e.Park() }

func (e *end) await(wake chan struct{}) error {
	select {
	case <-e.readable:
	case <-wake:
	case <-e.stop:
	}
	return nil
}

func (e *end) Wake()   { Nudge(e.wake) }
func (e *end) Unpark() { Nudge(e.unpark) }

func (e *end) PollSend() error {
	select {
	case <-e.writable:
	case <-e.stop:
	}
	return nil
}

func (e *end) Stop() { e.once.Do(func() { close(e.stop) }) }

func (e *end) Close() error {
	e.out.Shut(false)
	e.in.Shut(true)
	return nil
}
