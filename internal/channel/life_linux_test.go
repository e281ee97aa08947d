package channel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// openFDs counts this process's file descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// counted runs f twice, and checks that the second time left nothing behind.
func counted(t *testing.T, f func(t *testing.T)) {
	f(t)
	fds, routines := openFDs(t), runtime.NumGoroutine()
	f(t)
	if after := openFDs(t); after > fds {
		t.Errorf("%d file descriptors before, %d after", fds, after)
	}
	// A goroutine that has said it is done may not be gone.
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		if runtime.NumGoroutine() <= routines {
			return
		}
	}
	t.Errorf("%d goroutines before, %d after", routines, runtime.NumGoroutine())
}

// stopsIn checks that f waits, and ends when the transport is stopped.
func stopsIn(t *testing.T, phase string, stop func(), f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		t.Errorf("%s: it does not wait: %v", phase, err)
		return
	default:
		runtime.Gosched()
	}
	stop()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%s: %v", phase, err)
	}
}

// TestStop stops in each phase.
func TestStop(t *testing.T) {
	for _, k := range kinds(t) {
		for _, c := range carriers()[:2] {
			t.Run(k.name+"/"+c.name, func(t *testing.T) {
				counted(t, func(t *testing.T) {
					for phase, shake := range map[string]func(mux.Transport) (*Conn, error){
						"dial":   func(t mux.Transport) (*Conn, error) { return Dial(t, k.dialler) },
						"accept": func(t mux.Transport) (*Conn, error) { return Accept(t, k.accepts) },
					} {
						ta, tb := c.make(t)
						stopsIn(t, phase, ta.Stop, func() error { _, err := shake(ta); return err })
						tb.Close()
					}
					ta, tb := c.make(t)
					d, a := ends(t, k, ta, tb)
					stopsIn(t, "read", a.Stop, func() error { return a.ReadFull(make([]byte, 1)) })
					stopsIn(t, "write", d.Stop, func() error { return d.WriteAll(make([]byte, 64<<20)) })
					d.Close()
					a.Close()
				})
			})
		}
	}
}

// TestStopAfterFailure is that who limits the time of a handshake need not know whether it
// has just failed.
func TestStopAfterFailure(t *testing.T) {
	ta, tb := tcpPair(t)
	tb.Close()
	if _, err := Accept(ta, kinds(t)[0].accepts); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	ta.Stop()
}

// TestAlertArrives is that the other side is told why it is refused, although what it has
// sent was not all read.
func TestAlertArrives(t *testing.T) {
	k := kinds(t)[0]
	k.dialler.Pin[0] ^= 1
	for range 20 {
		ta, tb := tcpPair(t)
		refused := make(chan error, 1)
		go func() { _, err := Accept(tb, k.accepts); refused <- err }()
		if _, err := Dial(ta, k.dialler); err == nil {
			t.Error("another key was taken")
		}
		if err := <-refused; rule(err) != "tls" {
			t.Fatal(err)
		}
	}
}

// threads counts this process's threads.
func threads(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\nThreads:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestHalfOpen has many that begin, and say no more: they hold no threads, and next to
// nothing else.
func TestHalfOpen(t *testing.T) {
	const many = 200
	first := greeting(dialler, nonceD)
	for _, c := range []struct {
		kind  kind
		begin []byte
	}{
		{kinds(t)[0], []byte{22, 3, 1, 0, 200, 1}},
		{kinds(t)[1], first[:20]},
	} {
		t.Run(c.kind.name, func(t *testing.T) {
			counted(t, func(t *testing.T) {
				before := threads(t)
				var wg sync.WaitGroup
				var ours, theirs []mux.Transport
				for range many {
					ta, tb := tcpPair(t)
					ours, theirs = append(ours, tb), append(theirs, ta)
					if _, err := ta.Send([][]byte{c.begin}, nil); err != nil {
						t.Fatal(err)
					}
					wg.Go(func() {
						if _, err := Accept(tb, c.kind.accepts); !errors.Is(err, io.ErrClosedPipe) {
							t.Error(err)
						}
					})
				}
				for range 1000 {
					runtime.Gosched()
				}
				if now := threads(t); now > before+many/10 {
					t.Errorf("%d threads before, %d with %d connections", before, now, many)
				}
				for i := range ours {
					ours[i].Stop()
				}
				wg.Wait()
				for _, c := range theirs {
					c.Close()
				}
			})
		})
	}
}

// TestIdleHoldsNothing is that a channel has no buffers when nothing is under way, and one
// with a part of a record has no more than that when it parks.
func TestIdleHoldsNothing(t *testing.T) {
	each(t, func(t *testing.T, d, a *Conn) {
		if _, slow := d.Transport.(*dribble); slow {
			return
		}
		b := make([]byte, 300_000)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := d.WriteAll(make([]byte, len(b))); err != nil {
				t.Error(err)
			}
		})
		if err := a.ReadFull(b); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		for _, c := range []*Conn{d, a} {
			if c.w.buf != nil || c.w.home != nil || c.w.pending != nil || c.w.sealed != nil {
				t.Errorf("an idle channel holds %d and %d bytes", len(c.w.buf), len(c.w.pending))
			}
		}
		if _, err := d.Transport.Send([][]byte{{0, 0, 3}}, nil); err != nil {
			t.Fatal(err)
		}
		for len(a.w.buf) < 3 {
			if _, _, err := a.Recv([][]byte{b}); !errors.Is(err, mux.ErrAgain) {
				t.Fatal(err)
			}
		}
		a.Unpark()
		if err := a.Park(); err != nil {
			t.Fatal(err)
		}
		if a.w.home != nil || cap(a.w.buf) > 100 {
			t.Errorf("a parked channel holds %d bytes", cap(a.w.buf))
		}
	})
}

