package service_test

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
)

// Conversations of which bytes were changed, left out or said twice come to nothing
// worse than their end. Each has a number, with which it can be had again.
func TestAbuseAnyBytes(t *testing.T) {
	abused(t)
	unmarked(t)
	good := conversation()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := bytes.Clone(good)
		for n := 1 + r.IntN(4); n > 0 && len(b) > 0; n-- {
			b = spoil(r, b)
		}
		uid := uint32(50_000 + seed)
		s := connectAs(t, realm.User{Name: "seed " + strconv.FormatUint(seed, 10), UID: uid, GID: uid})
		s.write(b)
		s.conn.CloseWrite()
		if !s.hungUp() {
			t.Errorf("seed %d: the daemon does not hang up", seed)
		}
		s.close()
	}
	if got := marks(t); got != "" {
		t.Errorf("a function was entered that is not for these: %s", got)
	}
}

// conversation is what a client says that calls some functions.
func conversation() []byte {
	b := say()
	add := func(h frame.Header, payload []byte) {
		h.Length = uint32(len(payload))
		b = append(h.Append(b), payload...)
	}
	open := func(stream uint32, c callHeader, args any) {
		add(frame.Header{Stream: stream, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}, append(c.header(), encode(args)...))
	}
	open(1, callHeader{function: "echo"}, textArgs{"hello"})
	open(3, callHeader{function: "mark.enter"}, textArgs{"x"})
	open(5, callHeader{function: "value.set", remaining: time.Minute}, setArgs{Name: "a", Value: 1})
	add(frame.Header{Stream: 7, Kind: frame.Open, Handle: frame.Bulk}, nil)
	open(9, callHeader{function: "vault.keep", parts: []part{{field: 1, kind: bytesKind, stream: 7, size: 100}}}, map[string]string{"text": "x"})
	add(frame.Header{Stream: 7, Kind: frame.Data, Flags: frame.End}, make([]byte, 100))
	open(11, callHeader{function: "ask", grants: []string{"session.answer"}, remaining: time.Millisecond}, textArgs{"x"})
	add(frame.Header{Kind: frame.Message, Handle: frame.Ping}, []byte("?"))
	add(frame.Header{Stream: 11, Kind: frame.Reset}, []byte{0, 1})
	return b
}

// spoil changes a conversation in one place.
func spoil(r *rand.Rand, b []byte) []byte {
	at := r.IntN(len(b))
	to := min(len(b), at+1+r.IntN(64))
	switch r.IntN(5) {
	case 0:
		b[at] ^= 1 << r.IntN(8)
	case 1:
		b[at] = byte(r.IntN(256))
	case 2:
		b = append(b[:at], b[to:]...)
	case 3:
		b = append(bytes.Clone(b[:to]), b[at:]...)
	default:
		b = b[:at+1]
	}
	return b
}

// A client that is asked back may be silent, or answer what it likes: it harms its
// own call.
func TestAbuseCallBack(t *testing.T) {
	d := abused(t)
	asks := callHeader{function: "ask", grants: []string{"session.answer"}}
	asked := func(t *testing.T, c callHeader) *stranger {
		s := greeted(t, "nobody")
		s.openWith(1, c, encode(textArgs{"x"}))
		for {
			h, _, err := s.next()
			if err != nil {
				t.Fatal("nobody asks back:", err)
			}
			if h.Kind == frame.Open && h.Handle == frame.CallFunction {
				return s
			}
		}
	}
	reply := frame.Header{Stream: 2, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}
	s := asked(t, asks)
	began := time.Now()
	if a := s.answer(1); a.Code == 0 || time.Since(began) > 3*time.Second {
		t.Errorf("a silent client gets %+v after %v", a, time.Since(began))
	}
	for name, says := range map[string][]byte{
		"nonsense":        []byte("\xff\xff"),
		"another type":    append(encode([]any{[]any{}}), encode(42)...),
		"nesting":         append(encode([]any{[]any{}}), bytes.Repeat([]byte{0x81}, 20_000)...),
		"a part too many": append(encode([]any{[]any{[]any{0, fileKind, 0, 0, 0, false, []byte{}}}}), encode(textArgs{"x"})...),
	} {
		s := asked(t, asks)
		s.frame(reply, says)
		if !s.hungUp() {
			t.Errorf("%s: the daemon does not hang up", name)
		}
		s.close()
	}
	none := greeted(t, "carol")
	none.open(1, "ask", encode(textArgs{"x"}))
	if a := none.answer(1); a.Code == 0 {
		t.Errorf("who grants nothing gets %+v", a)
	}
	many := greeted(t, "carol")
	asks.grants = make([]string, 65)
	many.openWith(1, asks, encode(textArgs{"x"}))
	if !many.hungUp() {
		t.Error("65 grants are taken")
	}
	d.healthy()
}
