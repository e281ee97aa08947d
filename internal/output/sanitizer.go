package output

import (
	"fmt"
	"unicode/utf8"
)

// MaxSequence is the length in bytes at which an escape sequence is refused. A
// colour of foreground, background and underline each in 24 bits takes about 60.
const MaxSequence = 128

const esc = 0x1b

// A Sanitizer makes the output of an untrusted program safe for a terminal.
// Text in valid UTF-8, \n \r \t \b and a short list of escape sequences pass:
// colours, cursor, erase, alternate screen and mouse modes. Everything else is
// made visible: a byte as \x1b, a code point as \u009b. The rest of a refused
// sequence is then text like any other.
//
// It works on a stream: how the input is split over calls makes no difference
// to the output. It holds back at most one unfinished sequence or rune. The
// zero value is ready; it is not safe for concurrent use.
type Sanitizer struct {
	held [MaxSequence]byte // an unfinished sequence (it begins with esc) or rune
	n    int               // how much of held is used
}

// Sanitize is p as a Sanitizer shows it, whole.
func Sanitize(p []byte) []byte {
	var s Sanitizer
	return s.Flush(s.Append(nil, p))
}

// Append appends to dst what may be shown of p and returns the result, which
// is at most six times as long as what was held back and p.
func (s *Sanitizer) Append(dst, p []byte) []byte {
	for len(p) > 0 {
		if s.n == 0 {
			k := TextPrefix(p)
			dst = append(dst, p[:k]...)
			p = p[k:]
			if len(p) == 0 {
				break
			}
		}
		dst = s.step(dst, p[0])
		p = p[1:]
	}
	return dst
}

// Flush appends what is held back, escaped. The Sanitizer is then as new.
func (s *Sanitizer) Flush(dst []byte) []byte {
	for _, b := range s.held[:s.n] {
		if isPlain(b) {
			dst = append(dst, b)
		} else {
			dst = escapeByte(dst, b)
		}
	}
	s.n = 0
	return dst
}

func (s *Sanitizer) step(dst []byte, b byte) []byte {
	if s.n == 0 && b < utf8.RuneSelf && b != esc {
		if isPlain(b) {
			return append(dst, b)
		}
		return escapeByte(dst, b)
	}
	s.held[s.n] = b
	s.n++
	if s.held[0] == esc {
		return s.sequence(dst, b)
	}
	return s.rune(dst)
}

// sequence decides about the sequence in held, of which b is the last byte.
func (s *Sanitizer) sequence(dst []byte, b byte) []byte {
	if s.n == 1 {
		return dst
	}
	switch judge(s.held[:s.n]) {
	case allowed:
		dst = append(dst, s.held[:s.n]...)
		s.n = 0
	case refused:
		// What came before b is printable, else it had been refused
		// earlier; b itself may begin something new.
		dst = escapeByte(dst, esc)
		dst = append(dst, s.held[1:s.n-1]...)
		s.n = 0
		dst = s.step(dst, b)
	}
	return dst
}

// rune decides about the rune in held once it is complete or broken.
func (s *Sanitizer) rune(dst []byte) []byte {
	h := s.held
	n := s.n
	if !utf8.FullRune(h[:n]) {
		return dst
	}
	r, size := utf8.DecodeRune(h[:n])
	switch {
	case r == utf8.RuneError && size == 1:
		dst = escapeByte(dst, h[0])
	case isPlainRune(r):
		dst = append(dst, h[:size]...)
	default:
		dst = fmt.Appendf(dst, `\u%04x`, r)
	}
	s.n = 0
	for _, b := range h[size:n] {
		dst = s.step(dst, b)
	}
	return dst
}

// TextPrefix is the length of the longest prefix of p that is text (IsText) and
// ends between two runes.
func TextPrefix(p []byte) int {
	for i := 0; i < len(p); {
		if p[i] < utf8.RuneSelf {
			if !isPlain(p[i]) {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if (r == utf8.RuneError && size == 1) || !isPlainRune(r) {
			return i
		}
		i += size
	}
	return len(p)
}

func isPlain(b byte) bool {
	return b >= ' ' && b <= '~' || b == '\n' || b == '\r' || b == '\t' || b == '\b'
}

// IsText reports whether a rune passes a Sanitizer as it is: also \n \r \t and \b do.
func IsText(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0 && isPlain(byte(r))
	}
	return isPlainRune(r)
}

// isPlainRune reports whether a rune past ASCII is text. C1 controls begin
// sequences as ESC does; embeddings, overrides and isolates reorder what
// others wrote on the line.
func isPlainRune(r rune) bool {
	switch {
	case r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return false
	}
	return true
}

func escapeByte(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'x', hex[b>>4], hex[b&15])
}
