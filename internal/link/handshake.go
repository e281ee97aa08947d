package link

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

func (l *Link) ownHello(functions map[string]string) []byte {
	h := l.cfg.Hello
	h.Digest = l.digest()
	h.Window, h.Streams = uint32(l.cfg.window()), uint32(l.cfg.Streams)
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

// digest is what HELLO tells of this side's functions. A client and a service
// tell nothing: neither goes by what the other has.
func (l *Link) digest() []byte {
	if l.cfg.Service {
		return make([]byte, sha256.Size)
	}
	return l.cfg.Functions.Digest()
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

// Expect begins the time that the peer of a Patient link has to say HELLO.
func (l *Link) Expect() {
	if !l.greeted.Load() && l.Err() == nil {
		l.patience.Reset(HandshakeTimeout) // one that greets meanwhile is greeted when it rings
	}
}

// toldFunctions is what a worker tells of its functions: something only when
// its manager has others.
func (l *Link) toldFunctions() map[string]string {
	if l.positional.Load() || l.cfg.Service {
		return nil
	}
	return l.cfg.Functions.Signatures()
}

// sinceNow is a clock that begins now.
func sinceNow() func() time.Duration {
	begin := time.Now()
	return func() time.Duration { return time.Since(begin) }
}

// ungreeted ends a link whose handshake takes too long. A peer that may have an excuse has
// Noticed more: a line that was cut a moment ago is silent, and nobody knows it yet.
func (l *Link) ungreeted() {
	within := HandshakeTimeout
	switch {
	case l.greeted.Load() || l.Err() != nil:
		return
	case l.cfg.Excused == nil:
	case l.cfg.Excused():
		l.overdue = false
		l.patience.Reset(HandshakeTimeout)
		return
	case !l.overdue:
		l.overdue = true
		l.patience.Reset(Noticed)
		return
	default:
		within += Noticed
	}
	l.conn.Fail(frame.Violated("handshake", "no HELLO within %v", within))
}

func (l *Link) greet(ev mux.Event) error {
	l.made.Wait()
	if ev.Stream != nil || ev.Handle != frame.Hello {
		return frame.Violated("handshake", "%s %s before HELLO", ev.Kind, ev.Handle)
	}
	var hello Hello
	if _, err := decodeAll(helloPlan.plan(), codec.Rules{Loose: l.resultRules().Loose}, ev.Payload, &hello); err != nil {
		return frame.Violated("handshake", "HELLO: %v", err)
	}
	if l.cfg.Service && len(hello.Functions) > 0 {
		return frame.Violated("handshake", "HELLO with %d functions between a client and a service", len(hello.Functions))
	}
	if hello.Window < mux.MinWindow || hello.Window > mux.TopWindow || hello.Streams < 1 || hello.Streams > ManagerStreams || len(hello.Digest) != sha256.Size {
		return frame.Violated("handshake", "a window of %d bytes, %d streams, a digest of %d bytes", hello.Window, hello.Streams, len(hello.Digest))
	}
	l.hello = hello
	l.positional.Store(!l.cfg.Service && string(hello.Digest) == string(l.digest()))
	var answer []byte
	if l.cfg.Side == mux.WorkerSide {
		answer = l.ownHello(l.toldFunctions())
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
		if l.cfg.Paced {
			s.Pace(sinceNow())
		}
	})
	l.early = nil
	l.conn.Watch(l.cfg.Alive)
	l.greeted.Store(true)
	l.conn.Signal(&l.greeting)
	return nil
}
