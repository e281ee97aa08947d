package link

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// distance is how far apart two ends are.
type distance struct {
	delay time.Duration // one way
	rate  int64         // bytes in a second; 0: any number
}

// piece is some bytes on their way.
type piece struct {
	b  []byte
	at time.Time // when the last of them arrives
}

// apart are two ends with a wire between them. Nothing waits for a slow receiver but
// in the wire, as in a router. It ends with either end.
func apart(t testing.TB, d distance) (a, b mux.Transport) {
	t.Helper()
	a, wa := transport.Pair()
	b, wb := transport.Pair()
	var wires sync.WaitGroup
	t.Cleanup(wires.Wait) // both ends are closed by then
	for _, way := range [2][2]mux.Transport{{wa, wb}, {wb, wa}} {
		wire := make(chan piece, 1<<16)
		wires.Go(func() { d.take(way[0], wire) })
		wires.Go(func() { d.give(way[1], wire) })
	}
	return a, b
}

func (d distance) take(from mux.Transport, wire chan<- piece) {
	defer close(wire)
	free := time.Now() // when the wire has taken what was sent
	for {
		buf := make([]byte, 16<<10)
		n, _, err := from.Recv([][]byte{buf})
		if errors.Is(err, mux.ErrAgain) {
			err = from.Poll()
		}
		if err != nil {
			return
		}
		if n == 0 {
			continue
		}
		if now := time.Now(); free.Before(now) {
			free = now
		}
		if d.rate > 0 {
			free = free.Add(time.Duration(int64(n) * int64(time.Second) / d.rate))
		}
		wire <- piece{buf[:n], free.Add(d.delay)}
	}
}

func (d distance) give(to mux.Transport, wire <-chan piece) {
	defer to.Close()
	for p := range wire {
		time.Sleep(time.Until(p.at))
		for b := p.b; len(b) > 0; {
			n, err := to.Send([][]byte{b}, nil)
			b = b[n:]
			if errors.Is(err, mux.ErrAgain) {
				err = to.PollSend()
			}
			if err != nil {
				break
			}
		}
	}
}
