package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// order is an argument of a service.
type order struct {
	Name  string   `cbor:"name"`
	Data  []byte   `cbor:"data"`
	Words []string `cbor:"words,omitempty"`
	File  *os.File `cbor:"file"`
	Deep  *deep    `cbor:"deep,omitempty"`
}

type deep struct {
	In []deep `cbor:"in,omitempty"`
}

// The indexes of its fields.
const (
	orderName = 0
	orderData = 1
	orderFile = 3
)

// ask is what services may call back in these tests.
var ask = function("ask", func(_ context.Context, s string) (string, error) { return s, nil })

// serviceFunctions take an order: one at once, one until its context ends, and
// one after it has asked back.
func serviceFunctions() []*Function {
	return []*Function{
		function("take", func(_ context.Context, o order) (int, error) {
			if o.File != nil {
				o.File.Close()
			}
			return len(o.Data) + len(o.Name), nil
		}),
		function("hang", func(ctx context.Context, _ order) (int, error) { <-ctx.Done(); return 0, ctx.Err() }),
		function("asking", func(ctx context.Context, o order) (string, error) {
			r, err := From(ctx).Back(ctx, ask, &o.Name)
			if err != nil {
				return "", err
			}
			return *r.(*string), nil
		}),
	}
}

// attacked is a service whose client is raw, after the handshake.
func attacked(t testing.TB, cfg Config) (*Link, *raw) {
	t.Helper()
	cfg.Service = true
	return greeted(t, mux.WorkerSide, serviceFunctions(), cfg)
}

// smallOrder is the CBOR of one with nothing beside it.
var smallOrder = encoded(order{Name: "x", Data: []byte{}}, false)

// calling is the payload of a call.
func calling(name string, argument []byte, parts ...part) []byte {
	for i := range parts {
		if parts[i].Inline == nil {
			parts[i].Inline = []byte{}
		}
	}
	if parts == nil {
		parts = []part{}
	}
	return append(mustBytes(&callPlan, callHeader{Function: name, Parts: parts, Grants: []string{"ask"}}), argument...)
}

