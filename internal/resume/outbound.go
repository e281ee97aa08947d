package resume

import (
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// outbound is what is to be sent, and how far it has got. The Conn's lock guards it.
type outbound struct {
	log   backlog
	next  uint64 // the first byte that the present connection was not given
	high  uint64 // the highest that next was: nobody can have received more
	acked uint64 // what the other side has said that it received

	flight [][]byte // what the connection is taking: it gets the same bytes until it has
	bufs   [][]byte // flight's backing
	heads  []byte   // and that of its headers
	owed   int      // bytes that Send has taken in, and not said so yet

	preamble bool          // goes before all else
	control  byte          // an ack or ask that is due
	told     atomic.Uint64 // what the last one said; others may look
	ending   bool          // an END is due, behind all else
	ended    bool          // and was loaded
	reason   string
}

// room is how many bytes may be taken in.
func (o *outbound) room() int { return MaxUnacked - o.log.len() }

// take takes in what there is room for.
func (o *outbound) take(bufs [][]byte) int {
	n := 0
	for _, b := range bufs {
		n += len(b)
	}
	n = min(n, o.room(), sendAtOnce)
	o.log.add(bufs, n)
	return n
}

// push gives t all that there is, or mux.ErrAgain when t is full.
func (o *outbound) push(t mux.Transport, received uint64) error {
	for len(o.flight) > 0 || o.load(received) {
		n, err := t.Send(o.flight, nil)
		o.flight = transport.Advance(o.flight, n)
		if err != nil {
			return err
		}
	}
	o.landed()
	return nil
}

// load makes flight what goes next, and reports whether there is something.
func (o *outbound) load(received uint64) bool {
	o.landed()
	if o.ended {
		return false
	}
	o.flight, o.heads = o.bufs[:0], o.heads[:0]
	if o.preamble {
		o.flight, o.preamble = append(o.flight, frame.LastingPreamble()), false
	}
	if n := min(int(o.log.end-o.next), sendAtOnce); n > 0 {
		if received-o.told.Load() >= ackEvery/4 { // it goes along
			o.note(ack)
		}
		o.head(received)
		o.heads = header(o.heads, data, n)
		o.flight = append(o.flight, o.heads)
		o.flight = o.log.slices(o.flight, o.next, n)
		o.next += uint64(n)
		o.high = max(o.high, o.next)
	} else if o.control != 0 {
		o.head(received)
		o.flight = append(o.flight, o.heads)
	} else if o.ending {
		o.ended = true
		o.heads = header(o.heads, end, len(o.reason))
		o.flight = append(o.flight, o.heads, []byte(o.reason))
	}
	o.bufs = o.flight
	return len(o.flight) > 0
}

// note makes an ack or ask due.
func (o *outbound) note(kind byte) { o.control = max(o.control, kind) }

// head puts the ack or ask that is due into heads.
func (o *outbound) head(received uint64) {
	if o.control != 0 {
		o.heads = count(o.heads, o.control, received)
		o.control = 0
		o.told.Store(received)
	}
}

// landed lets go of what was acknowledged: not while the connection takes it.
func (o *outbound) landed() {
	if o.acked > o.log.base {
		o.log.release(min(o.acked, o.log.end))
	}
}

// ack takes in what the other side has received.
func (o *outbound) ack(n uint64) error {
	if n < o.acked || n > o.next {
		return frame.Violated("resume", "%d bytes are said to be received, and %d were before, of %d", n, o.acked, o.next)
	}
	o.acked = n
	if len(o.flight) == 0 {
		o.landed()
	}
	return nil
}

// begin prepares for a new connection, whose other side has received n bytes.
func (o *outbound) begin(n uint64) error {
	o.flight, o.ended, o.control = nil, false, 0
	o.next = o.high
	err := o.ack(n)
	o.next = n
	return err
}
