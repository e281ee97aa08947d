package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// TestHandshakeViolations: what a peer may not say first.
func TestHandshakeViolations(t *testing.T) {
	good := hello(&Registry{})
	greeting := func(change func(*Hello)) []byte {
		h := good
		change(&h)
		return control(frame.Hello, mustBytes(&helloPlan, h))
	}
	preamble := string(frame.Preamble())
	hi := string(greeting(func(*Hello) {}))
	for _, c := range []struct{ name, bytes, rule string }{
		{"garbage", "\x00\x01\x02 garbage that is long enough", "preamble"},
		{"a banner", "Welcome to Ubuntu 24.04 LTS\n", "preamble"},
		{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", "preamble"},
		{"another version", frame.Magic + "\x00\x02\x00\x00", "version"},
		{"two preambles", preamble + preamble, "length"},
		{"a frame of 4 GiB", preamble + "\xff\xff\xff\xff\x00\x00\x00\x00\x02\x01\x00\x00", "length"},
		{"a log record first", preamble + string(control(frame.ForwardLog, nil)), "handshake"},
		{"a PING first", preamble + string(control(frame.Ping, nil)), "handshake"},
		{"HELLO twice", preamble + hi + hi, "handshake"},
		{"HELLO that is no CBOR", preamble + string(control(frame.Hello, []byte("hello"))), "handshake"},
		{"HELLO with bytes behind it", preamble + string(control(frame.Hello, append(mustBytes(&helloPlan, good), 0))), "handshake"},
		{"HELLO without its keys", preamble + string(control(frame.Hello, []byte{0xa0})), "handshake"},
		{"no window", preamble + string(greeting(func(h *Hello) { h.Window = 0 })), "handshake"},
		{"a window of 4 GiB", preamble + string(greeting(func(h *Hello) { h.Window = 1<<32 - 1 })), "handshake"},
		{"no streams", preamble + string(greeting(func(h *Hello) { h.Streams = 0 })), "handshake"},
		{"4 G streams", preamble + string(greeting(func(h *Hello) { h.Streams = 1<<32 - 1 })), "handshake"},
		{"half a digest", preamble + string(greeting(func(h *Hello) { h.Digest = h.Digest[:16] })), "handshake"},
		{"nothing", "", ""},
		{"half a preamble", preamble[:5], ""},
	} {
		for side, name := range map[mux.Side]string{mux.ManagerSide: "manager", mux.WorkerSide: "worker"} {
			t.Run(c.name+" to a "+name, func(t *testing.T) {
				nothingLeft(t)
				l, r := against(t, side, nil, Config{Log: func(Record) {}})
				r.write([]byte(c.bytes))
				if c.rule == "" { // it says nothing and goes: that is a loss
					r.close()
				}
				if got := ends(t, l); got != c.rule {
					t.Fatalf("rule %q: %v", got, l.Err())
				}
				if c.rule == "" && !errors.Is(l.Err(), io.EOF) {
					t.Fatal(l.Err())
				}
			})
		}
	}
}

// control is a message of the link itself, with its header.
func control(h frame.Handle, payload []byte) []byte {
	b := frame.Header{Length: uint32(len(payload)), Kind: frame.Message, Handle: h}.Append(nil)
	return append(b, payload...)
}

func TestHandshakeDeadline(t *testing.T) {
	for _, side := range []mux.Side{mux.ManagerSide, mux.WorkerSide} {
		synctest.Test(t, func(t *testing.T) {
			l, r := against(t, side, nil, Config{})
			r.write(frame.Preamble())
			if side == mux.ManagerSide {
				_, err := l.Greeted(t.Context())
				if v, ok := errors.AsType[*frame.Violation](err); !ok || v.Rule != "handshake" {
					t.Fatal(err)
				}
			}
			if rule := ends(t, l); rule != "handshake" {
				t.Fatal(l.Err())
			}
			l.Close()
			r.close()
		})
	}
}

// asManager is what a hostile worker does while a call of the function all
// waits on stream 1, with a grant of ask.
var asManager = []struct {
	name string
	do   func(r *raw)
	rule string
}{
	{"BULK streams that nothing names", func(r *raw) {
		for i := range uint32(WorkerStreams + 1) {
			r.open(2+2*i, frame.Bulk, nil)
			r.data(2+2*i, nil, frame.End) // over, so that it does not count as open
		}
	}, "quota"},
	{"a reply to a call never made", func(r *raw) { r.message(3, frame.Reply, replyOf()) }, "stream"},
	{"a second reply", func(r *raw) { r.message(1, frame.Reply, replyOf()); r.message(1, frame.Reply, replyOf()) }, "ended"},
	{"a reply of the wrong type", func(r *raw) {
		r.message(1, frame.Reply, append(mustBytes(&replyPlan, replyHeader{[]part{}}), encoded("text", true)...))
	}, "reply"},
	{"a reply with bytes behind it", func(r *raw) { r.message(1, frame.Reply, append(replyOf(), 0)) }, "reply"},
	{"a reply without a result", func(r *raw) { r.message(1, frame.Reply, mustBytes(&replyPlan, replyHeader{[]part{}})) }, "reply"},
	{"a reply that is no CBOR", func(r *raw) { r.message(1, frame.Reply, []byte{0xff}) }, "message"},
	{"an empty reply", func(r *raw) { r.message(1, frame.Reply, nil) }, "message"},
	{"REPLY without END", func(r *raw) {
		r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply}, replyOf())
	}, "reply"},
	{"ITEM in answer", func(r *raw) { r.message(1, frame.Item, nil) }, "reply"},
	{"DATA in answer", func(r *raw) { r.data(1, []byte("x"), 0) }, "reply"},
	{"ERROR that is no CBOR", func(r *raw) { r.message(1, frame.Error, []byte{0xff}) }, "message"},
	{"PROGRESS that is no CBOR", func(r *raw) {
		r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Progress}, []byte{0xff})
	}, "message"},
	{"PROGRESS with a huge label", func(r *raw) {
		r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Progress}, mustBytes(&progressPlan, progress{1, 2, strings.Repeat("x", 200<<10)}))
	}, "quota"},
	{"a frame of 4 GiB", func(r *raw) { r.write([]byte("\xff\xff\xff\xff\x00\x00\x00\x01\x03\x00\x00\x00")) }, "length"},
	{"an unknown kind", func(r *raw) { r.frame(frame.Header{Stream: 1, Kind: 9}, nil) }, "kind"},
	{"an unknown handle", func(r *raw) { r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: 77}, nil) }, "handle"},
	{"unknown flags", func(r *raw) {
		r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: 0x80}, nil)
	}, "flags"},
	{"CREDIT of nothing", func(r *raw) { r.frame(frame.Header{Stream: 1, Kind: frame.Credit}, make([]byte, 4)) }, "credit"},

	{"a part that names no stream", func(r *raw) {
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 1}))
	}, "reply"},
	{"a part that names the call's stream", func(r *raw) {
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 1, Size: 1}))
	}, "reply"},
	{"two parts that name one stream", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 1}, part{Field: fieldIn, Kind: partReader, Stream: 2, Size: -1}))
	}, "reply"},
	{"two parts for one field", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.open(4, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldIn, Kind: partReader, Stream: 2}, part{Field: fieldIn, Kind: partReader, Stream: 4}))
	}, "reply"},
	{"a part for a field that does not cross", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: 0, Kind: partBytes, Stream: 2}))
	}, "reply"},
	{"a part of another kind", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partReader, Stream: 2}))
	}, "reply"},
	{"a part of an unknown kind", func(r *raw) { r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: 99})) }, "reply"},
	{"bytes of a negative size", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: -1}))
	}, "reply"},
	{"more bytes than claimed", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 3}))
		r.data(2, []byte("four"), frame.End)
	}, "reply"},
	{"more bytes than claimed, sent before", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.data(2, []byte("four"), frame.End)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 3}))
	}, "reply"},
	{"fewer bytes than claimed", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 1 << 62}))
		r.data(2, []byte("four"), frame.End)
	}, "reply"},
	{"ITEM on a stream of bytes", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 4}))
		r.message(2, frame.Item, []byte("four"))
	}, "reply"},
	{"more than the window", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		for range 5 {
			r.data(2, make([]byte, 64<<10), 0)
		}
	}, "credit"},
	{"BULK with a payload", func(r *raw) { r.frame(frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.Bulk}, []byte("x")) }, "message"},
	{"too many streams", func(r *raw) {
		for i := range uint32(WorkerStreams + 1) {
			r.open(2*i+2, frame.Bulk, nil)
		}
	}, "streams"},

	{"a container without its bytes", func(r *raw) {
		r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partContainer, Size: 5, Immutable: true}))
	}, "reply"},
	{"a container without its file", func(r *raw) {
		r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partContainer, Size: 5, Stream: 1, Immutable: true}))
	}, "fds"},
	{"a container that may change", func(r *raw) {
		r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partContainer, Size: 1, Inline: []byte("x")}))
	}, "reply"},
	{"a file without its descriptor", func(r *raw) { r.message(1, frame.Reply, replyOf(part{Field: fieldF, Kind: partFile})) }, "fds"},

	{"a log record that is no CBOR", func(r *raw) { r.control(frame.ForwardLog, []byte("log")) }, "message"},
	{"a log record with bytes behind it", func(r *raw) {
		r.control(frame.ForwardLog, append(mustBytes(&recordPlan, Record{Attrs: []Attr{}}), 0))
	}, "message"},
	{"a huge log record", func(r *raw) {
		r.control(frame.ForwardLog, mustBytes(&recordPlan, Record{Message: strings.Repeat("x", 600<<10), Attrs: []Attr{}}))
	}, "quota"},
	{"a log record of too many attributes", func(r *raw) {
		r.control(frame.ForwardLog, mustBytes(&recordPlan, Record{Attrs: slices.Repeat([]Attr{{Path: []string{"k"}}}, MaxAttrs+1)}))
	}, "quota"},
	{"a log record of an attribute in too many groups", func(r *raw) {
		r.control(frame.ForwardLog, mustBytes(&recordPlan, Record{Attrs: []Attr{{Path: make([]string, MaxPath+1)}}}))
	}, "quota"},
	{"LOG_LEVEL to a manager", func(r *raw) { r.control(frame.LogLevel, mustBytes(&levelPlan, levelMessage{0})) }, "handle"},
	{"SHUTDOWN to a manager", func(r *raw) { r.control(frame.Shutdown, nil) }, "handle"},
	{"a long PING", func(r *raw) { r.control(frame.Ping, make([]byte, 65)) }, "message"},
	{"a long PONG", func(r *raw) { r.control(frame.Pong, make([]byte, 65)) }, "message"},
	{"a PAUSE with something in it", func(r *raw) { r.control(frame.Pause, []byte{0}) }, "message"},
	{"HELLO late", func(r *raw) { r.control(frame.Hello, mustBytes(&helloPlan, hello(&Registry{}))) }, "handshake"},

	{"a call back without a running call", func(r *raw) { r.open(2, frame.CallFunction, callOf("ask", 0)) }, "grant"},
	{"a call back for a call never made", func(r *raw) { r.open(2, frame.CallFunction, callOf("ask", 99)) }, "grant"},
	{"a call back of what was not granted", func(r *raw) { r.open(2, frame.CallFunction, callOf("all", 1)) }, "grant"},
	{"a call back after the call", func(r *raw) {
		r.message(1, frame.Reply, replyOf())
		r.open(2, frame.CallFunction, callOf("ask", 1))
	}, "grant"},
	{"a call back for a stream of bytes", func(r *raw) {
		r.open(2, frame.Bulk, nil)
		r.open(4, frame.CallFunction, callOf("ask", 2))
	}, "grant"},
	{"a call back that is no CBOR", func(r *raw) { r.open(2, frame.CallFunction, []byte{0xff}) }, "message"},
	{"a call back with an argument that does not fit", func(r *raw) {
		b := callOf("ask", 1)
		r.open(2, frame.CallFunction, append(b[:len(b)-len(emptyEverything)], 0x00))
	}, "message"},
	{"a call back without END", func(r *raw) {
		r.frame(frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.CallFunction}, callOf("ask", 1))
	}, "message"},
	{"GET_MODULE that is no CBOR", func(r *raw) { r.open(2, frame.GetModule, []byte{0xff}) }, "message"},
	{"GET_MODULE without END", func(r *raw) {
		r.frame(frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.GetModule}, mustBytes(&moduleRequestPlan, moduleRequest{"starlark", "m"}))
	}, "message"},
	{"a flood of GET_MODULE", func(r *raw) {
		b := mustBytes(&moduleRequestPlan, moduleRequest{"starlark", "m"})
		for i := range uint32(MaxRequests + 1) {
			r.open(2*i+2, frame.GetModule, b)
			r.reset(2*i + 2)
			if i%512 == 511 { // let them end, or the bound of streams comes first
				r.control(frame.Ping, nil)
				r.until(frame.Message, frame.Pong)
			}
		}
	}, "quota"},
	{"GET_CONTAINER where nothing is shared", func(r *raw) {
		r.open(2, frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, "c", 0}))
	}, "handle"},
	{"READ_CONTAINER where nothing is shared", func(r *raw) {
		r.open(2, frame.ReadContainer, mustBytes(&readPlan, readRequest{1, 0, 1}))
	}, "handle"},
	{"OUTPUT that nobody takes", func(r *raw) { r.control(frame.Output, []byte("\x01text")) }, "handle"},
}

