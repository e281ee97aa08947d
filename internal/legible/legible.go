// Package legible makes texts that others wrote fit for a line, of a terminal or of a log.
package legible

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cut is s when it has no more than most characters, else its beginning and "…", which is the
// last of so many. Bytes that are no UTF-8 count as a character each. It looks at no more of s
// than it returns.
func Cut(s string, most int) string {
	n, end := 0, 0
	for i := range s {
		if n == most-1 {
			end = i // what is left when there are more
		}
		if n == most {
			return s[:end] + "…"
		}
		n++
	}
	return s
}

// CutBytes is s when it has no more than most bytes, else as many whole characters of its
// beginning as have no more, and "…" behind them.
func CutBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && most-end < utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// Visible is s on one line, with all that does not print escaped as Go writes it, and bytes
// that are no UTF-8 too.
func Visible(s string) string {
	if prints(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}

// Quoted is s as it is where all of it prints, else a Go string.
func Quoted(s string) string {
	if prints(s) {
		return s
	}
	return strconv.Quote(s)
}

func prints(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
