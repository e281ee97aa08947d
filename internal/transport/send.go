package transport

import (
	"errors"
	"io"

	"github.com/outwork-go/outwork/internal/mux"
)

// SendAll sends all of bufs over t, whatever it takes, and changes the slice. stopped, when
// it is not nil, is asked before each wait: io.ErrClosedPipe then. Who makes it true
// calls t.Stop.
func SendAll(t mux.Transport, bufs [][]byte, stopped func() bool) error {
	for bufs = Advance(bufs, 0); len(bufs) > 0; {
		last := stopped != nil && stopped()
		n, err := t.Send(bufs[:min(len(bufs), mostBufs)], nil)
		if errors.Is(err, mux.ErrAgain) {
			if last {
				return io.ErrClosedPipe
			}
			err = t.PollSend()
		}
		if err != nil {
			return err
		}
		bufs = Advance(bufs, n)
	}
	return nil
}

// mostBufs is how many pieces are sent at once.
const mostBufs = 256

// Advance is bufs without their first n bytes, and without what is empty in front. It
// changes the slice.
func Advance(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if len(bufs) > 0 {
		bufs[0] = bufs[0][n:]
	}
	return bufs
}
