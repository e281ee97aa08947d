package agent

import (
	"errors"
	"io"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// downstream is what a manager says to its worker, with what the agent answers in its
// stead put between its frames.
type downstream struct {
	from, to mux.Transport
	watch    *watch
	ended    func() bool // the worker has: nothing is waited for any more

	// Of the manager's frames.
	boot   int64        // bytes that are due before the first: what boots, and the preamble
	h      frame.Header // of the present frame
	left   int          // bytes of its payload that are still due
	wanted bool         // the watch takes it
	head   []byte       // the beginning of a header of which not all has come
	lost   bool         // what comes is no frame: it is passed on as it is
}

func newDownstream(from, to mux.Transport, w *watch, boot int64, ended func() bool) *downstream {
	return &downstream{from: from, to: to, watch: w, ended: ended, boot: boot + frame.PreambleSize}
}

// run passes on until one of the ends has ended.
func (d *downstream) run() error {
	b := make([]byte, pumpSize)
	for {
		last := d.ended()
		n, _, err := d.from.Recv([][]byte{b})
		switch {
		case err == nil:
			err = d.write(b[:n])
		case !errors.Is(err, mux.ErrAgain):
		case last:
			err = io.EOF
		default:
			err = d.idle()
		}
		if err != nil {
			return err
		}
	}
}

// idle is for when the manager has nothing to say: the agent's answers, or else a wait.
func (d *downstream) idle() error {
	if d.between() && d.watch.waiting() {
		return d.answer()
	}
	return d.from.Poll()
}

// between reports whether what was sent ends with a frame.
func (d *downstream) between() bool { return d.boot == 0 && d.left == 0 && !d.lost }

func (d *downstream) answer() error { return transport.SendAll(d.to, d.watch.next(), d.ended) }

// write sends on what the manager has said, with some of the answers where a frame ends.
func (d *downstream) write(b []byte) error {
	if len(d.head) > 0 {
		b = append(d.head, b...)
	}
	border, n := d.scan(b)
	d.head = append([]byte(nil), b[n:]...)
	if border < 0 || !d.watch.waiting() {
		return sendAll(d.to, b[:n], d.ended)
	}
	err := sendAll(d.to, b[:border], d.ended)
	if err == nil {
		err = d.answer()
	}
	if err == nil {
		err = sendAll(d.to, b[border:n], d.ended)
	}
	return err
}

// scan looks at the frames in b: where the last place between two of them is, -1 for
// none, and how much of b is to be sent, which is all but the beginning of a header.
func (d *downstream) scan(b []byte) (border, n int) {
	n = int(min(d.boot, int64(len(b))))
	d.boot -= int64(n)
	n += d.payload(b[n:])
	for border = -1; d.between(); {
		border = n
		if len(b)-n < frame.HeaderSize {
			return border, n
		}
		var err error
		if d.h, err = frame.Parse(b[n:]); err != nil {
			d.lost = true
			break
		}
		n += frame.HeaderSize
		d.left, d.wanted = int(d.h.Length), d.watch.down(d.h)
		if d.left == 0 && d.wanted {
			d.watch.took(d.h, nil, true)
		}
		n += d.payload(b[n:])
	}
	return border, len(b)
}

// payload takes what b has of the present frame's.
func (d *downstream) payload(b []byte) (n int) {
	n = min(d.left, len(b))
	d.left -= n
	if d.wanted && n > 0 {
		d.watch.took(d.h, b[:n], d.left == 0)
	}
	return n
}
