package journal

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// cutMark ends a text that was cut.
const cutMark = "…"

// AppendText appends s as one line of what prints: every other character is
// written as JSON would (\u000a), and what is not UTF-8 as U+FFFD. It appends at
// most limit bytes; a text that had more ends with "…".
func AppendText(b []byte, s string, limit int) []byte {
	return appendEscaped(b, s, limit, false)
}

// AppendQuoted is AppendText for the inside of a JSON string: it escapes quotes
// and backslashes too. It does not write the quotes around it.
func AppendQuoted(b []byte, s string, limit int) []byte {
	return appendEscaped(b, s, limit, true)
}

func appendEscaped(b []byte, s string, limit int, quoted bool) []byte {
	end := len(b) + limit
	cut := len(b) // where a mark still fits
	for i := 0; i < len(s); {
		before := len(b)
		if before <= end-len(cutMark) {
			cut = before
		}
		size := 1
		if c := s[i]; c < utf8.RuneSelf {
			b = appendASCII(b, c, quoted)
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			b = appendRune(b, r)
		}
		if len(b) > end {
			return append(b[:cut], cutMark...)
		}
		i += size
	}
	return b
}

func appendASCII(b []byte, c byte, quoted bool) []byte {
	switch {
	case c < ' ' || c == 0x7f:
		return appendHex(b, rune(c))
	case quoted && (c == '"' || c == '\\'):
		return append(b, '\\', c)
	}
	return append(b, c)
}

// appendRune appends a character beyond ASCII.
func appendRune(b []byte, r rune) []byte {
	if r == utf8.RuneError || strconv.IsPrint(r) {
		return utf8.AppendRune(b, r)
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendHex(appendHex(b, high), low)
	}
	return appendHex(b, r)
}

func appendHex(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
