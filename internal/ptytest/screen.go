package ptytest

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style is how a cell looks. A colour is "" for the terminal's own, "0" to "255" of the
// palette, or "#rrggbb".
type Style struct {
	Foreground, Background                           string
	Bold, Faint, Italic, Underline, Reverse, Strange bool
}

// Cell is a place of a screen.
type Cell struct {
	Rune  rune
	Style Style
}

// Screen is what a terminal shows. It is not safe for concurrent use.
type Screen struct {
	Columns, Rows int
	X, Y          int // of the cursor
	Alternate     bool
	Modes         map[int]bool // private modes that are set; 25 and 7 are at first
	Odd           []string     // sequences that are not known, at most maxOdd
	Draws         int          // how many sequences came that draw

	cells   [][]Cell
	main    [][]Cell // while the alternate screen is shown
	style   Style
	top     int // of what scrolls
	bottom  int
	inserts bool
	wraps   bool // the next character goes into the next row
	saved   struct{ x, y int }
	last    rune
	held    []byte // an unfinished sequence
	raw     []byte // all that came, at most maxRaw
}

// Bounds of what is kept.
const (
	maxOdd = 100     // sequences
	maxRaw = 4 << 20 // bytes
)

// NewScreen is an empty screen.
func NewScreen(columns, rows int) *Screen {
	s := &Screen{Modes: map[int]bool{25: true, 7: true}}
	s.Resize(columns, rows)
	return s
}

// Resize changes the size; what does not fit is lost.
func (s *Screen) Resize(columns, rows int) {
	s.Columns, s.Rows, s.top, s.bottom = columns, rows, 0, rows-1
	s.cells = resized(s.cells, columns, rows)
	if s.main != nil {
		s.main = resized(s.main, columns, rows)
	}
	s.move(s.X, s.Y)
}

func resized(old [][]Cell, columns, rows int) [][]Cell {
	cells := make([][]Cell, rows)
	for y := range cells {
		cells[y] = blank(columns)
		if y < len(old) {
			copy(cells[y], old[y])
		}
	}
	return cells
}

func blank(n int) []Cell { return slices.Repeat([]Cell{{Rune: ' '}}, n) }

// Cell is the one at a place.
func (s *Screen) Cell(x, y int) Cell { return s.cells[y][x] }

// Line is the text of a row, without the spaces at its end.
func (s *Screen) Line(y int) string {
	var b strings.Builder
	for _, c := range s.cells[y] {
		b.WriteRune(c.Rune)
	}
	return strings.TrimRight(b.String(), " ")
}

