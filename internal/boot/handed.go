package boot

import (
	"context"
	"os"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
)

// handed is a transport of which some bytes were read already.
type handed struct {
	mux.Transport
	head []byte      // who reads owns it
	all  atomic.Bool // of head was taken: who has read may be on its way into a wait yet
}

// handOn is t, of which head was read already.
func handOn(t mux.Transport, head []byte) *handed {
	h := &handed{Transport: t, head: head}
	h.all.Store(len(head) == 0)
	return h
}

// Recv is of mux.Transport.
func (h *handed) Recv(bufs [][]byte) (n int, files []*os.File, err error) {
	if h.all.Load() {
		return h.Transport.Recv(bufs)
	}
	for _, b := range bufs {
		k := copy(b, h.head)
		n, h.head = n+k, h.head[k:]
	}
	h.all.Store(len(h.head) == 0)
	return n, nil, nil
}

// Poll is of mux.Transport.
func (h *handed) Poll() error { return h.unless(h.Transport.Poll) }

// Park is of mux.Transport.
func (h *handed) Park() error { return h.unless(h.Transport.Park) }

// Rest is of mux.Transport.
func (h *handed) Rest() error { return h.unless(h.Transport.Rest) }

// unless waits, unless there is something.
func (h *handed) unless(wait func() error) error {
	if !h.all.Load() {
		return nil
	}
	return wait()
}

// Deaf reports whether nobody listens to what is below.
func (h *handed) Deaf() bool { return mux.IsDeaf(h.Transport) }

// process is one whose context ends with it.
type process struct {
	Process
	kill context.CancelFunc
}

// Wait is of Process.
func (p process) Wait() (starter.Exit, error) {
	defer p.kill()
	return p.Process.Wait()
}
