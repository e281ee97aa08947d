package output

import (
	"bytes"
	"slices"
	"strings"
)

// maxDigits bounds a number in a sequence: no screen is larger, and terminals
// have looped over counts of ten digits.
const maxDigits = 5

// verdict is what is known about the first bytes of an escape sequence.
type verdict int

const (
	pending verdict = iota // more bytes must tell
	allowed
	refused
)

// judge decides about a sequence that begins with ESC and has at least one
// byte more. Terminals answer some sequences as if typed; all of those are
// refused.
func judge(seq []byte) verdict {
	if len(seq) == MaxSequence {
		return refused
	}
	switch seq[1] {
	case '[':
		return judgeControl(seq[2:])
	case '7', '8', 'M': // save and restore the cursor, one line up
		return allowed
	case '(':
		return judgeCharset(seq[2:])
	}
	return refused
}

// judgeCharset allows the selection of ASCII alone: terminfo's "reset colours"
// contains it. Other sets would garble what others write.
func judgeCharset(set []byte) verdict {
	switch string(set) {
	case "":
		return pending
	case "B":
		return allowed
	}
	return refused
}

// judgeControl decides about what follows ESC [.
func judgeControl(body []byte) verdict {
	if len(body) == 0 {
		return pending
	}
	params, last := body[:len(body)-1], body[len(body)-1]
	switch {
	case last >= '0' && last <= ';', last == '?' && len(params) == 0:
		return pending
	case len(params) > 0 && params[0] == '?':
		return verdictOf((last == 'h' || last == 'l') && areModes(params[1:]))
	}
	return verdictOf(isControl(params, last))
}

func verdictOf(ok bool) verdict {
	if ok {
		return allowed
	}
	return refused
}

// isControl reports whether a sequence without private marker is allowed.
func isControl(params []byte, final byte) bool {
	switch {
	case final == 'm': // colours
		return AreNumbers(params, ";:")
	case final == 's', final == 'u': // save, restore the cursor; more with parameters
		return len(params) == 0
	case strings.IndexByte("ABCDEFGHIZ`adef", final) >= 0, // move the cursor
		strings.IndexByte("JKX", final) >= 0: // erase
		return AreNumbers(params, ";")
	}
	return false
}

// AreNumbers reports whether p is numbers of at most five digits, which may be empty,
// between separators.
func AreNumbers(p []byte, separators string) bool {
	digits := 0
	for _, b := range p {
		switch {
		case b >= '0' && b <= '9':
			digits++
		case strings.IndexByte(separators, b) >= 0:
			digits = 0
		default:
			return false
		}
		if digits > maxDigits {
			return false
		}
	}
	return true
}

// areModes reports whether a list of private modes has none but those of the
// cursor, the alternate screen and the mouse. Left out on purpose: 1001, which
// stops a terminal until it is answered, and 1004 and 2004, which are not
// about the mouse.
func areModes(list []byte) bool {
	modes := []string{
		"12", "25", // the cursor blinks, is visible
		"47", "1047", "1048", "1049", // alternate screen
		"9", "1000", "1002", "1003", "1005", "1006", "1015", "1016", // mouse
	}
	for mode := range bytes.SplitSeq(list, []byte{';'}) {
		if !slices.Contains(modes, string(mode)) {
			return false
		}
	}
	return true
}