// TestCloseInRecord is that a side which gives up inside a record is lost, and has not
// broken a rule; that the end of a connection inside one has.
func TestCloseInRecord(t *testing.T) {
	for _, k := range kinds(t) {
		for _, honest := range []bool{true, false} {
			ta, tb := tcpPair(t)
			d, a := ends(t, k, ta, tb)
			var err error
			for b := make([]byte, 1<<20); err == nil; {
				_, err = d.Send([][]byte{b}, nil)
			}
			if !errors.Is(err, mux.ErrAgain) {
				t.Fatal(err)
			}
			want := "EOF"
			if honest {
				d.Close()
			} else {
				d.Transport.Close()
				if k.name == "record" {
					want = "cut"
				}
			}
			if err := a.ReadFull(make([]byte, 64<<20)); rule(err) != want {
				t.Errorf("%s, honest %v: %v, want %s", k.name, honest, err, want)
			}
			a.Close()
		}
	}
}

// TestFiles is that none cross.
func TestFiles(t *testing.T) {
	each(t, func(t *testing.T, d, _ *Conn) {
		if n, err := d.Send([][]byte{{1}}, []*os.File{os.Stdin}); n != 0 || !errors.Is(err, errFiles) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// TestFilesCome is that a peer's, over a socket that carries them, are closed.
func TestFilesCome(t *testing.T) {
	for _, k := range kinds(t) {
		counted(t, func(t *testing.T) {
			ta, tb := transport.Pair()
			if _, err := ta.Send([][]byte{{22}}, []*os.File{os.Stdin}); err != nil {
				t.Fatal(err)
			}
			if _, err := Accept(tb, k.accepts); rule(err) != "fds" {
				t.Error(err)
			}
			ta.Close()
		})
	}
}

// echo answers calls with their argument.
type echo struct{ conn *mux.Conn }

func (e *echo) Handle(ev mux.Event) error {
	switch {
	case ev.Stream == nil:
	case ev.Kind == frame.Open && ev.Handle == frame.CallFunction:
		return e.conn.Queue(ev.Stream, frame.Reply, ev.Payload, true, nil)
	case ev.End || ev.Kind == frame.Reset:
		if w, ok := ev.Stream.User.(*mux.Waiter); ok {
			e.conn.Signal(w)
		}
	}
	return nil
}

func (*echo) Closed(error) {}

func newLink(t mux.Transport, side mux.Side) *mux.Conn {
	s := mux.NewState(side, 64)
	s.Peer(mux.Window, 64)
	s.Raw(frame.Preamble())
	e := &echo{}
	e.conn = mux.NewConn(t, s, e, side == mux.WorkerSide)
	e.conn.Flush()
	return e.conn
}

// TestLink runs a link over a channel: many callers, with arguments of all sizes.
func TestLink(t *testing.T) {
	for _, k := range kinds(t) {
		for _, c := range carriers() {
			t.Run(k.name+"/"+c.name, func(t *testing.T) {
				counted(t, func(t *testing.T) { ta, tb := c.make(t); linked(t, k, ta, tb) })
			})
		}
	}
}

func linked(t *testing.T, k kind, ta, tb mux.Transport) {
	d, a := ends(t, k, ta, tb)
	m, w := newLink(a, mux.ManagerSide), newLink(d, mux.WorkerSide)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				if err := called(t, m, 1+i*7000); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	m.Close()
	w.Close()
}

// called calls with n bytes.
func called(t *testing.T, c *mux.Conn, n int) error {
	var w mux.Waiter
	if _, err := c.Open(t.Context(), frame.CallFunction, make([]byte, n), true, nil, &w); err != nil {
		return err
	}
	return c.Wait(t.Context(), &w)
}
