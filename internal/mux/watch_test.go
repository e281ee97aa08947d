package mux_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/slowlink"
	"github.com/outwork-go/outwork/internal/transport"
)

// limit is the silence that the tests allow.
const limit = 15 * time.Second

// watched are two ends that watch each other, over lines that can be cut.
type watched struct {
	up, down *slowlink.Line
	m, w     *mux.Conn
	um, uw   *upper
}

// watching runs f with two ends in a bubble, and ends both.
func watching(t *testing.T, f func(t *testing.T, x *watched)) {
	synctest.Test(t, func(t *testing.T) {
		x := &watched{up: slowlink.NewLine(1e8, time.Millisecond), down: slowlink.NewLine(1e8, time.Millisecond)}
		a, b := slowlink.Pair(x.up, x.down)
		x.m, x.um = newConn(a, mux.ManagerSide, false, 4)
		x.w, x.uw = newConn(b, mux.WorkerSide, true, 4)
		x.m.Watch(limit)
		x.w.Watch(limit)
		rest()
		f(t, x)
		x.m.Close()
		x.w.Close()
	})
}

// silent checks that c ends of silence within the stated time from now on.
func silent(t *testing.T, c *mux.Conn) {
	t.Helper()
	begin := time.Now()
	<-c.Done()
	if took := time.Since(begin); took < limit*2/3 || took > limit+limit/6+limit/10 {
		t.Errorf("it ended after %v", took)
	}
	if err := c.Err(); err == nil || err.Error() != "nothing came for 15 s" {
		t.Error(err)
	}
}

func alive(t *testing.T, ends ...*mux.Conn) {
	t.Helper()
	for _, c := range ends {
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// An idle link lives on, and says little.
func TestWatchIdle(t *testing.T) {
	watching(t, func(t *testing.T, x *watched) {
		before := x.up.Arrived() + x.down.Arrived()
		time.Sleep(time.Hour)
		alive(t, x.m, x.w)
		if n := x.up.Arrived() + x.down.Arrived() - before; n == 0 || n > 4*3600/5*frame.HeaderSize {
			t.Errorf("%d bytes were sent in an hour", n)
		}
		if err := call(t.Context(), x.m, "x"); err != nil {
			t.Error(err)
		}
	})
}

func TestWatchCut(t *testing.T) {
	for name, under := range map[string]bool{"idle": false, "with a call under way": true} {
		t.Run(name, func(t *testing.T) {
			watching(t, func(t *testing.T, x *watched) {
				ended := make(chan error, 1)
				x.uw.handle = func(mux.Event) error { return nil }
				if under {
					go func() { ended <- call(t.Context(), x.m, "x") }()
					rest()
				}
				x.up.Cut()
				x.down.Cut()
				silent(t, x.m)
				<-x.w.Done()
				if s, ok := errors.AsType[*mux.SilentError](x.w.Err()); !ok || s.Limit != limit {
					t.Error(x.w.Err())
				}
				if under {
					if err := <-ended; err != x.m.Err() {
						t.Error(err)
					}
				}
			})
		})
	}
}

// A line that only brings something: the end that hears nothing ends, and the other
// then too.
func TestWatchHalfCut(t *testing.T) {
	watching(t, func(t *testing.T, x *watched) {
		x.up.Cut()
		silent(t, x.w)
		x.w.Close()
		rest()
		if err := x.m.Err(); err != io.EOF {
			t.Error(err)
		}
	})
}

// A peer that is not watched answers, and that is enough.
func TestWatchOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := transport.Pair()
		m, _ := newConn(a, mux.ManagerSide, false, 4)
		w, uw := newConn(b, mux.WorkerSide, true, 4)
		uw.handle = func(ev mux.Event) error {
			if ev.Handle == frame.Ping {
				return w.Update(func(s *mux.State) { s.Control(frame.Pong, ev.Payload) })
			}
			return nil
		}
		m.Watch(limit)
		time.Sleep(10 * time.Minute)
		alive(t, m, w)
		m.Close()
		w.Close()
	})
}