// TestHostileWorker: each breach ends the link with its rule, the call with
// Down, and nothing else.
func TestHostileWorker(t *testing.T) {
	nothingLeft(t)
	f := echo()
	bystander, _ := pair(t, byMemory, []*Function{f}, Config{}, Config{})
	for _, c := range asManager {
		t.Run(c.name, func(t *testing.T) {
			stuck := make(chan bool)
			ask, all := function("ask", func(context.Context, everything) (everything, error) { return everything{}, nil }), all(nil)
			l, r := greeted(t, mux.ManagerSide, []*Function{ask, all}, Config{
				Log:     func(Record) {},
				Modules: func(lang, name string) ([]module.Module, error) { <-stuck; return nil, os.ErrNotExist },
			})
			defer close(stuck)
			failed := make(chan error, 1)
			go func() {
				_, err := call[everything, everything](t.Context(), l, all, everything{}, &Call{Grants: map[string]*Function{"ask": ask}})
				failed <- err
			}()
			r.until(frame.Open, frame.CallFunction)
			c.do(r)
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
			if err := <-failed; err != nil {
				down, ok := errors.AsType[*Down](err)
				if !ok || !down.MayHaveRun || !errors.Is(err, l.Err()) {
					t.Error(err)
				}
			}
			if _, err := call[echoArgs, echoReply](t.Context(), bystander, f, echoArgs{[]byte("x")}, nil); err != nil {
				t.Error("another link:", err)
			}
		})
	}
}

