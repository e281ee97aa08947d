package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/slowlink"
)

const mbit = 1e6 / 8 // bytes a second

// slowHost is a manager's link to an agent over two lines, and what the agent starts:
// links of workers in this process.
type slowHost struct {
	t        *testing.T
	up, down *slowlink.Line
	m, agent *Link
	reg      *Registry
	inside   Config // of the workers' links, both ends
	relayed  *Relayed
	workers  sync.WaitGroup
}

// newSlowHost is for a bubble of synctest.
func newSlowHost(t *testing.T, rate float64, trip time.Duration, cfg Config, fns ...*Function) *slowHost {
	t.Helper()
	r := &slowHost{t: t, up: slowlink.NewLine(rate, trip/2), down: slowlink.NewLine(rate, trip/2), reg: &Registry{}}
	for _, f := range fns {
		if err := r.reg.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	a, b := slowlink.Pair(r.up, r.down)
	cfg.NoFiles, cfg.Functions, cfg.Errors = true, &Registry{}, &Errors{}
	manager, agent := cfg, cfg
	manager.Side, agent.Side = mux.ManagerSide, mux.WorkerSide
	agent.Serving, agent.Relay = true, r.serve
	r.m, r.agent = New(a, manager), New(b, agent)
	if _, err := r.m.Greeted(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// serve is a worker that the agent has started.
func (r *slowHost) serve(p *Relayed) {
	r.workers.Add(1)
	defer r.workers.Done()
	if p.Program == "flood" {
		flood(p)
		return
	}
	r.relayed = p
	w := New(p.Transport(), r.config(mux.WorkerSide))
	<-w.Done()
	w.Close()
	p.Ended(Ended{})
}

// flood is a process that prints small pieces without end.
func flood(p *Relayed) {
	raw := &raw{tr: p.Transport()}
	for piece := make([]byte, 1000); p.l.Err() == nil; {
		select {
		case <-p.Gone():
			p.Ended(Ended{})
			return
		default:
			raw.write(piece)
		}
	}
}

// flooded has the agent start a flood, and reads it until ctx ends.
func (r *slowHost) flooded(ctx context.Context) {
	relay, err := r.m.Relay(ctx, &Spawn{Program: "flood", Args: []string{}, Env: []string{}}, nil, nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	tr := relay.Transport()
	context.AfterFunc(ctx, func() {
		r.m.conn.Reset(relay.st, mux.Cancelled, "")
		tr.Wake()
	})
	for buf := make([]byte, 64<<10); ctx.Err() == nil; {
		if _, _, err := tr.Recv([][]byte{buf}); err != nil {
			tr.Poll()
		}
	}
}

func (r *slowHost) config(side mux.Side) Config {
	cfg := r.inside
	cfg.Side, cfg.Serving, cfg.NoFiles, cfg.Functions, cfg.Errors = side, side == mux.WorkerSide, true, r.reg, &Errors{}
	return cfg
}

// worker is a manager's link to a worker that the agent starts.
func (r *slowHost) worker() *Link {
	r.t.Helper()
	relay, err := r.m.Relay(r.t.Context(), &Spawn{Args: []string{}, Env: []string{}}, nil, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.over(relay)
}

// over is a manager's link over relay.
func (r *slowHost) over(relay *Relay) *Link {
	r.t.Helper()
	l := New(relay.Transport(), r.config(mux.ManagerSide))
	if _, err := l.Greeted(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return l
}

func (r *slowHost) close(workers ...*Link) {
	for _, w := range workers {
		w.Close()
	}
	r.m.Close()
	r.agent.Close()
	r.workers.Wait()
}

// slowest makes small calls one after the other for d, and returns how long the
// slowest took and the middle one.
func slowest(t *testing.T, l *Link, f *Function, d time.Duration) (most, median time.Duration) {
	t.Helper()
	var took []time.Duration
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		begin := time.Now()
		if _, err := call[echoArgs, echoReply](t.Context(), l, f, echoArgs{[]byte("hi")}, nil); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)-1], took[len(took)/2]
}

type sized struct{ N int }

// make is a function whose result is of as many bytes as it is asked for.
func makeBytes() *Function {
	return function("make", func(_ context.Context, a sized) (echoReply, error) { return echoReply{make([]byte, a.N)}, nil })
}

// sink is a function that tells how many bytes it got.
func sink() *Function {
	return function("sink", func(_ context.Context, a echoArgs) (sized, error) { return sized{len(a.Data)}, nil })
}

// TestSlowLink: on a link of 1 Mbit/s and 200 ms, a transfer of one worker does not make
// another's small calls wait for much more than a second, in either direction; and on
// the same link without pacing it does.
func TestSlowLink(t *testing.T) {
	const size = 100 << 20
	f, up, down := echo(), sink(), makeBytes()
	transfers := map[string]func(ctx context.Context, r *slowHost, l *Link){
		"in small pieces": func(ctx context.Context, r *slowHost, _ *Link) { r.flooded(ctx) },
		"to the worker": func(ctx context.Context, _ *slowHost, l *Link) {
			call[echoArgs, sized](ctx, l, up, echoArgs{make([]byte, size)}, nil)
		},
		"from the worker": func(ctx context.Context, _ *slowHost, l *Link) {
			call[sized, echoReply](ctx, l, down, sized{size}, nil)
		},
	}
	for name, transfer := range transfers {
		for _, paced := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, paced %v", name, paced), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newSlowHost(t, mbit, 200*time.Millisecond, Config{Paced: paced, Alive: Silence}, f, up, down)
					one, other := r.worker(), r.worker()
					ctx, cancel := context.WithCancel(t.Context())
					var transferring sync.WaitGroup
					transferring.Go(func() { transfer(ctx, r, one) })
					before := r.up.Arrived() + r.down.Arrived()
					begin := time.Now()
					most, median := slowest(t, other, f, time.Minute)
					used := float64(r.up.Arrived()+r.down.Arrived()-before) / time.Since(begin).Seconds() / mbit
					t.Logf("slowest %v, median %v, %.2f of the line used", most, median, used)
					switch {
					case paced && (most > 1300*time.Millisecond || used < 0.9):
						t.Errorf("a small call took %v, %.2f of the line was used", most, used)
					case !paced && most < 5*time.Second:
						t.Error("this test does not tell a paced link from others")
					}
					cancel()
					transferring.Wait()
					r.close(one, other)
				})
			})
		}
	}
}

