package link

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// kept is how many containers a manager keeps, and a worker has of it.
func kept(m, w *Link) (lent, borrowed int) {
	m.paged.mu.Lock()
	lent = len(m.paged.staying)
	m.paged.mu.Unlock()
	w.far.mu.Lock()
	borrowed = len(w.far.sources)
	w.far.mu.Unlock()
	return lent, borrowed
}

// noneKept checks that both sides have let go of everything, which the worker may do a
// little after its answer.
func noneKept(t *testing.T, m, w *Link) {
	t.Helper()
	rest(t, m, w)
	if lent, borrowed := kept(m, w); lent != 0 || borrowed != 0 {
		t.Errorf("%d lent, %d borrowed", lent, borrowed)
	}
}

// withoutFiles is pair without file descriptors.
func withoutFiles(t *testing.T, by medium, fns ...*Function) (m, w *Link) {
	t.Helper()
	return pair(t, by, fns, Config{NoFiles: true}, Config{NoFiles: true})
}

// lentText is longer than what crosses inline.
var lentText = numbered(1<<20 + 77)

// A call that is made when the link has ended says that, whatever it was to lend.
func TestLentTooLate(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		f := all(func(_ context.Context, a everything) (everything, error) { return everything{}, nil })
		m, _ := withoutFiles(t, by, f)
		m.Close()
		for _, c := range sources(t, lentText) {
			_, err := call[everything, everything](t.Context(), m, f, everything{C: c}, nil)
			if d, ok := errors.AsType[*Down](err); !ok || d.MayHaveRun {
				t.Errorf("got %T %v", err, err)
			}
		}
	})
}

func TestLent(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		slices := make(chan container.Container, 1)
		f := all(func(_ context.Context, a everything) (r everything, err error) {
			sum, err := container.SHA256(t.Context(), a.C)
			if err != nil {
				return r, err
			}
			part, err := a.C.Slice(10, 10)
			slices <- part
			at, _ := a.C.Find([]byte("22222,"), 0)
			r.N, r.Data = int(at), sum[:]
			if a.C.Immutable() {
				_, err = a.C.Bytes()
			}
			a.C.Close()
			return r, err
		})
		m, w := withoutFiles(t, by, f)
		for _, c := range sources(t, lentText) {
			r, err := call[everything, everything](t.Context(), m, f, everything{C: c}, nil)
			sum := sha256.Sum256(lentText)
			if err != nil || r.N != bytes.Index(lentText, []byte("22222,")) || !bytes.Equal(r.Data, sum[:]) {
				t.Errorf("%d, %x, %v", r.N, r.Data, err)
			}
			noneKept(t, m, w)
			part := <-slices
			if _, err := part.ReadAt(make([]byte, 1), 0); !errors.Is(err, errOver) || !strings.Contains(err.Error(), "container everything.C: 1 bytes at 10") {
				t.Error("after the call:", err)
			}
			part.Close()
			if _, err := c.ReadAt(make([]byte, 1), 0); err != nil {
				t.Error("the caller's own:", err)
			}
		}
	})
}