// toService is what breaks a rule of a service's link.
var toService = []struct {
	name string
	do   func(r *raw)
	rule string
}{
	{"a frame of 2^32-1 bytes", func(r *raw) { r.write([]byte("\xff\xff\xff\xff\x00\x00\x00\x01\x01\x10\x01\x00")) }, "length"},
	{"a pickle", func(r *raw) {
		r.write([]byte("\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."))
	}, "length"},
	{"an HTTP request", func(r *raw) { r.write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) }, "length"},
	{"SHUTDOWN", func(r *raw) { r.control(frame.Shutdown, nil) }, "handle"},
	{"LOG_LEVEL", func(r *raw) { r.control(frame.LogLevel, mustBytes(&levelPlan, levelMessage{0})) }, "handle"},
	{"FORWARD_LOG", func(r *raw) { r.control(frame.ForwardLog, mustBytes(&recordPlan, Record{Attrs: []Attr{}})) }, "handle"},
	{"GET_MODULE", func(r *raw) {
		r.open(1, frame.GetModule, mustBytes(&moduleRequestPlan, moduleRequest{"starlark", "m"}))
	}, "handle"},
	{"GET_CONTAINER", func(r *raw) {
		r.open(1, frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, "c", 0}))
	}, "handle"},
	{"HASH_CONTAINER", func(r *raw) {
		r.open(1, frame.HashContainer, mustBytes(&hashPlan, hashRequest{1, 0, 1, "sha256"}))
	}, "handle"},
	{"OUTPUT", func(r *raw) { r.control(frame.Output, []byte("\x01text")) }, "handle"},
	{"PAUSE", func(r *raw) { r.control(frame.Pause, nil) }, "handle"},
	{"a second HELLO", func(r *raw) { r.control(frame.Hello, mustBytes(&helloPlan, hello(&Registry{}))) }, "handshake"},
	{"a PING of 65 bytes", func(r *raw) { r.control(frame.Ping, make([]byte, 65)) }, "message"},
	{"a PING of 5,000 bytes", func(r *raw) { r.control(frame.Ping, make([]byte, 5000)) }, "length"},
	{"REPLY on the stream of a call", func(r *raw) {
		r.frame(frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}, calling("hang", smallOrder)[:3])
		r.message(1, frame.Reply, nil)
	}, "flags"},
	{"PROGRESS on the stream of a call", func(r *raw) {
		r.open(1, frame.CallFunction, calling("hang", smallOrder))
		r.message(1, frame.Progress, mustBytes(&progressPlan, progress{}))
	}, "ended"},
	{"DATA on the stream of a call", func(r *raw) {
		r.open(1, frame.CallFunction, calling("hang", smallOrder))
		r.data(1, []byte("x"), 0)
	}, "ended"},
	{"a call that is no CBOR", func(r *raw) { r.open(1, frame.CallFunction, []byte{0xff}) }, "message"},
	{"a call without END", func(r *raw) {
		r.frame(frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction}, calling("take", smallOrder))
	}, "message"},
	{"a header of 17 KiB", func(r *raw) {
		h := callHeader{Function: "take", Parts: []part{}, Grants: []string{strings.Repeat("x", 17<<10)}}
		r.open(1, frame.CallFunction, append(mustBytes(&callPlan, h), smallOrder...))
	}, "message"},
	{"65 grants", func(r *raw) {
		h := callHeader{Function: "take", Parts: []part{}, Grants: make([]string, ServiceGrants+1)}
		r.open(1, frame.CallFunction, append(mustBytes(&callPlan, h), smallOrder...))
	}, "message"},
	{"a name that is not UTF-8", func(r *raw) {
		b := calling("take", smallOrder)
		r.open(1, frame.CallFunction, bytes.Replace(b, []byte("take"), []byte("t\xffke"), 1))
	}, "message"},
	{"a reader in an argument", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partReader, Stream: 1, Size: -1}))
	}, "reply"},
	{"a stream in an argument", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: 99, Kind: partStream, Stream: 1, Size: -1}))
	}, "reply"},
	{"a container in an argument", func(r *raw) {
		r.open(1, frame.CallFunction, calling("take", smallOrder, part{Field: orderFile, Kind: partContainer, Size: 1, Inline: []byte("x"), Immutable: true}))
	}, "reply"},
	{"a part for a field twice", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.Bulk, nil)
		p, q := part{Field: orderData, Kind: partBytes, Stream: 1, Size: 1}, part{Field: orderData, Kind: partBytes, Stream: 3, Size: 1}
		r.open(5, frame.CallFunction, calling("take", smallOrder, p, q))
	}, "reply"},
	{"a part of a negative size", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: -1 << 63}))
	}, "reply"},
	{"more bytes than said", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: 3}))
		r.until(frame.Credit, 0)
		r.data(1, []byte("four"), frame.End)
	}, "reply"},
	{"fewer bytes than said", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: 3}))
		r.until(frame.Credit, 0)
		r.data(1, []byte("x"), frame.End)
	}, "reply"},
	{"DATA that nobody asked for", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.data(1, []byte("x"), 0)
	}, "handle"},
	{"ITEM on a BULK stream", func(r *raw) {
		r.open(1, frame.Bulk, nil)
		r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: 3}))
		r.until(frame.Credit, 0)
		r.message(1, frame.Item, []byte("xyz"))
	}, "handle"},
	{"a frame above the window", func(r *raw) {
		r.open(1, frame.CallFunction, make([]byte, mux.MinWindow))
	}, "credit"},
	{"17 BULK streams that no message names", func(r *raw) {
		for i := range uint32(ServiceStreams + 1) {
			r.open(2*i+1, frame.Bulk, nil)
		}
	}, "streams"},
	{"17 calls at once", func(r *raw) {
		for i := range uint32(ServiceStreams + 1) {
			r.open(2*i+1, frame.CallFunction, calling("hang", smallOrder))
		}
	}, "streams"},
	{"a call back that nobody asked for", func(r *raw) { r.message(2, frame.Reply, nil) }, "stream"},
	{"an answer to a call back that is no CBOR", func(r *raw) {
		r.open(1, frame.CallFunction, calling("asking", smallOrder))
		r.until(frame.Open, frame.CallFunction)
		r.message(2, frame.Reply, []byte{0xff})
	}, "message"},
	{"an answer to a call back of another type", func(r *raw) {
		r.open(1, frame.CallFunction, calling("asking", smallOrder))
		r.until(frame.Open, frame.CallFunction)
		r.message(2, frame.Reply, []byte{0x81, 0x80, 0x01})
	}, "reply"},
	{"two answers to a call back", func(r *raw) {
		r.open(1, frame.CallFunction, calling("asking", smallOrder))
		r.until(frame.Open, frame.CallFunction)
		r.message(2, frame.Error, mustBytes(&failurePlan, failure{Code: 1, Kinds: []string{}, Data: []typedError{}}))
		r.message(2, frame.Reply, []byte{0x81, 0x80, 0x60})
	}, "ended"},
}

func TestHostileClient(t *testing.T) {
	for _, c := range toService {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			l, r := attacked(t, Config{})
			c.do(r)
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
		})
	}
}

