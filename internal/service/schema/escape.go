package schema

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string that is safe in a line of a log and
// on a terminal: whatever is not printable is escaped, and bytes that are not
// UTF-8 become U+FFFD. It stops when it has written about most bytes, and says
// so in the string; it returns whether it did.
func appendString(buf []byte, s string, most int) (_ []byte, cut bool) {
	start := len(buf)
	buf = append(buf, '"')
	for i := 0; i < len(s); {
		if len(buf)-start > most {
			return append(appendCut(buf, len(s), "bytes"), '"'), true
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError && (r == ' ' || unicode.IsPrint(r)) && r != '"' && r != '\\' {
			buf = append(buf, s[i:i+size]...)
		} else {
			buf = appendEscaped(buf, r)
		}
		i += size
	}
	return append(buf, '"'), false
}

func appendEscaped(buf []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(buf, '\\', byte(r))
	case '\n':
		return append(buf, `\n`...)
	case '\t':
		return append(buf, `\t`...)
	case '\r':
		return append(buf, `\r`...)
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(buf, high), low)
	}
	return appendUnit(buf, r)
}

func appendUnit(buf []byte, unit rune) []byte {
	return append(buf, '\\', 'u', hexDigits[unit>>12&15], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
}
