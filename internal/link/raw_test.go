package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// raw is a peer that writes what it likes, and knows only headers.
type raw struct {
	t        testing.TB
	tr       mux.Transport
	buf      []byte
	files    []*os.File
	ignoring sync.WaitGroup
}

// ignore reads from now on, for the credit and the room that it makes.
func (r *raw) ignore() {
	r.ignoring.Go(func() {
		for _, _, ok := r.next(); ok; _, _, ok = r.next() {
		}
	})
}

// write sends bytes, and gives up silently when the other side has gone.
func (r *raw) write(b []byte, files ...*os.File) {
	for len(b) > 0 {
		n, err := r.tr.Send([][]byte{b}, files)
		if n > 0 {
			files = nil
		}
		b = b[n:]
		if errors.Is(err, mux.ErrAgain) {
			err = r.tr.PollSend()
		}
		if err != nil {
			return
		}
	}
}

// frame sends a frame whose length and fds are right.
func (r *raw) frame(h frame.Header, payload []byte, files ...*os.File) {
	h.Length, h.FDs = uint32(len(payload)), uint8(len(files))
	r.write(append(h.Append(nil), payload...), files...)
}

func (r *raw) control(h frame.Handle, payload []byte) {
	r.frame(frame.Header{Kind: frame.Message, Handle: h}, payload)
}

func (r *raw) open(stream uint32, h frame.Handle, payload []byte, files ...*os.File) {
	end := frame.End
	if h == frame.Bulk {
		end = 0
	}
	r.frame(frame.Header{Stream: stream, Kind: frame.Open, Handle: h, Flags: end}, payload, files...)
}

func (r *raw) message(stream uint32, h frame.Handle, payload []byte, files ...*os.File) {
	r.frame(frame.Header{Stream: stream, Kind: frame.Message, Handle: h, Flags: frame.End}, payload, files...)
}

func (r *raw) data(stream uint32, payload []byte, flags frame.Flags) {
	r.frame(frame.Header{Stream: stream, Kind: frame.Data, Flags: flags}, payload)
}

func (r *raw) reset(stream uint32) {
	r.frame(frame.Header{Stream: stream, Kind: frame.Reset}, []byte{0, 1})
}

// take reads n bytes; false at the end.
func (r *raw) take(n int) ([]byte, bool) {
	for len(r.buf) < n {
		b := make([]byte, 64<<10)
		k, files, err := r.tr.Recv([][]byte{b})
		r.files = append(r.files, files...)
		r.buf = append(r.buf, b[:k]...)
		if errors.Is(err, mux.ErrAgain) {
			err = r.tr.Poll()
		}
		if err != nil {
			return nil, false
		}
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b, true
}

// next reads a frame; false at the end.
func (r *raw) next() (h frame.Header, payload []byte, ok bool) {
	b, ok := r.take(frame.HeaderSize)
	if !ok {
		return h, nil, false
	}
	h, err := frame.Parse(b)
	if err != nil {
		r.t.Error(err)
		return h, nil, false
	}
	payload, ok = r.take(int(h.Length))
	return h, payload, ok
}

// until reads frames up to one of that handle, or kind when the handle is 0.
func (r *raw) until(k frame.Kind, h frame.Handle) (frame.Header, []byte) {
	for {
		got, payload, ok := r.next()
		if _, recording := r.tr.(*recorded); recording {
			return got, make([]byte, 4)
		}
		if !ok {
			r.t.Errorf("the link ended before %s %s", k, h)
			return got, nil
		}
		if got.Kind == k && got.Handle == h {
			return got, payload
		}
	}
}

func (r *raw) close() {
	r.ignoring.Wait()
	closeAll(r.files)
	r.tr.Stop()
	r.tr.Close()
}

// nums is a typed stream, as the root package has one.
type nums struct{ end codec.StreamEnd }

func (n *nums) OutworkStream() *codec.StreamEnd { return &n.end }

// everything has a field of each kind that travels beside the CBOR.
type everything struct {
	N    int
	Data []byte
	In   io.Reader
	S    *nums
	C    container.Container
	F    *os.File
}

// The indexes of its fields.
const (
	fieldData   = 1
	fieldIn     = 2
	fieldStream = 3
	fieldC      = 4
	fieldF      = 5
)

// all is a function of everything.
func all(fn func(context.Context, everything) (everything, error)) *Function {
	if fn == nil {
		fn = func(context.Context, everything) (everything, error) { return everything{}, nil }
	}
	return function("all", fn)
}

// emptyEverything is the CBOR of one with nothing beside it.
var emptyEverything = encoded(everything{}, true)

func encoded[T any](v T, positional bool) []byte {
	p, err := codec.PlanOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err)
	}
	var buf bytes.Buffer
	if err := p.Append(&buf, &v, positional); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// hello is what a well-behaved peer would say.
