package terminal

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/outwork-go/outwork/internal/output"
)

// params is how many numbers each final byte of a sequence takes at most, of those that
// begin with ESC [ and are allowed: what a terminal does with more is another thing.
var params = map[byte]int{
	'A': 1, 'B': 1, 'C': 1, 'D': 1, 'E': 1, 'F': 1, 'G': 1, 'I': 1, 'Z': 1, '`': 1, 'a': 1, 'd': 1, 'e': 1, // move the cursor
	'H': 2, 'f': 2,
	'J': 1, 'K': 1, 'X': 1, // erase
	'@': 1, 'P': 1, 'L': 1, 'M': 1, 'S': 1, 'T': 1, // insert, delete, scroll
	'r': 2,         // the region that scrolls
	'b': 1,         // repeat a character
	's': 0, 'u': 0, // save and restore the cursor
	'h': 1, 'l': 1, // modes
	'm': output.MaxSequence, // colours
}

// The private modes that a borrower may set and reset, in the order in which they are
// undone. Left out on purpose: 1001 and 1004, which have a terminal speak unasked, and 47
// and 1047, whose screen is not erased.
const (
	synchronised = 2026 // nothing is shown until it is reset
	cursor       = 25   // visible
	wrap         = 7
	clicks       = 1000
	drags        = 1002
	moves        = 1003
	sgrMouse     = 1006
	paste        = 2004
	alternate    = 1049 // screen
)

var undoing = []int{synchronised, wrap, clicks, drags, moves, sgrMouse, paste, alternate, cursor}

// usual are the modes that are set unless somebody resets them.
func usual(mode int) bool { return mode == cursor || mode == wrap }

// modes is what a borrower has changed of a terminal.
type modes struct {
	changed map[int]bool // private modes that are not as they usually are
	inserts bool         // ESC [ 4 h
	region  bool         // ESC [ r with a region
}

// allows reports whether a sequence may pass, of which p lies between ESC [ and the final
// byte, and notes what it changes.
func (m *modes) allows(p []byte, final byte) bool {
	set := final == 'h'
	if private, ok := bytes.CutPrefix(p, []byte{'?'}); ok {
		return (set || final == 'l') && m.private(private, set)
	}
	most, known := params[final]
	switch {
	case !known:
		return false
	case final == 'm':
		return output.AreNumbers(p, ";:")
	case len(p) > 0 && bytes.Count(p, []byte{';'}) >= most || !output.AreNumbers(p, ";"):
		return false
	}
	switch final {
	case 'J', 'K': // 3 is what has left the screen
		return len(p) == 0 || len(p) == 1 && p[0] <= '2'
	case 'h', 'l':
		if string(p) != "4" {
			return false
		}
		m.inserts = set
	case 'r':
		m.region = true
	}
	return true
}

// private notes private modes; it is false if one of them is not allowed.
func (m *modes) private(p []byte, set bool) bool {
	var numbers []int
	for word := range bytes.SplitSeq(p, []byte{';'}) {
		n, ok := number(word)
		if !ok || !slices.Contains(undoing, n) {
			return false
		}
		numbers = append(numbers, n)
	}
	if m.changed == nil {
		m.changed = map[int]bool{}
	}
	for _, n := range numbers {
		m.changed[n] = set != usual(n)
	}
	return true
}

// number is the one that a word of digits is.
func number(word []byte) (n int, ok bool) {
	if len(word) == 0 || len(word) > 4 || word[0] == '0' {
		return 0, false
	}
	for _, b := range word {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return n, true
}

// undo is what takes a terminal back to where it was before a borrower.
func (m *modes) undo(dst []byte) []byte {
	if m.region && !m.changed[alternate] {
		dst = append(dst, "\x1b7\x1b[r\x1b8"...)
	} else if m.region {
		dst = append(dst, "\x1b[r"...)
	}
	if m.inserts {
		dst = append(dst, "\x1b[4l"...)
	}
	dst = append(dst, "\x1b[m"...)
	for _, n := range undoing {
		if m.changed[n] {
			dst = appendMode(dst, n, usual(n))
		}
	}
	return dst
}

// redo is what puts the private modes back that undo has undone: the rest is what who
// draws sets anew with all that is to be seen.
func (m *modes) redo(dst []byte) []byte {
	for _, n := range slices.Backward(undoing) {
		if m.changed[n] && n != synchronised {
			dst = appendMode(dst, n, !usual(n))
		}
	}
	return dst
}

func appendMode(dst []byte, n int, set bool) []byte {
	dst = strconv.AppendInt(append(dst, "\x1b[?"...), int64(n), 10)
	if set {
		return append(dst, 'h')
	}
	return append(dst, 'l')
}
