package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/record"
)

// recorded is a record of frames that one worker was sent or, if their stream is even, sent.
func recorded(frames ...record.Frame) []byte {
	var b bytes.Buffer
	w := record.NewWriter(&b)
	for _, f := range frames {
		f.Header.Length = max(f.Header.Length, uint32(len(f.Payload)))
		w.Frame(f.Worker, f.Sent, f.Header, f.Payload)
	}
	return b.Bytes()
}

func printed(t *testing.T, rec []byte, asJSON bool) (string, error) {
	t.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	err := printFrames(w, bytes.NewReader(rec), asJSON, 0)
	if flushErr := w.Flush(); flushErr != nil {
		t.Fatal(flushErr)
	}
	return out.String(), err
}

func TestMeaning(t *testing.T) {
	call := record.Frame{Worker: "w", Sent: true, Header: frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}}
	for _, test := range []struct {
		name    string
		header  frame.Header
		payload string
		want    string
	}{
		{"credit", frame.Header{Stream: 1, Kind: frame.Credit}, "\x00\x01\x00\x00", "65536 bytes more"},
		{"reset", frame.Header{Stream: 1, Kind: frame.Reset}, "\x00\x01gave up", "code 1 gave up"},
		{"reset without a word", frame.Header{Stream: 1, Kind: frame.Reset}, "\x00\x01", "code 1"},
		{"text", frame.Header{Stream: 1, Kind: frame.Data}, "some text\n", `"some text\n"`},
		{"bytes", frame.Header{Stream: 1, Kind: frame.Data}, "\x00\xff", "h'00ff'"},
		{"long text", frame.Header{Stream: 1, Kind: frame.Data}, strings.Repeat("é", 100), `"` + strings.Repeat("é", maxRaw/2) + `"…`},
		{"cut rune", frame.Header{Stream: 1, Kind: frame.Data}, "x" + strings.Repeat("é", 100), `"x` + strings.Repeat("é", maxRaw/2-1) + `"…`},
		{"ping", frame.Header{Kind: frame.Message, Handle: frame.Ping}, "\x00", "h'00'"},
		{"output", frame.Header{Kind: frame.Message, Handle: frame.Output}, "\x02oh no\n", `stderr "oh no\n"`},
		{"output to nothing", frame.Header{Kind: frame.Message, Handle: frame.Output}, "\x03no", "h'036e6f'"},
		{"a search", frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.SearchContainer, Flags: frame.End}, "\x86\x09\x43abc\x00\x18\x64\x02\xf4", `[9, 'abc', 0, 100, 2, false]`},
		{"sequence", frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Progress}, "\x01\x82\x02\x03", "1, [2, 3]"},
		{"not CBOR", frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Item}, "\x01\x5f", "1, \"_\""},
		{"a result", frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}, "\x80\x42\x18\x2a", "[], <<42>>"},
		{"another reply", frame.Header{Stream: 3, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}, "\x42ab", "'ab'"},
		{"nothing", frame.Header{Kind: frame.Message, Handle: frame.Shutdown}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := newDissector()
			if err != nil {
				t.Fatal(err)
			}
			d.view(&call)
			f := record.Frame{Worker: "w", Header: test.header, Payload: []byte(test.payload)}
			if got := d.view(&f).Meaning; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestContinuedMessage(t *testing.T) {
	h := frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply}
	more := h
	more.Flags = frame.More
	out, err := printed(t, recorded(
		record.Frame{Worker: "w", Header: more, Payload: []byte("\x80\x43a")},
		record.Frame{Worker: "w", Header: more, Payload: []byte("b")},
		record.Frame{Worker: "w", Header: h, Payload: []byte("c")},
		record.Frame{Worker: "w", Header: h, Payload: []byte("\x01")},
	), false)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []string{"meaning", `[], "Ca"`, `(continued) "b"`, `(continued) "c"`, "  1"} {
		if !strings.HasSuffix(lines[i], want) {
			t.Errorf("line %d is %q, want %q at its end", i, lines[i], want)
		}
	}
}

// What a worker says cannot leave its line, nor reach the terminal.
func TestHostileWords(t *testing.T) {
	evil := "\x1b]0;x\x07\n\r\u202e\u009b2J\xff"
	text := append([]byte{0x78, byte(len(evil) - 1)}, evil[:len(evil)-1]...)
	out, err := printed(t, recorded(
		record.Frame{Worker: evil, Header: frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Item}, Payload: text},
		record.Frame{Worker: "w", Header: frame.Header{Stream: 1, Kind: frame.Data}, Payload: []byte(evil)},
		record.Frame{Worker: "w", Header: frame.Header{Stream: 1, Kind: frame.Reset}, Payload: []byte("\x00\x01" + evil)},
	), false)
	if err != nil {
		t.Fatal(err)
	}
	checkSafe(t, out, 4)
}

func checkSafe(t *testing.T, out string, lines int) {
	t.Helper()
	if got := strings.Count(out, "\n"); got != lines {
		t.Errorf("%d lines, want %d: %q", got, lines, out)
	}
	if i := strings.IndexAny(out, "\x1b\x07\r\u202e\u009b\x7f"); i >= 0 || !utf8.ValidString(out) {
		t.Errorf("not fit for a terminal: %q", out)
	}
}

func FuzzPrintFrames(f *testing.F) {
	f.Add(recorded())
	f.Add(recorded(
		record.Frame{Worker: "w", Sent: true, Header: frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}, Payload: []byte("\x82\x01\x02")},
		record.Frame{Worker: "w", Header: frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}, Payload: []byte("\x80\x42\x18\x2a")},
		record.Frame{Worker: "w", Header: frame.Header{Stream: 1, Kind: frame.Reset}, Payload: []byte("\x00\x01no")},
	))
	f.Fuzz(func(t *testing.T, rec []byte) {
		out, err := printed(t, rec, false)
		if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && r < ' ' }) || !utf8.ValidString(out) {
			t.Errorf("not fit for a terminal: %q", out)
		}
		asJSON, jsonErr := printed(t, rec, true)
		if (err == nil) != (jsonErr == nil) {
			t.Errorf("for people: %v; as JSON: %v", err, jsonErr)
		}
		frames := 0
		for line := range strings.Lines(asJSON) {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %q", line)
			}
			frames++
		}
		if lines := strings.Count(out, "\n"); frames > 0 && lines != frames+1 {
			t.Errorf("%d lines for %d frames", lines, frames)
		}
	})
}