// asWorker is what a hostile manager does.
var asWorker = []struct {
	name string
	do   func(r *raw)
	rule string
}{
	{"a function's name of 1,025 bytes", func(r *raw) {
		r.open(1, frame.CallFunction, mustBytes(&callPlan, callHeader{Function: strings.Repeat("x", MaxName+1), Parts: []part{}, Grants: []string{}}))
	}, "message"},
	{"a call that is no CBOR", func(r *raw) { r.open(1, frame.CallFunction, []byte{0xff}) }, "message"},
	{"an empty call", func(r *raw) { r.open(1, frame.CallFunction, nil) }, "message"},
	{"a call without an argument", func(r *raw) {
		b := callOf("all", 0)
		r.open(1, frame.CallFunction, b[:len(b)-len(emptyEverything)])
	}, "message"},
	{"an argument that does not fit, though the digests are the same", func(r *raw) {
		b := callOf("all", 0)
		r.open(1, frame.CallFunction, append(b[:len(b)-len(emptyEverything)], 0x00))
	}, "message"},
	{"negative time", func(r *raw) {
		r.open(1, frame.CallFunction, append(mustBytes(&callPlan, callHeader{"all", -1, []part{}, []string{}, 0}), emptyEverything...))
	}, "message"},
	{"a part that names no stream", func(r *raw) {
		r.open(1, frame.CallFunction, callOf("all", 0, part{Field: fieldIn, Kind: partReader, Stream: 7}))
	}, "reply"},
	{"a log record", func(r *raw) { r.control(frame.ForwardLog, mustBytes(&recordPlan, Record{Attrs: []Attr{}})) }, "handle"},
	{"LOG_LEVEL that is no CBOR", func(r *raw) { r.control(frame.LogLevel, []byte{0xff}) }, "message"},
	{"SHUTDOWN that says more", func(r *raw) { r.control(frame.Shutdown, []byte{0}) }, "message"},
	{"GET_MODULE", func(r *raw) {
		r.open(1, frame.GetModule, mustBytes(&moduleRequestPlan, moduleRequest{"starlark", "m"}))
	}, "handle"},
	{"GET_CONTAINER", func(r *raw) {
		r.open(1, frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, "c", 0}))
	}, "handle"},
	{"READ_CONTAINER", func(r *raw) { r.open(1, frame.ReadContainer, mustBytes(&readPlan, readRequest{1, 0, 1})) }, "handle"},
	{"OUTPUT", func(r *raw) { r.control(frame.Output, []byte("\x01text")) }, "handle"},
	{"a message on the stream of a call", func(r *raw) {
		r.open(1, frame.CallFunction, callOf("hang", 0))
		r.message(1, frame.Reply, nil)
	}, "ended"},
}