// TestServiceAnswers: what a service answers with an error that names the field, or
// the limit. The link lives on, and the function does not run.
func TestServiceAnswers(t *testing.T) {
	nested := func(n int) []byte { return append(bytes.Repeat([]byte{0x81}, n), 0x01) }
	with := func(item string) []byte { // one field more
		b := []byte{smallOrder[0] + 1}
		return append(append(b, smallOrder[1:]...), item...)
	}
	many := append(with("\x65words\x9a\x00\x00\xa0\x00"), bytes.Repeat([]byte{0x60}, 40<<10)...)
	for _, c := range []struct {
		name    string
		payload []byte
		code    uint8
		text    string
	}{
		{"an unknown function", calling("other", smallOrder), CodeUnknown, `there is no function "other"; known functions are asking, hang, take`},
		{"no argument", calling("take", nil), CodeMismatch, `the argument of "take" does not fit: the message ends too early`},
		{"20,000 levels", calling("take", nested(20000)), CodeMismatch, "does not fit: an array where a map of fields is wanted"},
		{"20,000 levels in a field", calling("take", with("\x64deep"+strings.Repeat("\xa1\x62in\x81", 10000)+"\xa0")), CodeMismatch, "nested deeper than 32 levels"},
		{"a field twice", calling("take", with("\x64name\x61y")), CodeMismatch, "does not fit: name: the field is there twice"},
		{"a field in another case", calling("take", with("\x64Name\x61y")), CodeMismatch, `does not fit: there is no field "Name"`},
		{"a field that is not known", calling("take", with("\x63uid\x00")), CodeMismatch, `does not fit: there is no field "uid"`},
		{"null", calling("take", []byte("\xa2\x64name\xf6\x64data\x40")), CodeMismatch, "does not fit: name: null where text is wanted"},
		{"a field too few", calling("take", []byte("\xa1\x64data\x40")), CodeMismatch, "does not fit: name: the field is missing"},
		{"text that is not UTF-8", calling("take", []byte("\xa2\x64name\x62\xc3\x28\x64data\x40")), CodeMismatch, "does not fit: name: the text is not UTF-8"},
		{"a positional argument", calling("take", []byte("\x82\x61x\x40")), CodeMismatch, "does not fit: an array where a map of fields is wanted"},
		{"bytes behind it", calling("take", append(bytes.Clone(smallOrder), 0)), CodeMismatch, "does not fit: 1 bytes too many"},
		{"a length of 2^63", calling("take", []byte("\xa2\x64name\x7b\x7f\xff\xff\xff\xff\xff\xff\xff")), CodeMismatch, "does not fit: name: the message ends too early"},
		{"a list of 2^32", calling("take", with("\x65words\x9b\x00\x00\x00\x01\x00\x00\x00\x00")), CodeMismatch, "does not fit: words: 4294967296 elements are more"},
		{"a list that is much larger decoded", calling("take", many), CodeMismatch, "does not fit: words: it would take more than 512 KiB to decode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			l, r := attacked(t, Config{})
			r.open(1, frame.CallFunction, c.payload)
			r.mustFail(c.code, c.text)
			r.mustServe(l, 3)
		})
	}
}

// mustFail wants an ERROR next.
func (r *raw) mustFail(code uint8, text string) {
	r.t.Helper()
	_, payload := r.until(frame.Message, frame.Error)
	var f failure
	if err := failurePlan.only(payload, &f, "ERROR"); err != nil || f.Code != code || !strings.Contains(f.Text, text) {
		r.t.Errorf("code %d: %s, %v; want code %d: %s", f.Code, f.Text, err, code, text)
	}
}

// mustServe wants a small call on stream to be answered.
func (r *raw) mustServe(l *Link, stream uint32) {
	r.t.Helper()
	r.open(stream, frame.CallFunction, calling("take", smallOrder))
	for {
		h, _, ok := r.next()
		if !ok {
			r.t.Fatal("the link ended: ", l.Err())
		}
		if h.Stream == stream && h.Kind == frame.Message {
			if h.Handle != frame.Reply {
				r.t.Errorf("answered with %s", h.Handle)
			}
			return
		}
	}
}