func hello(reg *Registry) Hello {
	return Hello{
		Digest: reg.Digest(), Window: mux.Window, Streams: WorkerStreams,
		Languages: []string{}, Confinement: "none", Functions: map[string]string{},
	}
}

func mustBytes[T any](l *lazy[T], v T) []byte {
	b, err := l.bytes(&v)
	if err != nil {
		panic(err)
	}
	return b
}

// replyOf is a result of the function all.
func replyOf(parts ...part) []byte {
	for i := range parts {
		if parts[i].Inline == nil {
			parts[i].Inline = []byte{}
		}
	}
	if parts == nil {
		parts = []part{}
	}
	return append(mustBytes(&replyPlan, replyHeader{parts}), emptyEverything...)
}

// callOf is a call of a function with the argument of all.
func callOf(name string, parent uint32, parts ...part) []byte {
	for i := range parts {
		if parts[i].Inline == nil {
			parts[i].Inline = []byte{}
		}
	}
	if parts == nil {
		parts = []part{}
	}
	h := callHeader{Function: name, Parts: parts, Grants: []string{}, Parent: parent}
	return append(mustBytes(&callPlan, h), emptyEverything...)
}

// against is a link whose peer is raw. The raw peer has not said anything yet.
func against(t testing.TB, side mux.Side, fns []*Function, cfg Config) (*Link, *raw) {
	t.Helper()
	a, b := transport.Pair()
	reg := &Registry{}
	for _, f := range fns {
		if err := reg.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Side, cfg.Functions, cfg.Errors = side, reg, &Errors{}
	cfg.Serving = side == mux.WorkerSide
	l := New(a, cfg)
	r := &raw{t: t, tr: b}
	t.Cleanup(func() { l.Close(); r.close() })
	return l, r
}

// greeted is against after the handshake.
func greeted(t testing.TB, side mux.Side, fns []*Function, cfg Config) (*Link, *raw) {
	t.Helper()
	l, r := against(t, side, fns, cfg)
	r.write(frame.Preamble())
	r.control(frame.Hello, mustBytes(&helloPlan, hello(l.cfg.Functions)))
	r.take(frame.PreambleSize)
	if h, _ := r.until(frame.Message, frame.Hello); h.Handle != frame.Hello {
		t.Fatal("no HELLO")
	}
	if side == mux.ManagerSide {
		if _, err := l.Greeted(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return l, r
}

// ends waits for the end of the link, and returns the rule that was broken, or "".
func ends(t testing.TB, l *Link) string {
	t.Helper()
	select {
	case <-l.Done():
	case <-time.After(patience):
		t.Fatal("the link lives on")
	}
	if v, ok := errors.AsType[*frame.Violation](l.Err()); ok {
		return v.Rule
	}
	return ""
}

// nothingLeft compares open files and goroutines with those at its call, at the
// end of the test, after all that is cleaned up later than this.
func nothingLeft(t testing.TB) {
	t.Helper()
	warm()
	fds, goroutines := openFiles(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(patience); ; runtime.Gosched() {
			n, g := openFiles(t), runtime.NumGoroutine()
			if n <= fds && g <= goroutines {
				return
			}
			if time.Now().After(end) {
				buf := make([]byte, 64<<10)
				t.Fatalf("%d files open, %d before; %d goroutines, %d before\n%s", n, fds, g, goroutines, buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

// warm makes the poller open what it keeps.
func warm() {
	r, w, err := os.Pipe()
	if err == nil {
		r.Close()
		w.Close()
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(names)
}