// Text is all rows, without the empty ones at the end.
func (s *Screen) Text() string {
	lines := make([]string, s.Rows)
	for y := range lines {
		lines[y] = s.Line(y)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Drawn is all that was written, up to 4 MiB.
func (s *Screen) Drawn() string { return string(s.raw) }

// Write draws.
func (s *Screen) Write(p []byte) (int, error) {
	s.held = append(s.held, p...)
	s.raw = append(s.raw, p[:min(len(p), maxRaw-len(s.raw))]...)
	for len(s.held) > 0 {
		n := s.one(s.held)
		if n == 0 {
			break
		}
		s.held = s.held[n:]
	}
	return len(p), nil
}

// one takes in the first character or sequence of p, and returns its length; 0: it is not
// complete.
func (s *Screen) one(p []byte) int {
	switch b := p[0]; {
	case b == 0x1b:
		return s.escape(p)
	case b < ' ' || b == 0x7f:
		s.control(b)
		return 1
	}
	if !utf8.FullRune(p) {
		return 0
	}
	r, n := utf8.DecodeRune(p)
	s.put(r)
	return n
}

func (s *Screen) control(b byte) {
	switch b {
	case '\r':
		s.X, s.wraps = 0, false
	case '\n':
		s.feed()
	case '\b':
		s.move(s.X-1, s.Y)
	case '\t':
		s.move((s.X/8+1)*8, s.Y)
	case 0x07:
	default:
		s.odd(string(b))
	}
}

func (s *Screen) odd(seq string) {
	if len(s.Odd) < maxOdd {
		s.Odd = append(s.Odd, seq)
	}
}

// put draws a character.
func (s *Screen) put(r rune) {
	if unicode.Is(unicode.Mn, r) || r == 0x200d || r == 0xfe0f {
		return
	}
	if s.wraps {
		s.X, s.wraps = 0, false
		s.feed()
	}
	s.last = r
	s.Draws++
	if s.inserts {
		s.change([]int{1}, '@')
	}
	s.cells[s.Y][s.X] = Cell{r, s.style}
	if s.X == s.Columns-1 {
		s.wraps = s.Modes[7]
		return
	}
	s.X++
}

// feed goes to the next row.
func (s *Screen) feed() {
	if s.Y == s.bottom {
		s.scroll(s.top, s.bottom, 1)
	} else if s.Y < s.Rows-1 {
		s.Y++
	}
}

// scroll moves the rows from top to bottom up by n, or down if that is negative.
func (s *Screen) scroll(top, bottom, n int) {
	height := bottom - top + 1
	n = max(-height, min(n, height))
	part := slices.Clone(s.cells[top : bottom+1])
	for i := range part {
		if from := i + n; from >= 0 && from < height {
			s.cells[top+i] = part[from]
		} else {
			s.cells[top+i] = blank(s.Columns)
		}
	}
}

func (s *Screen) move(x, y int) {
	s.X, s.Y, s.wraps = max(0, min(x, s.Columns-1)), max(0, min(y, s.Rows-1)), false
}

func (s *Screen) escape(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '[':
		return s.sequence(p)
	case ']', 'P', 'X', '^', '_':
		return s.string(p)
	case '7':
		s.saved.x, s.saved.y = s.X, s.Y
	case '8':
		s.move(s.saved.x, s.saved.y)
	case 'M':
		if s.Y == s.top {
			s.scroll(s.top, s.bottom, -1)
		} else {
			s.move(s.X, s.Y-1)
		}
	case '(':
		if len(p) < 3 {
			return 0
		}
		return 3
	case '=', '>': // the keypad
	default:
		s.odd(string(p[:2]))
	}
	return 2
}

// string passes over a string, which is odd.
func (s *Screen) string(p []byte) int {
	for i := 2; i < len(p); i++ {
		if p[i] == 0x07 {
			s.odd(string(p[:i]))
			return i + 1
		}
		if p[i] == '\\' && p[i-1] == 0x1b {
			s.odd(string(p[:i-1]))
			return i + 1
		}
	}
	return 0
}

func (s *Screen) sequence(p []byte) int {
	for i := 2; i < len(p); i++ {
		if p[i] < ' ' || p[i] > 0x7e {
			s.odd(string(p[:i]))
			return i
		}
		if p[i] >= '@' {
			s.do(string(p[2:i]), p[i])
			return i + 1
		}
	}
	return 0
}

// do follows a sequence.
func (s *Screen) do(params string, final byte) {
	if private, ok := strings.CutPrefix(params, "?"); ok && (final == 'h' || final == 'l') {
		for mode := range strings.SplitSeq(private, ";") {
			s.mode(mode, final == 'h')
		}
		return
	}
	if final == 'm' && !strings.ContainsAny(params, "<=>?") {
		s.colour(params)
		return
	}
	var numbers []int
	for word := range strings.SplitSeq(params, ";") {
		n, err := strconv.Atoi(word)
		if err != nil && word != "" {
			s.odd("\x1b[" + params + string(final))
			return
		}
		numbers = append(numbers, n)
	}
	s.Draws++
	if !s.cursorTo(numbers, final) && !s.change(numbers, final) {
		s.odd("\x1b[" + params + string(final))
	}
}

// number is the i-th, or 1.
func number(numbers []int, i int) int {
	if i < len(numbers) && numbers[i] > 0 {
		return numbers[i]
	}
	return 1
}

func (s *Screen) cursorTo(numbers []int, final byte) bool {
	n := number(numbers, 0)
	switch final {
	case 'A':
		s.move(s.X, s.Y-n)
	case 'B', 'e':
		s.move(s.X, s.Y+n)
	case 'C', 'a':
		s.move(s.X+n, s.Y)
	case 'D':
		s.move(s.X-n, s.Y)
	case 'E':
		s.move(0, s.Y+n)
	case 'F':
		s.move(0, s.Y-n)
	case 'G', '`':
		s.move(n-1, s.Y)
	case 'd':
		s.move(s.X, n-1)
	case 'H', 'f':
		s.move(number(numbers, 1)-1, n-1)
	case 'I':
		s.move((s.X/8+n)*8, s.Y)
	case 'Z':
		s.move(((s.X+7)/8-n)*8, s.Y)
	default:
		return false
	}
	return true
}

func (s *Screen) change(numbers []int, final byte) bool {
	n := number(numbers, 0)
	row := s.cells[s.Y]
	switch final {
	case 'J':
		s.erase(numbers[0])
	case 'K':
		from, to := s.span(numbers[0])
		copy(row[from:to], blank(to-from))
	case 'X':
		to := min(s.X+n, s.Columns)
		copy(row[s.X:to], blank(to-s.X))
	case '@':
		n = min(n, s.Columns-s.X)
		copy(row[s.X+n:], slices.Clone(row[s.X:]))
		copy(row[s.X:s.X+n], blank(n))
	case 'P':
		n = min(n, s.Columns-s.X)
		copy(row[s.X:], row[s.X+n:])
		copy(row[s.Columns-n:], blank(n))
	case 'b':
		for range min(n, s.Columns*s.Rows) {
			s.put(s.last)
		}
	case 'L', 'M':
		if s.Y < s.top || s.Y > s.bottom {
			break
		}
		if final == 'L' {
			n = -n
		}
		s.scroll(s.Y, s.bottom, n)
	case 'S':
		s.scroll(s.top, s.bottom, n)
	case 'T':
		s.scroll(s.top, s.bottom, -n)
	case 'r':
		s.top, s.bottom = min(n, s.Rows)-1, s.Rows-1
		if len(numbers) > 1 && numbers[1] > 0 {
			s.bottom = min(numbers[1], s.Rows) - 1
		}
		s.move(0, 0)
	case 'h', 'l':
		s.inserts = final == 'h'
		return n == 4
	case 's':
		s.saved.x, s.saved.y = s.X, s.Y
	case 'u':
		s.move(s.saved.x, s.saved.y)
	default:
		return false
	}
	return true
}

// span is the columns that an erasure in the cursor's row is for.
func (s *Screen) span(kind int) (from, to int) {
	switch kind {
	case 0:
		return s.X, s.Columns
	case 1:
		return 0, s.X + 1
	}
	return 0, s.Columns
}

func (s *Screen) erase(kind int) {
	for y := range s.cells {
		switch {
		case kind == 2, kind == 0 && y > s.Y, kind == 1 && y < s.Y:
			s.cells[y] = blank(s.Columns)
		}
	}
	from, to := s.span(kind)
	copy(s.cells[s.Y][from:to], blank(to-from))
}

func (s *Screen) mode(word string, set bool) {
	n, err := strconv.Atoi(word)
	switch {
	case err != nil:
		s.odd("\x1b[?" + word)
		return
	case n == 1049 && set != s.Alternate:
		s.swap(set)
	}
	s.Modes[n] = set
}

func (s *Screen) swap(alternate bool) {
	s.Alternate = alternate
	if alternate {
		s.saved.x, s.saved.y = s.X, s.Y
		s.main, s.cells = s.cells, resized(nil, s.Columns, s.Rows)
		return
	}
	s.cells, s.main = s.main, nil
	s.move(s.saved.x, s.saved.y)
}

// colour follows a list of attributes.
func (s *Screen) colour(params string) {
	words := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(words) == 0 {
		words = []string{"0"}
	}
	for len(words) > 0 {
		n, err := strconv.Atoi(words[0])
		if err != nil {
			s.style.Strange = true
			return
		}
		words = words[1:]
		if n == 38 || n == 48 || n == 58 {
			words = s.extended(n, words)
			continue
		}
		s.attribute(n)
	}
}

func (s *Screen) attribute(n int) {
	t := &s.style
	switch {
	case n == 0:
		*t = Style{}
	case n == 1:
		t.Bold = true
	case n == 2:
		t.Faint = true
	case n == 3:
		t.Italic = true
	case n == 4:
		t.Underline = true
	case n == 7:
		t.Reverse = true
	case n == 22:
		t.Bold, t.Faint = false, false
	case n == 23:
		t.Italic = false
	case n == 24:
		t.Underline = false
	case n == 27:
		t.Reverse = false
	case n >= 30 && n <= 37:
		t.Foreground = strconv.Itoa(n - 30)
	case n >= 90 && n <= 97:
		t.Foreground = strconv.Itoa(n - 90 + 8)
	case n == 39:
		t.Foreground = ""
	case n >= 40 && n <= 47:
		t.Background = strconv.Itoa(n - 40)
	case n >= 100 && n <= 107:
		t.Background = strconv.Itoa(n - 100 + 8)
	case n == 49:
		t.Background = ""
	default:
		t.Strange = true
	}
}

// extended follows a colour of the palette or of three numbers, and returns what is behind
// it.
func (s *Screen) extended(which int, words []string) []string {
	colour := ""
	switch {
	case len(words) >= 2 && words[0] == "5":
		colour, words = words[1], words[2:]
	case len(words) >= 4 && words[0] == "2":
		colour = "#"
		for _, w := range words[1:4] {
			n, _ := strconv.Atoi(w)
			colour += strconv.FormatInt(int64(n&255+256), 16)[1:]
		}
		words = words[4:]
	default:
		s.style.Strange = true
		return nil
	}
	switch which {
	case 38:
		s.style.Foreground = colour
	case 48:
		s.style.Background = colour
	}
	return words
}
