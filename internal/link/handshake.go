package link

import (
	"context"
	"crypto/sha256"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

func (l *Link) ownHello(functions map[string]string) []byte {
	h := l.cfg.Hello
	h.Digest = l.cfg.Functions.Digest()
	h.Window, h.Streams = mux.Window, uint32(l.cfg.Streams)
	h.Functions = functions
	if h.Functions == nil {
		h.Functions = map[string]string{}
	}
	if h.Languages == nil {
		h.Languages = []string{}
	}
	b, err := helloPlan.bytes(&h)
	if err != nil {
		panic(err) // of static types that cross, and checked names
	}
	return b
}

// Greeted waits for the peer's HELLO. It is called once. A peer that does not
// say it within HandshakeTimeout ends the link, whether or not anybody waits.
func (l *Link) Greeted(ctx context.Context) (Hello, error) {
	for !l.greeted.Load() {
		if err := l.conn.Wait(ctx, &l.greeting); err != nil {
			return Hello{}, err
		}
	}
	return l.hello, nil
}

// ungreeted ends a link whose handshake takes too long.
func (l *Link) ungreeted() {
	if !l.greeted.Load() {
		l.conn.Fail(frame.Violated("handshake", "no HELLO within %v", HandshakeTimeout))
	}
}

func (l *Link) greet(ev mux.Event) error {
	l.made.Wait()
	if ev.Stream != nil || ev.Handle != frame.Hello {
		return frame.Violated("handshake", "%s %s before HELLO", ev.Kind, ev.Handle)
	}
	var hello Hello
	if err := helloPlan.only(ev.Payload, &hello, "HELLO"); err != nil {
		return frame.Violated("handshake", "%v", err)
	}
	if hello.Window < mux.MinWindow || hello.Window > mux.TopWindow || hello.Streams < 1 || hello.Streams > ManagerStreams || len(hello.Digest) != sha256.Size {
		return frame.Violated("handshake", "a window of %d bytes, %d streams, a digest of %d bytes", hello.Window, hello.Streams, len(hello.Digest))
	}
	l.hello = hello
	l.positional = string(hello.Digest) == string(l.cfg.Functions.Digest())
	var answer []byte
	if l.cfg.Side == mux.WorkerSide {
		var functions map[string]string
		if !l.positional {
			functions = l.cfg.Functions.Signatures()
		}
		answer = l.ownHello(functions)
		l.setLevel(hello.Level)
	}
	l.patience.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn.Update(func(s *mux.State) { // fails when the link has ended: whoever ended it says why
		s.Peer(int(hello.Window), int(hello.Streams))
		if answer != nil {
			s.Control(frame.Hello, answer)
		}
		for _, b := range l.early {
			s.Control(frame.ForwardLog, b)
		}
	})
	l.early = nil
	l.greeted.Store(true)
	l.conn.Signal(&l.greeting)
	return nil
}
