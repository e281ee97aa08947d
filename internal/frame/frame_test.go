package frame

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, h := range []Header{
		{Stream: 0, Kind: Message, Handle: Hello, Length: 7},
		{Stream: 0, Kind: Message, Handle: Output, Length: 2},
		{Stream: 0, Kind: Message, Handle: Pause},
		{Stream: 1, Kind: Open, Handle: CallFunction, Flags: End, Length: MaxPayload, FDs: MaxFDs},
		{Stream: 2, Kind: Open, Handle: HashContainer, Flags: End, Length: 9},
		{Stream: 1, Kind: Open, Handle: CallFunction, Flags: More},
		{Stream: 1, Kind: Message, Handle: CallFunction, Flags: End},
		{Stream: 1<<32 - 1, Kind: Message, Handle: Reply, Flags: End, FDs: 1},
		{Stream: 2, Kind: Data, Flags: End, Length: 1},
		{Stream: 2, Kind: Credit, Length: 4},
		{Stream: 2, Kind: Reset, Length: 2},
	} {
		got, err := Parse(h.Append(nil))
		if err != nil || got != h {
			t.Errorf("Parse(%+v) = %+v, %v", h, got, err)
		}
	}
}

func TestBadHeaders(t *testing.T) {
	for _, c := range []struct {
		h    Header
		rule string
	}{
		{Header{Length: 1<<32 - 1, Kind: Message, Handle: Ping}, "length"},
		{Header{Length: MaxPayload + 1, Stream: 1, Kind: Data}, "length"},
		{Header{Stream: 1}, "kind"},
		{Header{Stream: 1, Kind: Reset + 1}, "kind"},
		{Header{Stream: 1, Kind: Data, Flags: 4}, "flags"},
		{Header{Stream: 1, Kind: Message, Handle: Reply, Flags: End | More}, "flags"},
		{Header{Stream: 1, Kind: Data, Flags: More}, "flags"},
		{Header{Stream: 1, Kind: Credit, Length: 4, Flags: End}, "flags"},
		{Header{Kind: Message, Handle: Ping, Flags: End}, "flags"},
		{Header{Kind: Open, Handle: CallFunction}, "stream"},
		{Header{Kind: Data}, "kind"},
		{Header{Kind: Message, Handle: Reply}, "handle"},
		{Header{Kind: Message}, "handle"},
		{Header{Kind: Message, Handle: Pause + 1}, "handle"},
		{Header{Kind: Message, Handle: ReadContainer}, "handle"},
		{Header{Stream: 1, Kind: Open, Handle: ExtentContainer + 1}, "handle"},
		{Header{Stream: 1, Kind: Message, Handle: SearchContainer}, "handle"},
		{Header{Stream: 1, Kind: Open, Handle: Reply}, "handle"},
		{Header{Stream: 1, Kind: Open}, "handle"},
		{Header{Stream: 1, Kind: Message, Handle: Hello}, "handle"},
		{Header{Stream: 1, Kind: Data, Handle: Reply}, "handle"},
		{Header{Stream: 1, Kind: Data, FDs: 1}, "fds"},
		{Header{Stream: 1, Kind: Message, Handle: Reply, FDs: MaxFDs + 1}, "fds"},
		{Header{Kind: Message, Handle: Ping, FDs: 1}, "fds"},
		{Header{Stream: 1, Kind: Credit, Length: 3}, "length"},
		{Header{Stream: 1, Kind: Reset, Length: 1}, "length"},
		{Header{Stream: 1, Kind: Reset, Length: 3 + MaxReason}, "length"},
	} {
		_, err := Parse(c.h.Append(nil))
		v, ok := errors.AsType[*Violation](err)
		if !ok || v.Rule != c.rule {
			t.Errorf("Parse(%+v): %v, want rule %s", c.h, err, c.rule)
		}
	}
}

func TestPreamble(t *testing.T) {
	p := Preamble()
	want, err := os.ReadFile("testdata/preamble.bin")
	if err != nil || !bytes.Equal(p, want) || len(p) != PreambleSize {
		t.Fatalf("the preamble is % x, the vector says % x (%v)", p, want, err)
	}
	if err := CheckPreamble(p); err != nil {
		t.Error(err)
	}
	p[9] = 2
	if err := CheckPreamble(p); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("version 2: %v", err)
	}
	if err := CheckPreamble([]byte("Welcome to d")); err == nil || !strings.Contains(err.Error(), `"Welcome to d"`) {
		t.Errorf("a banner: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Header{Stream: 1, Kind: Open, Handle: CallFunction, Flags: End, Length: 9}.Append(nil))
	f.Add(make([]byte, HeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderSize {
			return
		}
		h, err := Parse(b)
		if err != nil {
			if _, ok := errors.AsType[*Violation](err); !ok {
				t.Fatalf("%v is no Violation", err)
			}
			return
		}
		if !bytes.Equal(h.Append(nil), b[:HeaderSize]) {
			t.Fatalf("% x parsed and written again differs", b[:HeaderSize])
		}
	})
}

func BenchmarkParse(b *testing.B) {
	raw := Header{Stream: 1, Kind: Open, Handle: CallFunction, Flags: End, Length: 64}.Append(nil)
	for b.Loop() {
		if _, err := Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