// TestLongLink: pacing does not slow a transfer on a fast line, near or far.
func TestLongLink(t *testing.T) {
	f, up, down := echo(), sink(), makeBytes()
	for _, c := range []struct {
		rate float64
		trip time.Duration
		size int
	}{
		{4000 * mbit, 200 * time.Microsecond, 100 << 20},
		{1000 * mbit, 20 * time.Millisecond, 100 << 20},
		{100 * mbit, 100 * time.Millisecond, 30 << 20},
	} {
		t.Run(fmt.Sprintf("%v, %g Mbit", c.trip, c.rate/mbit), func(t *testing.T) {
			took := map[bool][2]time.Duration{}
			for _, paced := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					r := newSlowHost(t, c.rate, c.trip, Config{Paced: paced, Alive: Silence}, f, up, down)
					w := r.worker()
					begin := time.Now()
					if n, err := call[echoArgs, sized](t.Context(), w, up, echoArgs{make([]byte, c.size)}, nil); n.N != c.size || err != nil {
						t.Fatal(n, err)
					}
					middle := time.Now()
					if b, err := call[sized, echoReply](t.Context(), w, down, sized{c.size}, nil); len(b.Data) != c.size || err != nil {
						t.Fatal(len(b.Data), err)
					}
					took[paced] = [2]time.Duration{middle.Sub(begin), time.Since(middle)}
					r.close(w)
				})
			}
			t.Logf("paced %v, else %v, ideal %v", took[true], took[false], time.Duration(float64(c.size)/c.rate*1e9))
			for i, d := range took[true] {
				if limit := took[false][i]*103/100 + 8*c.trip; d > limit {
					t.Errorf("a transfer took %v, %v when it was not paced", d, took[false][i])
				}
			}
		})
	}
}

// TestSilence: both ends of a link that is cut end within the limit, and with them the
// links inside.
func TestSilence(t *testing.T) {
	f := echo()
	synctest.Test(t, func(t *testing.T) {
		r := newSlowHost(t, 100*mbit, 20*time.Millisecond, Config{Paced: true, Alive: Silence}, f)
		w := r.worker()
		time.Sleep(time.Hour)
		if _, err := call[echoArgs, echoReply](t.Context(), w, f, echoArgs{}, nil); err != nil {
			t.Fatal(err)
		}
		r.up.Cut()
		r.down.Cut()
		begin := time.Now()
		_, err := call[echoArgs, echoReply](t.Context(), w, f, echoArgs{}, nil)
		if took := time.Since(begin); took < Silence*2/3 || took > Silence*7/6+time.Second {
			t.Errorf("the call ended after %v", took)
		}
		if down, ok := errors.AsType[*Down](err); !ok || down.Err.Error() != "nothing came for 15 s" || !down.MayHaveRun {
			t.Error(err)
		}
		<-r.agent.Done()
		if _, ok := errors.AsType[*mux.SilentError](r.agent.Err()); !ok {
			t.Error(r.agent.Err())
		}
		r.close(w)
	})
}

// TestPauses: one that has paused is waited for; when it goes on, all is as before.
func TestPauses(t *testing.T) {
	f := echo()
	synctest.Test(t, func(t *testing.T) {
		r := newSlowHost(t, 100*mbit, 20*time.Millisecond, Config{Paced: true, Alive: Silence}, f)
		w := r.worker()
		for range 3 {
			if err := r.m.Pause(); err != nil {
				t.Fatal(err)
			}
			stopped(r.m) // as by SIGSTOP, for half an hour
			if err := r.agent.Err(); err != nil {
				t.Fatal(err)
			}
			r.m.Resume()
			if _, err := call[echoArgs, echoReply](t.Context(), w, f, echoArgs{[]byte("hi")}, nil); err != nil {
				t.Fatal(err)
			}
		}
		r.close(w)
	})
}

// stopped lets half an hour pass in which l, which has paused, does not go on by itself.
func stopped(l *Link) {
	for end := time.Now().Add(30 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		l.Pause()
	}
}

// TestSilenceInside: a link inside another is not taken for dead while nobody reads the
// outer one; nor is the outer one.
func TestSilenceInside(t *testing.T) {
	f := echo()
	synctest.Test(t, func(t *testing.T) {
		release, blocked := make(chan bool), make(chan bool, 1)
		output := func(int, []byte) { blocked <- true; <-release }
		r := newSlowHost(t, 100*mbit, 20*time.Millisecond, Config{Paced: true, Alive: Silence}, f)
		r.inside = Config{Paced: true, Alive: Silence}
		relay, err := r.m.Relay(t.Context(), &Spawn{Args: []string{}, Env: []string{}}, output, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := r.over(relay)
		r.relayed.Output(1, []byte("printed"))
		<-blocked
		time.Sleep(time.Hour)
		for _, l := range []*Link{w, r.m, r.agent} {
			if err := l.Err(); err != nil {
				t.Error(err)
			}
		}
		close(release)
		if _, err := call[echoArgs, echoReply](t.Context(), w, f, echoArgs{}, nil); err != nil {
			t.Error(err)
		}
		r.close(w)
	})
}