func TestHostileManager(t *testing.T) {
	for _, c := range asWorker {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			hang := function("hang", func(ctx context.Context, _ everything) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			l, r := greeted(t, mux.WorkerSide, []*Function{all(nil), hang}, Config{})
			c.do(r)
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
		})
	}
}

// TestAnswersWithAnError: the link lives on.
func TestAnswersWithAnError(t *testing.T) {
	nothingLeft(t)
	l, r := greeted(t, mux.WorkerSide, []*Function{all(nil), function("other", func(context.Context, int) (int, error) { return 0, nil })}, Config{})
	l.positional.Store(false) // as if the digests differed; no call has come yet
	for i, c := range []struct {
		payload []byte
		code    uint8
		text    string
	}{
		{callOf("none", 0), CodeUnknown, "known functions are all, other"},
		{callOf("other", 0), CodeMismatch, `"other" does not fit`},
		{callOf("none", 0, part{Field: 1, Kind: partBytes, Stream: 99}), CodeUnknown, "none"},
	} {
		r.open(uint32(2*i+1), frame.CallFunction, c.payload)
		_, payload := r.until(frame.Message, frame.Error)
		var f failure
		if err := failurePlan.only(payload, &f, "ERROR"); err != nil || f.Code != c.code || !strings.Contains(f.Text, c.text) {
			t.Errorf("%+v, %v", f, err)
		}
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// TestIsIgnored: the link lives on, and says nothing.
func TestIsIgnored(t *testing.T) {
	nothingLeft(t)
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{Log: func(Record) {}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](ctx, l, f, everything{}, nil)
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	r.control(frame.Pong, []byte("nobody asked"))
	r.control(frame.Pause, nil)
	r.control(frame.Pause, nil)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r.until(frame.Reset, 0)
	r.data(1, []byte("dropped"), 0)
	r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Progress}, []byte{0xff})
	r.message(1, frame.Error, []byte{0xff})
	r.frame(frame.Header{Stream: 1, Kind: frame.Credit}, []byte{0, 0, 0, 1})
	r.reset(1)
	r.control(frame.Ping, []byte("alive?"))
	if _, payload := r.until(frame.Message, frame.Pong); string(payload) != "alive?" {
		t.Errorf("%q", payload)
	}
	if l.Err() != nil || l.Busy() != 0 {
		t.Error(l.Err(), l.Busy())
	}
}