// A side whose handler blocks is not taken for dead, nor does it take the other for
// dead, whatever waits to be read or written meanwhile.
func TestWatchBlocked(t *testing.T) {
	watching(t, func(t *testing.T, x *watched) {
		release := make(chan bool)
		x.uw.handle = func(ev mux.Event) error {
			if ev.Kind == frame.Open {
				<-release
			}
			return x.uw.standard(ev)
		}
		ended := make(chan error, 2)
		for range 2 {
			go func() { ended <- call(t.Context(), x.m, strings.Repeat("x", 100<<10)) }()
		}
		time.Sleep(time.Hour)
		alive(t, x.m, x.w)
		close(release)
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// One that blocks again and again for less than the limit, with much to read in
// between, says that it is there.
func TestWatchSlowReader(t *testing.T) {
	watching(t, func(t *testing.T, x *watched) {
		x.uw.handle = func(ev mux.Event) error {
			if ev.Handle == frame.ForwardLog {
				time.Sleep(12 * time.Second)
			}
			return nil
		}
		for range 50 {
			x.m.Update(func(s *mux.State) { s.Control(frame.ForwardLog, make([]byte, 10<<10)) })
		}
		time.Sleep(12 * time.Minute)
		alive(t, x.m, x.w)
		if n := len(x.uw.seen()); n < 50 {
			t.Errorf("%d events", n)
		}
	})
}

// Nothing can be heard while a handler blocks; after that the peer, which has died, is
// found to be dead.
func TestWatchBlockedThenDead(t *testing.T) {
	watching(t, func(t *testing.T, x *watched) {
		release := make(chan bool)
		x.um.handle = func(mux.Event) error { <-release; return nil }
		x.w.Update(func(s *mux.State) { s.Control(frame.ForwardLog, nil) })
		rest()
		x.down.Cut()
		x.up.Cut()
		time.Sleep(time.Hour)
		alive(t, x.m)
		close(release)
		silent(t, x.m)
	})
}

// rawPeer is a watched end whose peer's bytes the test writes.
func rawPeer(t *testing.T, f func(t *testing.T, c *mux.Conn, raw mux.Transport)) {
	synctest.Test(t, func(t *testing.T) {
		a, raw := transport.Pair()
		c, u := newConn(a, mux.WorkerSide, true, 4)
		u.handle = func(ev mux.Event) error {
			if ev.Handle == frame.Pause {
				c.Paused()
			}
			return nil
		}
		c.Watch(limit)
		raw.Send([][]byte{frame.Preamble()}, nil)
		f(t, c, raw)
		c.Close()
		raw.Close()
	})
}

// Each byte is life, also of a frame that is not whole, and while this side's writes
// are stuck because the peer takes nothing.
func TestWatchBytes(t *testing.T) {
	rawPeer(t, func(t *testing.T, c *mux.Conn, raw mux.Transport) {
		for range 3 { // more than the transport takes
			c.Update(func(s *mux.State) { s.Control(frame.ForwardLog, make([]byte, transport.PairBuffer)) })
		}
		raw.Send([][]byte{frame.Header{Length: 100, Kind: frame.Message, Handle: frame.Ping}.Append(nil)}, nil)
		for range 50 {
			time.Sleep(12 * time.Second)
			alive(t, c)
			raw.Send([][]byte{{0}}, nil)
		}
		rest()
		silent(t, c)
	})
}

func TestWatchPaused(t *testing.T) {
	pause := frame.Header{Kind: frame.Message, Handle: frame.Pause}.Append(nil)
	pong := frame.Header{Kind: frame.Message, Handle: frame.Pong}.Append(nil)
	for _, c := range []struct {
		name   string
		pause  []byte
		then   []byte
		paused bool
	}{
		{"a pause", pause, pong, true},
		{"a pause that a part of a frame ends", pause, pong[:1], true},
		{"a pause with something behind it", append(pause[:len(pause):len(pause)], pong...), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rawPeer(t, func(t *testing.T, conn *mux.Conn, raw mux.Transport) {
				raw.Send([][]byte{c.pause}, nil)
				if !c.paused {
					rest()
					silent(t, conn)
					return
				}
				time.Sleep(mux.MaxPause - time.Minute)
				alive(t, conn)
				raw.Send([][]byte{c.then}, nil)
				rest()
				silent(t, conn)
			})
		})
	}
}

func TestWatchPausedTooLong(t *testing.T) {
	rawPeer(t, func(t *testing.T, c *mux.Conn, raw mux.Transport) {
		raw.Send([][]byte{frame.Header{Kind: frame.Message, Handle: frame.Pause}.Append(nil)}, nil)
		begin := time.Now()
		<-c.Done()
		if took := time.Since(begin); took < mux.MaxPause || took > mux.MaxPause+limit {
			t.Errorf("it ended after %v", took)
		}
		if err := c.Err().Error(); err != "nothing came for 1h0m0s after the other side had paused" {
			t.Error(err)
		}
	})
}

// A side that pauses says so before all that waits, and then nothing, until it resumes.
func TestPause(t *testing.T) {
	rawPeer(t, func(t *testing.T, c *mux.Conn, raw mux.Transport) {
		rest()
		drain(t, raw)
		if err := c.Pause(time.Second); err != nil {
			t.Fatal(err)
		}
		c.Update(func(s *mux.State) { s.Control(frame.ForwardLog, []byte("later")) })
		rest()
		want := frame.Header{Kind: frame.Message, Handle: frame.Pause}.Append(nil)
		if got := drain(t, raw); string(got) != string(want) {
			t.Errorf("% x was written", got)
		}
		c.Resume()
		c.Resume()
		rest()
		if got := drain(t, raw); !strings.Contains(string(got), "later") {
			t.Errorf("% x was written after the pause", got)
		}
	})
}

// A pause that did not come ends by itself.
func TestPauseThatDidNotCome(t *testing.T) {
	watching(t, func(t *testing.T, x *watched) {
		x.uw.handle = func(ev mux.Event) error {
			if ev.Handle == frame.Pause {
				x.w.Paused()
			}
			return x.uw.standard(ev)
		}
		if err := x.m.Pause(time.Second); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := call(t.Context(), x.m, "x"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > limit/2+limit/10 {
			t.Errorf("a call took %v", took)
		}
		x.up.Cut()
		silent(t, x.w) // it does not wait for one that has paused
	})
}

// A pause that cannot be told says so, and comes later.
func TestPauseStuck(t *testing.T) {
	rawPeer(t, func(t *testing.T, c *mux.Conn, raw mux.Transport) {
		for range 3 {
			c.Update(func(s *mux.State) { s.Control(frame.ForwardLog, make([]byte, transport.PairBuffer)) })
		}
		rest()
		begin := time.Now()
		if err := c.Pause(time.Second); err == nil || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		c.Update(func(s *mux.State) { s.Control(frame.ForwardLog, []byte("later")) })
		var got []byte
		for more := drain(t, raw); len(more) > 0; more = drain(t, raw) {
			got = append(got, more...)
			rest()
		}
		pause := frame.Header{Kind: frame.Message, Handle: frame.Pause}.Append(nil)
		if !strings.HasSuffix(string(got), string(pause)) {
			t.Errorf("%d bytes were written, and PAUSE is not the last: % x", len(got), got[max(0, len(got)-40):])
		}
		c.Fail(io.ErrNoProgress)
		if err := c.Pause(time.Second); err != io.ErrNoProgress {
			t.Error(err)
		}
	})
}
