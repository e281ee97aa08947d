package gate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// Each address is tried, in order, and the error names each and what was wrong.
func TestJoinErrors(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		_, _, err := (&Dialler{Channel: d.Channel}).Join(t.Context(), stream)
		if err == nil || err.Error() != "there is no address to dial" {
			t.Errorf("no address: %v", err)
		}
		to := d.dial
		var tried []string
		d.Addresses = []string{"a:1", "b:2", "c:3", "d:4"}
		d.dial = func(ctx context.Context, addr string) (mux.Transport, error) {
			tried = append(tried, addr)
			switch addr {
			case "a:1":
				return nil, errors.New("nobody")
			case "b:2":
				a, b := transport.Pair()
				b.Close() // its end, at once
				return a, nil
			case "c:3":
				a, _ := transport.Pair() // says nothing
				return a, nil
			}
			return to(ctx, addr)
		}
		began := time.Now()
		address, _, err := d.Join(t.Context(), stream)
		if err != nil || address != "d:4" || time.Since(began) != dialTimeout {
			t.Errorf("%q after %v: %v", address, time.Since(began), err)
		}
		tried = nil
		began = time.Now()
		if _, _, err := d.Join(t.Context(), stream); err != nil || len(tried) != 1 || time.Since(began) > 0 {
			t.Errorf("%v were tried in %v when one had let in before: %v", tried, time.Since(began), err)
		}
		d.Addresses = d.Addresses[:3]
		_, _, err = d.Join(t.Context(), stream)
		if err == nil {
			t.Fatal("joined")
		}
		text := err.Error()
		for _, want := range []string{"a:1: nobody; ", "b:2: it has hung up", "c:3: no answer within 5 s"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not have %q", text, want)
			}
		}
		if !stream.Joined() {
			t.Error("the connection that it had was given up for nobody")
		}
		d.Addresses = []string{"a:1", "d:4", "a:1"}
		tried = nil
		s.net.dial(t.Context(), "")
		refused, other := s.dialler("db1", "")
		refused.Addresses, refused.dial = d.Addresses, d.dial
		_, _, err = refused.Join(t.Context(), other)
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != codeKey || len(tried) != 2 {
			t.Errorf("%v were tried: %v", tried, err)
		}
	})
}

// The end of ctx ends Join at once, wherever it is.
func TestJoinCancelled(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		silent := func(context.Context, string) (mux.Transport, error) {
			a, _ := transport.Pair()
			return a, nil
		}
		mute := func(context.Context, string) (mux.Transport, error) { // has the right key, and says no ADMIT
			a, b := transport.Pair()
			go func() {
				if ch, err := channel.Accept(b, channel.Config{Identity: s.key}); err == nil {
					ch.ReadFull(make([]byte, 1<<20))
					ch.Close()
				}
			}()
			return a, nil
		}
		for name, dial := range map[string]func(context.Context, string) (mux.Transport, error){
			"dial": func(ctx context.Context, _ string) (mux.Transport, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"handshake": silent,
			"read":      mute,
		} {
			d, stream := s.dialler("db1", "")
			d.Addresses = []string{"a:1", "b:2"}
			d.dial = dial
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			_, _, err := d.Join(ctx, stream)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second || strings.Contains(err.Error(), "b:2") {
				t.Errorf("%s: after %v: %v", name, time.Since(began), err)
			}
			cancel()
		}
	})
}

// Keep joins again, with pauses, says so once, and the host is the same.
func TestKeep(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		log, got := newLog()
		d.Log = log
		s.join(d, stream)
		h := s.host()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() { d.Keep(ctx, stream) })
		time.Sleep(time.Hour)
		for range 3 {
			s.net.reachable(false)
			dials := s.net.dialled()
			s.net.cut()
			time.Sleep(time.Minute)
			if n := s.net.dialled() - dials; n < 30 || n > 60 {
				t.Errorf("%d attempts in a minute", n)
			}
			s.net.reachable(true)
			time.Sleep(mostPause)
			synctest.Wait()
			if !stream.Joined() || !h.Stream.Joined() {
				t.Fatal("it has not come again")
			}
			lines := got.take()
			if len(lines) != 2 || !strings.Contains(lines[0], `level=WARN msg="the manager is cut off" why=`) ||
				!strings.Contains(lines[1], `level=INFO msg="the manager is back" address=memory:1 after=`) {
				t.Errorf("logged %q", lines)
			}
		}
		cancel()
		group.Wait()
		s.nobody()
	})
}

// One that is cut again as soon as it has joined does not make Keep spin.
func TestKeepDoesNotSpin(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() { d.Keep(ctx, stream) })
		dials := s.net.dialled()
		for ctx.Err() == nil {
			s.net.cut()
			time.Sleep(time.Millisecond)
		}
		group.Wait()
		if n := s.net.dialled() - dials; n < 25 || n > 60 {
			t.Errorf("%d attempts in a minute", n)
		}
	})
}

// Refused for good, Keep fails the stream with what the manager has said; a newer attempt
// and another key are not for good.
func TestKeepEnds(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		h := s.host()
		d.attempt.Store(0)
		var group sync.WaitGroup
		group.Go(func() { d.Keep(t.Context(), stream) })
		s.net.cut()
		time.Sleep(time.Second) // an attempt that is too old, and then one that is not
		synctest.Wait()
		if !stream.Joined() {
			t.Error("an old attempt is final")
		}
		h.Stream.Fail(errors.New("given up"))
		synctest.Wait()
		// The gate does not know it any more: its JOIN has no bytes here, so it is new, and its
		// token is used up.
		group.Wait()
		if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "memory:1: the manager refuses: the token is unknown, used up") {
			t.Errorf("it ended with %v", err)
		}
	})
}

// Somebody else at the manager's address does not end the stream.
func TestKeepWithAnotherKey(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		to, other := d.dial, identity(t)
		d.dial = func(context.Context, string) (mux.Transport, error) {
			a, b := transport.Pair()
			go channel.Accept(b, channel.Config{Identity: other})
			return a, nil
		}
		_, _, err := d.Join(t.Context(), stream)
		if _, ok := errors.AsType[*channel.KeyError](err); !ok || !stream.Joined() {
			t.Errorf("%v; %v", stream.Joined(), err)
		}
		log, got := newLog()
		d.Log = log
		var group sync.WaitGroup
		group.Go(func() { d.Keep(t.Context(), stream) })
		s.net.cut()
		time.Sleep(testRedial)
		group.Wait()
		if !got.has("the manager is not reached again", "it is another manager, or somebody in between") {
			t.Errorf("logged %q", got.take())
		}
		d.dial = to
	})
}

// What a stream is over with ends Keep.
func TestKeepOver(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		log, got := newLog()
		d.Log = log
		var group sync.WaitGroup
		group.Go(func() { d.Keep(t.Context(), stream) })
		stream.Fail(errors.New("enough"))
		group.Wait()
		if lines := got.take(); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestPauses(t *testing.T) {
	for range 1000 {
		pause := time.Duration(0)
		for i := range 10 {
			next := later(pause)
			if next < firstPause || next > mostPause || i > 6 && next < mostPause/2 {
				t.Fatalf("%v follows on %v", next, pause)
			}
			pause = next
		}
	}
}
