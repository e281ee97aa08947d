package terminal

import (
	"bytes"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/output"
)

// Filter holds what somebody draws to what a screen of text and colours takes. Text in
// valid UTF-8, \n \r \t \b and the sequences of sequences.go pass as they are; of invalid
// UTF-8 each byte becomes U+FFFD; all else is dropped: other controls, sequences that are
// not known, that ask for an answer or are longer than output.MaxSequence, and strings for the
// terminal (titles, clipboard, images) with all that is in them. One that never ends keeps
// back all that follows, and no memory.
//
// It works on a stream: how the input is split over calls makes no difference. The zero
// value is ready; it is not safe for concurrent use.
type Filter struct {
	// Clipboard lets through strings that put text into the clipboard (OSC 52), of so many
	// bytes in base64 at most, and none that asks for what is there.
	Clipboard int

	state state
	held  [output.MaxSequence]byte // an unfinished sequence without its ESC [, or rune
	n     int                      // how much of held is used
	text  []byte                   // of a string that may be for the clipboard
	modes modes
}

// state is where a Filter stands between two bytes.
type state int

const (
	ground   state = iota
	rune_          // in a rune
	escaped        // behind ESC
	control        // behind ESC [
	ignored        // in what began so, and is refused
	charset        // behind ESC and an intermediate byte
	text           // in a string
	textEnds       // behind an ESC in a string
)

const (
	bell   = 0x07
	cancel = 0x18
	sub    = 0x1a
	esc    = 0x1b
	del    = 0x7f
)

// Append appends to dst what passes of p, and returns the result: at most three times as
// long as p and what was held back.
func (f *Filter) Append(dst, p []byte) []byte {
	for len(p) > 0 {
		if f.state == ground {
			k := output.TextPrefix(p)
			dst = append(dst, p[:k]...)
			if p = p[k:]; len(p) == 0 {
				break
			}
		}
		dst = f.step(dst, p[0])
		p = p[1:]
	}
	return dst
}

func (f *Filter) step(dst []byte, b byte) []byte {
	switch f.state {
	case rune_:
		f.held[f.n] = b
		f.n++
		return f.rune(dst)
	case escaped:
		return f.escape(dst, b)
	case control, ignored, charset:
		return f.sequence(dst, b)
	case text, textEnds:
		return f.string(dst, b)
	}
	switch {
	case b == esc:
		f.state = escaped
	case b >= utf8.RuneSelf:
		f.held[0], f.n, f.state = b, 1, rune_
		return f.rune(dst)
	case output.IsText(rune(b)):
		return append(dst, b)
	}
	return dst
}

// rune decides about the rune in held once it is complete or broken.
func (f *Filter) rune(dst []byte) []byte {
	h := f.held
	n := f.n
	if !utf8.FullRune(h[:n]) {
		return dst
	}
	r, size := utf8.DecodeRune(h[:n])
	switch {
	case r == utf8.RuneError && size == 1:
		dst = utf8.AppendRune(dst, utf8.RuneError)
	case output.IsText(r):
		dst = append(dst, h[:size]...)
	}
	f.n, f.state = 0, ground
	for _, b := range h[size:n] {
		dst = f.step(dst, b)
	}
	return dst
}

// escape is for the byte behind an ESC.
func (f *Filter) escape(dst []byte, b byte) []byte {
	f.state = ground
	switch {
	case b == '[':
		f.n, f.state = 0, control
	case b == ']', b == 'P', b == 'X', b == '^', b == '_':
		f.state = text
		f.text = f.text[:0]
		if b == ']' && f.Clipboard > 0 {
			f.text = append(f.text, b)
		}
	case b == '7', b == '8', b == 'M': // save and restore the cursor, one line up
		return append(dst, esc, b)
	case b >= ' ' && b <= '/': // of two bytes and more
		f.state = charset
	case b < ' ' || b > del: // it begins something new
		return f.step(dst, b)
	}
	return dst
}

// sequence is for a byte behind ESC [, or behind ESC and an intermediate.
func (f *Filter) sequence(dst []byte, b byte) []byte {
	switch {
	case b < ' ' || b >= del: // it cuts the sequence off
		f.state = ground
		return f.step(dst, b)
	case f.state == charset:
		if b >= '0' {
			f.state = ground
		}
		return dst
	case b < '@' && (f.state == ignored || f.n == output.MaxSequence-1):
		f.state = ignored
		return dst
	case b < '@':
		f.held[f.n] = b
		f.n++
		return dst
	}
	if f.state == control && f.modes.allows(f.held[:f.n], b) {
		dst = append(dst, esc, '[')
		dst = append(append(dst, f.held[:f.n]...), b)
	}
	f.state = ground
	return dst
}

// string is for a byte of a string: BEL and ESC \ end it, CAN, SUB and another ESC cut it
// off.
func (f *Filter) string(dst []byte, b byte) []byte {
	switch {
	case f.state == textEnds && b == '\\', f.state == text && b == bell:
		f.state = ground
		return f.clip(dst)
	case f.state == textEnds:
		return f.escape(dst, b)
	case b == esc:
		f.state = textEnds
	case b == cancel, b == sub:
		f.state = ground
	case len(f.text) > 0 && len(f.text) < len(clipboard)+f.Clipboard+1:
		f.text = append(f.text, b) // with one byte too many it is known to be too long
	}
	return dst
}

// clipboard is how a string for the clipboard begins.
const clipboard = "]52;c;"

// clip lets a string pass if it is for the clipboard.
func (f *Filter) clip(dst []byte) []byte {
	data, ok := bytes.CutPrefix(f.text, []byte(clipboard))
	if !ok || len(data) == 0 || len(data) > f.Clipboard || bytes.ContainsFunc(data, notBase64) {
		return dst
	}
	dst = append(append(dst, esc), f.text...)
	return append(dst, bell)
}

func notBase64(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '='
}