// TestClaimedBytesAreNotAllocated: 2^62 bytes that are only announced cost
// nothing.
func TestClaimedBytesAreNotAllocated(t *testing.T) {
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](t.Context(), l, f, everything{}, nil)
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.open(2, frame.Bulk, nil)
	r.message(1, frame.Reply, replyOf(part{Field: fieldData, Kind: partBytes, Stream: 2, Size: 1 << 62}))
	r.data(2, bytes.Repeat([]byte("x"), 1000), 0)
	r.control(frame.Ping, nil)
	r.until(frame.Message, frame.Pong)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
	r.reset(2) // the source failed: the call does, the link does not
	if fail, ok := errors.AsType[*Failure](<-done); !ok || !strings.Contains(fail.Message, "everything.Data") {
		t.Error(fail)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// TestGivenUpResultIsDiscarded: the BULK streams of a result that crossed its
// call's cancellation are reset, or its worker would wait for a reader for
// ever.
func TestGivenUpResultIsDiscarded(t *testing.T) {
	nothingLeft(t)
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
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
	r.message(1, frame.Reply, replyOf(part{Field: fieldIn, Kind: partReader, Stream: 2, Size: -1}))
	for {
		h, _ := r.until(frame.Reset, 0)
		if h.Stream == 2 {
			break
		}
	}
}

// TestProgressFlood: progress that nobody asked for costs its sender's credit, and
// holds nothing up.
func TestProgressFlood(t *testing.T) {
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](t.Context(), l, f, everything{}, nil)
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	r.ignore()
	b := mustBytes(&progressPlan, progress{1, 2, "x"})
	for range 5000 {
		r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Progress}, b)
	}
	r.message(1, frame.Reply, replyOf())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestItemOfTheWrongType: what is no element of a stream ends the link, and its reader gets that as