// TestServiceLongArguments: what is above the limit is refused before it is
// buffered, and named; the link goes on.
func TestServiceLongArguments(t *testing.T) {
	limits := Limits{Argument: 40 << 10}
	for name, do := range map[string]func(r *raw) (next uint32){
		"beside": func(r *raw) uint32 {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: 1 << 40}))
			r.mustFail(CodeMismatch, `the argument of "take" does not fit: data brings 1099511627776 bytes, with which it is longer than the 40960 bytes that this service takes`)
			r.reset(1)
			return 5
		},
		"beside, together": func(r *raw) uint32 {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.Bulk, nil)
			r.open(5, frame.CallFunction, calling("take", smallOrder,
				part{Field: orderName, Kind: partBytes, Stream: 1, Size: 30 << 10}, part{Field: orderData, Kind: partBytes, Stream: 3, Size: 30 << 10}))
			r.mustFail(CodeMismatch, "data brings 30720 bytes")
			r.reset(1)
			r.reset(3)
			return 7
		},
		"in one frame": func(r *raw) uint32 {
			r.open(1, frame.CallFunction, calling("take", make([]byte, 41<<10)))
			r.mustFail(CodeMismatch, `the argument of "take" does not fit: it is longer than the 40960 bytes of CBOR that this service takes`)
			return 3
		},
		"in pieces without end": func(r *raw) uint32 {
			h := frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}
			r.frame(h, calling("take", nil))
			h.Kind = frame.Message
			for credit := mux.MinWindow - 4<<10; ; credit -= 4 << 10 {
				if credit < 4<<10 {
					got, payload, ok := r.next()
					if got.Handle == frame.Error || !ok {
						break
					}
					credit += int(binary.BigEndian.Uint32(payload))
				}
				r.frame(h, make([]byte, 4<<10-frame.HeaderSize))
			}
			for range 8 { // the rest is dropped
				r.frame(h, make([]byte, 1<<10))
			}
			h.Flags = frame.End
			r.frame(h, nil)
			return 3
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			l, r := attacked(t, Config{Limits: limits})
			r.mustServe(l, do(r))
		})
	}
}

// TestHostileService: to the client, what its service may not call ends the
// link.
func TestHostileService(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(r *raw)
		rule string
	}{
		"a call back that was not granted": {func(r *raw) { r.open(2, frame.CallFunction, calling("other", []byte("\x60"))) }, "grant"},
		"a call back without a call":       {func(r *raw) { r.open(2, frame.CallFunction, callBack(9)) }, "grant"},
		"FORWARD_LOG":                      {func(r *raw) { r.control(frame.ForwardLog, mustBytes(&recordPlan, Record{Attrs: []Attr{}})) }, "handle"},
		"GET_MODULE": {func(r *raw) {
			r.open(2, frame.GetModule, mustBytes(&moduleRequestPlan, moduleRequest{"starlark", "m"}))
		}, "handle"},
		"GET_CONTAINER": {func(r *raw) {
			r.open(2, frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, "c", 0}))
		}, "handle"},
		"SHUTDOWN":                           {func(r *raw) { r.control(frame.Shutdown, nil) }, "handle"},
		"a result of another type":           {func(r *raw) { r.message(1, frame.Reply, []byte("\x81\x80\x60")) }, "reply"},
		"a result of two fields of one name": {func(r *raw) { r.message(1, frame.Reply, []byte("\x81\x80\xa3\x63was\x60\x61x\x01\x61x\x02")) }, "reply"},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			f := function("host.set", func(context.Context, hostArgs) (oldReply, error) { return oldReply{}, nil })
			l, r := greeted(t, mux.ManagerSide, nil, Config{Service: true})
			failed := make(chan error, 1)
			go func() {
				_, err := call[hostArgs, oldReply](t.Context(), l, f, hostArgs{}, &Call{Grants: map[string]*Function{"ask": ask}})
				failed <- err
			}()
			r.until(frame.Open, frame.CallFunction)
			c.do(r)
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
			if _, ok := errors.AsType[*Down](<-failed); !ok {
				t.Error("the call did not end with the link")
			}
		})
	}
}

func callBack(parent uint32) []byte {
	return append(mustBytes(&callPlan, callHeader{Function: "ask", Parts: []part{}, Grants: []string{}, Parent: parent}), 0x60)
}

// A client hands a service no container in its answer to a call back, whatever the
// program's types say.
func TestServiceTakesNoContainer(t *testing.T) {
	type held struct{ C container.Container }
	asked := function("ask", func(context.Context, string) (held, error) { return held{}, nil })
	asks := function("asking", func(ctx context.Context, o order) (int, error) {
		_, err := From(ctx).Back(ctx, asked, &o.Name)
		return 0, err
	})
	l, r := greeted(t, mux.WorkerSide, []*Function{asks}, Config{Service: true})
	r.open(1, frame.CallFunction, calling("asking", smallOrder))
	r.until(frame.Open, frame.CallFunction)
	r.message(2, frame.Reply, append(mustBytes(&replyPlan, replyHeader{[]part{{Kind: partContainer, Size: 1, Inline: []byte("x"), Immutable: true}}}), 0xa0))
	if rule := ends(t, l); rule != "reply" || !strings.Contains(l.Err().Error(), "takes from nobody") {
		t.Fatalf("rule %q: %v", rule, l.Err())
	}
}
