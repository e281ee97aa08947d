package link

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

func TestCarried(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		f := all(func(_ context.Context, a everything) (everything, error) {
			if a.C != nil {
				return a, nil // what is lent
			}
			return everything{C: container.FromBytes(lentText[:a.N])}, nil
		})
		m, w := withoutFiles(t, by, f)
		for _, n := range []int{0, 1, container.InlineMax, container.InlineMax + 1, len(lentText)} {
			for _, a := range []everything{{N: n}, {C: container.FromBytes(lentText[:n])}} {
				r, err := call[everything, everything](t.Context(), m, f, a, nil)
				if err != nil {
					t.Fatal(n, err)
				}
				if b, err := r.C.Bytes(); err != nil || !bytes.Equal(b, lentText[:n]) || !r.C.Immutable() {
					t.Errorf("%d bytes of %d, %v", len(b), n, err)
				}
				r.C.Close()
			}
		}
		noneKept(t, m, w)
	})
}

// TestCarriedBack: arguments of calls back, and what these answer.
func TestCarriedBack(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		f, _ := asking()
		var got container.Container
		back := all(func(_ context.Context, a everything) (everything, error) {
			got = a.C
			b, err := a.C.Bytes()
			return everything{C: container.FromBytes(bytes.Clone(b))}, err
		})
		m, w := withoutFiles(t, by, f)
		r, err := call[everything, everything](t.Context(), m, f, everything{C: container.FromBytes(lentText)}, &Call{Grants: map[string]*Function{"all": back}})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.C.Bytes(); err != nil || !bytes.Equal(b, lentText) {
			t.Error(len(b), err)
		}
		r.C.Close()
		noneKept(t, m, w)
		if _, err := got.Bytes(); !errors.Is(err, container.ErrClosed) {
			t.Error("an argument after its call:", err)
		}
		for name, c := range map[string]container.Container{"an argument": &vast{}, "a result": container.FromBytes(lentText)} {
			mutable := all(func(context.Context, everything) (everything, error) { return everything{C: &vast{size: 5}}, nil })
			_, err := call[everything, everything](t.Context(), m, f, everything{C: c}, &Call{Grants: map[string]*Function{"all": mutable}})
			if fail, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(fail.Message, container.ErrMutable.Error()) {
				t.Error(name, err)
			}
		}
		noneKept(t, m, w)
	})
}

// broken is a container whose reads fail, or panic, or are short, from some place on.
type broken struct {
	container.Container
	how string
}

func (b *broken) Slice(int64, int64) (container.Container, error) { return b, nil }

func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if off < 512<<10 {
		return b.Container.ReadAt(p, off)
	}
	switch b.how {
	case "panic":
		panic("a container of the program's own")
	case "short":
		return 0, nil
	case "exit":
		runtime.Goexit()
	}
	return 0, errors.New("a bad sector")
}

// TestCarriedFails: a source that fails ends its call, and nothing else.
func TestCarriedFails(t *testing.T) {
	for how, want := range map[string]string{"error": "a bad sector", "panic": "a container of the program's own", "short": "unexpected EOF", "exit": "gave the stream up"} {
		t.Run(how, func(t *testing.T) {
			nothingLeft(t)
			c := &broken{container.FromBytes(lentText), how}
			f := all(func(context.Context, everything) (everything, error) { return everything{C: c}, nil })
			m, w := withoutFiles(t, byMemory, f)
			_, err := call[everything, everything](t.Context(), m, f, everything{}, nil)
			if fail, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(fail.Message, want) || !strings.Contains(fail.Message, "everything.C") {
				t.Error(err)
			}
			noneKept(t, m, w)
			if m.Err() != nil || w.Err() != nil {
				t.Error(m.Err(), w.Err())
			}
		})
	}
}

// slowly is a container that is read when it is let.
type slowly struct {
	container.Container
	let    chan bool
	closed chan bool
}

func (s *slowly) Slice(int64, int64) (container.Container, error) { return s, nil }

func (s *slowly) ReadAt(p []byte, off int64) (int, error) {
	<-s.let
	return s.Container.ReadAt(p, off)
}

func (s *slowly) Close() error { s.closed <- true; return nil }