// any call does.
func TestItemOfTheWrongType(t *testing.T) {
	next := func(v everything) error { _, err := v.S.end.Next(); return err }
	read := func(v everything) error { _, err := v.In.Read(make([]byte, 1)); return err }
	for _, c := range []struct {
		name string
		part part
		do   func(r *raw)
		read func(everything) error
		rule string
	}{
		{"data", part{Field: fieldStream, Kind: partStream}, func(r *raw) { r.data(2, []byte("x"), 0) }, next, "handle"},
		{"PROGRESS", part{Field: fieldStream, Kind: partStream}, func(r *raw) { r.message(2, frame.Progress, []byte{0xff}) }, next, "handle"},
		{"ERROR that is no CBOR", part{Field: fieldStream, Kind: partStream}, func(r *raw) { r.message(2, frame.Error, []byte{0xff}) }, next, "message"},
		{"ITEM among bytes", part{Field: fieldIn, Kind: partReader}, func(r *raw) { r.message(2, frame.Item, []byte{0}) }, read, "handle"},
		{"ERROR among bytes that is no CBOR", part{Field: fieldIn, Kind: partReader}, func(r *raw) { r.message(2, frame.Error, []byte{0xff}) }, read, "message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			f := all(nil)
			l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
			got := make(chan everything, 1)
			told := errors.New("told")
			o := &Call{StreamError: func(err error) error { return errors.Join(told, err) }}
			go func() {
				v, _ := call[everything, everything](t.Context(), l, f, everything{}, o)
				got <- v
			}()
			r.until(frame.Open, frame.CallFunction)
			r.open(2, frame.Bulk, nil)
			c.part.Stream, c.part.Size = 2, -1
			r.message(1, frame.Reply, replyOf(c.part))
			c.do(r)
			err := c.read(<-got)
			if down, ok := errors.AsType[*Down](err); !ok || !down.MayHaveRun || !errors.Is(err, l.Err()) || !errors.Is(err, told) {
				t.Errorf("its reader got %T %v", err, err)
			}
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
		})
	}
}
