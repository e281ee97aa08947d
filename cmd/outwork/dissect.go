package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/record"
)

// Bounds of what is made of a payload, in bytes.
const (
	maxUnwrapped = 4 << 10 // of a result, for its byte strings to be looked into
	maxRaw       = 64      // shown of what is not CBOR
)

// dissector finds out what frames mean, one after the other.
type dissector struct {
	start     time.Time // of the record
	text      cbor.DiagMode
	unwrap    cbor.DiagMode      // looks for CBOR in byte strings: a script's result is in one
	calls     map[direction]bool // the streams that are open for a call, by the opener's direction
	continued map[direction]bool // those whose message goes on in the next frame
}

// direction is one way of a stream.
type direction struct {
	worker string
	sent   bool
	stream uint32
}

func newDissector() (*dissector, error) {
	text, err := cbor.DiagOptions{ByteStringText: true}.DiagMode()
	if err != nil {
		return nil, err
	}
	unwrap, err := cbor.DiagOptions{ByteStringEmbeddedCBOR: true}.DiagMode()
	return &dissector{text: text, unwrap: unwrap, calls: map[direction]bool{}, continued: map[direction]bool{}}, err
}

// meaning is what f's payload says.
func (d *dissector) meaning(f *record.Frame) string {
	h, p := f.Header, f.Payload
	switch {
	case h.Kind == frame.Credit && len(p) == 4:
		return fmt.Sprintf("%d bytes more", binary.BigEndian.Uint32(p))
	case h.Kind == frame.Reset && len(p) >= 2:
		return strings.TrimSpace(fmt.Sprintf("code %d %s", binary.BigEndian.Uint16(p), p[2:]))
	case h.Handle == frame.Output && len(p) > 0 && (p[0] == 1 || p[0] == 2):
		return [...]string{"stdout ", "stderr "}[p[0]-1] + raw(p[1:])
	case h.Kind == frame.Data, h.Handle == frame.Output, h.Handle == frame.Ping, h.Handle == frame.Pong:
		return raw(p)
	case h.Kind == frame.Open || h.Kind == frame.Message:
		return d.message(f)
	}
	return raw(p)
}

// message is the meaning of a message, or of a piece of one.
func (d *dissector) message(f *record.Frame) string {
	way := direction{f.Worker, f.Sent, f.Header.Stream}
	goesOn := d.continued[way]
	if f.Header.Flags&frame.More != 0 {
		d.continued[way] = true
	} else {
		delete(d.continued, way)
	}
	if goesOn {
		return "(continued) " + raw(f.Payload)
	}
	if d.isResult(f) && len(f.Payload) <= maxUnwrapped {
		return sequence(d.unwrap, f.Payload)
	}
	return sequence(d.text, f.Payload)
}

// isResult reports whether f answers a call.
func (d *dissector) isResult(f *record.Frame) bool {
	h := f.Header
	if h.Handle == frame.CallFunction {
		d.calls[direction{f.Worker, f.Sent, h.Stream}] = true
		return false
	}
	opener := direction{f.Worker, !f.Sent, h.Stream}
	is := d.calls[opener] && h.Handle == frame.Reply
	if h.Flags&frame.End != 0 {
		delete(d.calls, opener)
	}
	return is
}

// sequence is a sequence of CBOR items in diagnostic notation, and what follows it.
func sequence(mode cbor.DiagMode, p []byte) string {
	var items []string
	for len(p) > 0 {
		item, rest, err := mode.DiagnoseFirst(p)
		if err != nil {
			items = append(items, raw(p))
			break
		}
		items, p = append(items, item), rest
	}
	return strings.Join(items, ", ")
}

// raw is the beginning of bytes that are no CBOR: as text when they are.
func raw(p []byte) string {
	if len(p) == 0 {
		return ""
	}
	cut, more := p, ""
	if len(p) > maxRaw {
		cut, more = p[:maxRaw], "…"
	}
	if text := strings.ToValidUTF8(string(cut), ""); utf8.ValidString(text) && len(cut)-len(text) < utf8.UTFMax && isText(text) {
		return fmt.Sprintf("%q%s", text, more)
	}
	return fmt.Sprintf("h'%x'%s", cut, more)
}

// isText reports whether s holds no control characters but those of text.
func isText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f
	})
}