// TestCarriedIsGivenUp: what is under way ends, and is closed, also when nobody had
// begun to read it.
func TestCarriedIsGivenUp(t *testing.T) {
	nothingLeft(t)
	c := &slowly{container.FromBytes(lentText), make(chan bool), make(chan bool, 2)}
	f := all(func(context.Context, everything) (everything, error) { return everything{C: c}, nil })
	m, w := withoutFiles(t, byMemory, f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { c.let <- true; cancel() }()
	if _, err := call[everything, everything](ctx, m, f, everything{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-c.closed
	close(c.let)
	noneKept(t, m, w)

	type two struct {
		C container.Container
		S string
	}
	bad := function("bad", func(context.Context, int) (two, error) { return two{c, "\xff"}, nil })
	m, w = withoutFiles(t, byMemory, bad)
	if _, err := call[int, two](t.Context(), m, bad, 1, nil); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Error(err)
	}
	<-c.closed
	noneKept(t, m, w)
}

// TestCarriedWhileTheLinkEnds leaves nothing.
func TestCarriedWhileTheLinkEnds(t *testing.T) {
	for _, side := range []string{"manager", "worker"} {
		t.Run(side, func(t *testing.T) {
			nothingLeft(t)
			c := &slowly{container.FromBytes(lentText), make(chan bool), make(chan bool, 2)}
			f := all(func(context.Context, everything) (everything, error) { return everything{C: c}, nil })
			m, w := withoutFiles(t, byMemory, f)
			go func() {
				c.let <- true
				end := map[string]*Link{"manager": m, "worker": w}[side]
				end.Fail(errors.New("the end"))
				close(c.let)
			}()
			if _, err := call[everything, everything](t.Context(), m, f, everything{}, nil); err == nil {
				t.Error("no error")
			}
			<-c.closed
		})
	}
}

// asCarrier is what a hostile worker does in answer to a call on stream 1, or in a call
// back of all: a container that is said to be p, on stream 2.
var asCarrier = []struct {
	name string
	part part
	data string
	rule string
}{
	{"more bytes than claimed", part{Stream: 2, Size: 4, Immutable: true}, "bytes", "reply"},
	{"fewer bytes than claimed", part{Stream: 2, Size: 6, Immutable: true}, "bytes", "reply"},
	{"no bytes", part{Stream: 2, Size: 5, Immutable: true}, "", "reply"},
	{"-1 bytes", part{Stream: 2, Size: -1, Immutable: true}, "bytes", "reply"},
	{"more than the limit", part{Stream: 2, Size: MaxCarried + 1, Immutable: true}, "bytes", "reply"},
	{"one that may change", part{Stream: 2, Size: 5}, "bytes", "reply"},
	{"an offset", part{Stream: 2, Size: 5, Offset: 1, Immutable: true}, "bytes", "reply"},
	{"bytes inline too", part{Stream: 2, Size: 5, Immutable: true, Inline: []byte("bytes")}, "bytes", "reply"},
	{"a stream that is none", part{Stream: 8, Size: 5, Immutable: true}, "bytes", "reply"},
	{"kind 7", part{Kind: partCarried + 1, Stream: 2, Size: 5, Immutable: true}, "bytes", "reply"},
	{"one that stays there", part{Kind: partPaged, Size: 5, Offset: 1, Immutable: true}, "bytes", "reply"},
	{"an ERROR among its bytes", part{Stream: 2, Size: 5, Immutable: true}, "ERROR", "reply"},
}

func TestHostileCarrier(t *testing.T) {
	for _, c := range asCarrier {
		for _, how := range []string{"result", "call back"} {
			t.Run(c.name+" in a "+how, func(t *testing.T) {
				p := c.part
				p.Field = fieldC
				if p.Kind == 0 {
					p.Kind = partCarried
				}
				carrierEnds(t, Config{NoFiles: true}, how, p, c.data, c.rule)
			})
		}
	}
	good := part{Field: fieldC, Kind: partCarried, Stream: 2, Size: 5, Immutable: true}
	t.Run("where files cross", func(t *testing.T) { carrierEnds(t, Config{}, "result", good, "bytes", "reply") })
	t.Run("for another field", func(t *testing.T) {
		bad := good
		bad.Field = fieldIn
		carrierEnds(t, Config{NoFiles: true}, "result", bad, "bytes", "reply")
	})
	t.Run("from a service", func(t *testing.T) {
		cfg := Config{NoFiles: true, Service: true, Side: mux.ManagerSide}
		if cfg.carries(false) || cfg.carries(true) || cfg.lends() {
			t.Error("it may")
		}
	})
}

// carrierEnds tells a manager of a container p, whose stream brings data, and checks the
// rule that the worker broke with that.
func carrierEnds(t *testing.T, cfg Config, how string, p part, data, rule string) {
	t.Helper()
	nothingLeft(t)
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, cfg)
	failed := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](t.Context(), l, f, everything{}, &Call{Grants: map[string]*Function{"all": f}})
		failed <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	r.open(2, frame.Bulk, nil)
	if how == "result" {
		r.message(1, frame.Reply, replyOf(p))
	} else {
		r.open(4, frame.CallFunction, callOf("all", 1, p))
	}
	if data == "ERROR" {
		r.message(2, frame.Error, mustBytes(&failurePlan, failure{Code: CodeReturned, Kinds: []string{}, Data: []typedError{}}))
	} else {
		r.data(2, []byte(data), frame.End)
	}
	if got := ends(t, l); got != rule {
		t.Fatalf("rule %q: %v", got, l.Err())
	}
	if _, ok := errors.AsType[*Down](<-failed); !ok {
		t.Error("the call did not end by the link's end")
	}
}

// TestClaimedContainersAreNotAllocated: bytes that are only announced cost nothing, and
// a source that gives up ends the call alone.
func TestClaimedContainersAreNotAllocated(t *testing.T) {
	nothingLeft(t)
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{NoFiles: true})
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](t.Context(), l, f, everything{}, nil)
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.open(2, frame.Bulk, nil)
	r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partCarried, Stream: 2, Size: MaxCarried, Immutable: true}))
	r.data(2, bytes.Repeat([]byte("x"), 1000), 0)
	r.control(frame.Ping, nil)
	r.until(frame.Message, frame.Pong)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
	r.reset(2)
	if fail, ok := errors.AsType[*Failure](<-done); !ok || !strings.Contains(fail.Message, "everything.C") {
		t.Error(fail)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// TestGivenUpContainerIsDiscarded, and with it its stream: or its worker would wait for a
// reader for ever.
func TestGivenUpContainerIsDiscarded(t *testing.T) {
	nothingLeft(t)
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{NoFiles: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](ctx, l, f, everything{}, nil)
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	cancel()
	<-done
	r.open(2, frame.Bulk, nil)
	r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partCarried, Stream: 2, Size: 5, Immutable: true}))
	for h := (frame.Header{}); h.Stream != 2; {
		h, _ = r.until(frame.Reset, 0)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}