// TestLentAtOnce: many calls of the same container, each with its own number.
func TestLentAtOnce(t *testing.T) {
	nothingLeft(t)
	f := all(func(_ context.Context, a everything) (everything, error) {
		b, err := io.ReadAll(io.NewSectionReader(a.C, 0, a.C.Size()))
		return everything{N: len(b)}, err
	})
	m, w := withoutFiles(t, byMemory, f)
	c := container.FromBytes(lentText)
	errs := make(chan error)
	for range 20 {
		go func() {
			r, err := call[everything, everything](t.Context(), m, f, everything{C: c}, nil)
			if err == nil && r.N != len(lentText) {
				err = io.ErrShortBuffer
			}
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	noneKept(t, m, w)
}

// TestLentUntilTheResultIsRead: what the result streams may read it.
func TestLentUntilTheResultIsRead(t *testing.T) {
	for name, end := range map[string]func(r io.Reader, cancel func()){
		"read to its end": func(r io.Reader, _ func()) {
			if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, lentText) {
				t.Error(len(b), err)
			}
		},
		"closed":    func(r io.Reader, _ func()) { r.(io.Closer).Close() },
		"cancelled": func(_ io.Reader, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			f := all(func(_ context.Context, a everything) (everything, error) {
				return everything{In: io.NewSectionReader(a.C, 0, a.C.Size())}, nil
			})
			m, w := withoutFiles(t, byMemory, f)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := call[everything, everything](ctx, m, f, everything{C: container.FromBytes(lentText)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if lent, _ := kept(m, w); lent != 1 {
				t.Errorf("%d lent", lent)
			}
			end(r.In, cancel)
			noneKept(t, m, w)
		})
	}
}

// TestLentForAGivenUpCall: the caller has it back at once, whatever the worker does.
func TestLentForAGivenUpCall(t *testing.T) {
	nothingLeft(t)
	began, failed := make(chan bool), make(chan error)
	f := all(func(ctx context.Context, a everything) (everything, error) {
		began <- true
		<-began
		_, err := a.C.ReadAt(make([]byte, 1), 0)
		failed <- err
		return everything{}, err
	})
	m, w := withoutFiles(t, byMemory, f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if _, err := call[everything, everything](ctx, m, f, everything{C: container.FromBytes(lentText)}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if lent, borrowed := kept(m, w); lent != 0 || borrowed != 1 {
		t.Errorf("%d lent, %d borrowed", lent, borrowed)
	}
	began <- true
	if err := <-failed; err == nil || !strings.Contains(err.Error(), errOver.Error()) {
		t.Error(err)
	}
	noneKept(t, m, w)
}

// TestLentUntilTheLinkEnds: who waits for it is told.
func TestLentUntilTheLinkEnds(t *testing.T) {
	nothingLeft(t)
	c := &vast{read: make(chan []byte)}
	failed := make(chan error, 1)
	f := all(func(_ context.Context, a everything) (everything, error) {
		_, err := a.C.ReadAt(make([]byte, 1), 0)
		failed <- err
		return everything{}, err
	})
	m, w := withoutFiles(t, byMemory, f)
	go func() {
		c.read <- nil // somebody reads
		w.Close()
	}()
	if _, err := call[everything, everything](t.Context(), m, f, everything{C: c}, nil); err == nil {
		t.Error("no error")
	}
	close(c.read)
	if err := <-failed; err == nil {
		t.Error("no error of the read")
	}
	m.Close()
	if lent, _ := kept(m, w); lent != 0 {
		t.Errorf("%d lent", lent)
	}
}

// TestLentIsBackAfterAFailure to send the call.
func TestLentIsBackAfterAFailure(t *testing.T) {
	nothingLeft(t)
	type two struct {
		C, D container.Container
		S    string
	}
	f := function("two", func(context.Context, two) (int, error) { return 0, nil })
	m, w := withoutFiles(t, byMemory, f)
	lent := container.FromBytes(lentText)
	for want, a := range map[string]two{
		"two.D: a container of -1 bytes": {C: lent, D: &vast{size: -1}},
		"two.D: a container of 46116860": {C: lent, D: &vast{size: 1<<62 + 1}},
		"UTF-8":                          {C: lent, S: "\xff"},
	} {
		if _, err := call[two, int](t.Context(), m, f, a, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		noneKept(t, m, w)
	}
}

// TestLentAlone: where nothing is shared, the worker may ask about what was lent, and
// about nothing else.
func TestLentAlone(t *testing.T) {
	nothingLeft(t)
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{NoFiles: true})
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](t.Context(), l, f, everything{C: container.FromBytes(lentText)}, nil)
		done <- err
	}()
	p := &pager{raw: r}
	_, payload := r.until(frame.Open, frame.CallFunction)
	var h callHeader
	if _, _, err := h.parse(payload); err != nil || len(h.Parts) != 1 {
		t.Fatal(h, err)
	}
	want := part{Field: fieldC, Kind: partPaged, Size: int64(len(lentText)), Offset: 1, Immutable: true, Inline: []byte{}}
	if err := same(h.Parts[0], want); err != nil {
		t.Error(err)
	}
	if got, fail := p.read(readRequest{firstLent + 1, 5, 10}); got != string(lentText[5:15]) {
		t.Error(got, fail)
	}
	for _, share := range []uint64{0, 1, firstLent, firstLent + 2, 1<<64 - 1} {
		if got, fail := p.read(readRequest{share, 5, 10}); got != "" || fail == "" {
			t.Errorf("share %d: %q", share, got)
		}
	}
	r.message(1, frame.Reply, replyOf())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, fail := p.read(readRequest{firstLent + 1, 5, 10}); !strings.Contains(fail, errOver.Error()) {
		t.Error("after the call:", fail)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// asLender is what a hostile manager does with containers that stay with it, while it
// answers a call back of ask on stream 2.
var asLender = []struct {
	name string
	part part
	rule string
}{
	{"number 0", part{Kind: partPaged, Size: 5}, "reply"},
	{"number -1", part{Kind: partPaged, Size: 5, Offset: -1}, "reply"},
	{"-1 bytes", part{Kind: partPaged, Size: -1, Offset: 1}, "reply"},
	{"2^62 + 1 bytes", part{Kind: partPaged, Size: 1<<62 + 1, Offset: 1}, "reply"},
	{"bytes inline", part{Kind: partPaged, Size: 5, Offset: 1, Inline: []byte("bytes")}, "reply"},
	{"a file that is none", part{Kind: partPaged, Stream: 1, Size: 5, Offset: 1}, "reply"},
	{"its bytes, in an argument", part{Kind: partCarried, Stream: 3, Size: 5, Immutable: true}, "reply"},
	{"kind 7", part{Kind: partCarried + 1, Size: 5, Offset: 1}, "reply"},
}

func TestHostileLender(t *testing.T) {
	for _, c := range asLender {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			l, r := greeted(t, mux.WorkerSide, []*Function{all(nil)}, Config{NoFiles: true})
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.Bulk, nil)
			c.part.Field = fieldC
			r.open(5, frame.CallFunction, callOf("all", 0, c.part))
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
		})
	}
	good := part{Field: fieldC, Kind: partPaged, Size: 5, Offset: 1}
	t.Run("with a field that is no container", func(t *testing.T) {
		l, r := greeted(t, mux.WorkerSide, []*Function{all(nil)}, Config{NoFiles: true})
		bad := good
		bad.Field = fieldData
		r.open(1, frame.CallFunction, callOf("all", 0, bad))
		if rule := ends(t, l); rule != "reply" {
			t.Fatal(l.Err())
		}
	})
	t.Run("one number twice", func(t *testing.T) {
		nothingLeft(t)
		hang := function("hang", func(ctx context.Context, _ everything) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		l, r := greeted(t, mux.WorkerSide, []*Function{hang}, Config{NoFiles: true})
		r.open(1, frame.CallFunction, callOf("hang", 0, good))
		r.open(3, frame.CallFunction, callOf("hang", 0, good))
		if rule := ends(t, l); rule != "reply" {
			t.Fatal(l.Err())
		}
	})
	t.Run("in answer to a call back", func(t *testing.T) {
		nothingLeft(t)
		f, _ := asking()
		l, r := greeted(t, mux.WorkerSide, []*Function{f}, Config{NoFiles: true})
		h := callHeader{Function: "asks", Parts: []part{}, Grants: []string{"all"}}
		r.open(1, frame.CallFunction, append(mustBytes(&callPlan, h), emptyEverything...))
		r.until(frame.Open, frame.CallFunction)
		r.message(2, frame.Reply, replyOf(good))
		if rule := ends(t, l); rule != "reply" {
			t.Fatal(l.Err())
		}
	})
	t.Run("to a service", func(t *testing.T) {
		for _, kind := range []uint8{partPaged, partCarried} {
			l := &Link{cfg: Config{Service: true, Side: mux.WorkerSide, NoFiles: true}}
			ls := &landings{l: l, call: &mux.Stream{}}
			if ls.takes(&codec.Crossing{Kind: codec.Container}, kind) {
				t.Errorf("kind %d", kind)
			}
		}
	})
}

// asking is a function that calls back all with its argument, and gives back what that
// answers.
func asking() (asks, back *Function) {
	back = all(func(_ context.Context, a everything) (everything, error) { return a, nil })
	return function("asks", func(ctx context.Context, a everything) (everything, error) {
		v, err := From(ctx).Back(ctx, back, &a)
		if err != nil {
			return everything{}, err
		}
		return *v.(*everything), nil
	}), back
}
