package hexui

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// style is how a cell looks: one of the terminal's 16 colours, whatever they are there,
// and attributes.
type style uint16

const (
	colorMask style = 0x1f // 0: the terminal's own; else 1 + the colour's number

	bold style = 1 << (iota + 4)
	faint
	underline
	reverse
)

// The colours that are used.
const (
	red style = 1 + iota + 1
	green
	yellow
	blue
	magenta
	cyan
	_
	gray
)

// sgr is the sequence that sets a style, whatever was set before.
func (s style) sgr() string {
	b := []byte("\x1b[0")
	for _, a := range [...]struct {
		bit  style
		code string
	}{{bold, ";1"}, {faint, ";2"}, {underline, ";4"}, {reverse, ";7"}} {
		if s&a.bit != 0 {
			b = append(b, a.code...)
		}
	}
	if c := int(s & colorMask); c > 8 {
		b = strconv.AppendInt(append(b, ';'), int64(90+c-9), 10)
	} else if c > 0 {
		b = strconv.AppendInt(append(b, ';'), int64(30+c-1), 10)
	}
	return string(append(b, 'm'))
}

// plain is the style without its colour.
func (s style) plain() style { return s &^ (colorMask | faint) }

// cell is one place of a screen. The right half of a wide character has no rune.
type cell struct {
	r rune
	s style
}

// canvas is a screen that is drawn. What lies outside of it is not.
type canvas struct {
	w, h  int
	cells []cell
	plain bool // without colours
}

func newCanvas(w, h int, plain bool) *canvas {
	c := &canvas{w, h, make([]cell, w*h), plain}
	for i := range c.cells {
		c.cells[i].r = ' '
	}
	return c
}

// put draws a character of one column.
func (c *canvas) put(x, y int, r rune, s style) {
	if x >= 0 && x < c.w && y >= 0 && y < c.h {
		c.cells[y*c.w+x] = cell{r, s}
	}
}

// text draws what may have come from a file, up to the column end. What cannot be shown is
// escaped. It returns the column behind.
func (c *canvas) text(x, y, end int, text string, s style) int {
	end = min(end, c.w)
	for i := 0; i < len(text) && x < end; {
		r, n := utf8.DecodeRuneInString(text[i:])
		x = c.character(x, y, end, text[i:i+n], r, s)
		i += n
	}
	return x
}

func (c *canvas) character(x, y, end int, text string, r rune, s style) int {
	if r >= ' ' && r <= '~' {
		c.put(x, y, r, s)
		return x + 1
	}
	width := alone(r, text)
	switch {
	case width == 0:
		return c.text(x, y, end, escape(text), s)
	case x+width > end:
		c.put(x, y, '…', s)
		return end
	}
	c.put(x, y, r, s)
	if width > 1 {
		c.put(x+1, y, 0, s)
	}
	return x + width
}

// alone is how many columns a character takes; 0 when it cannot be shown, or might become
// one with what is beside it, as marks, flags and Hangul's parts do.
func alone(r rune, text string) int {
	if r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.M, r) || unicode.In(r, unicode.Hangul) && (r < 0xac00 || r > 0xd7a3) {
		return 0
	}
	width := ansi.StringWidth(text)
	if ansi.StringWidth(text+text) != 2*width || ansi.StringWidth("👍"+text) != 2+width {
		return 0
	}
	return width
}

// columns is how many a character takes on a canvas: what it is drawn as is not joined with
// what is beside it.
func columns(r rune) int {
	if r >= ' ' && r <= '~' {
		return 1
	}
	text := string(r)
	if width := alone(r, text); width > 0 {
		return width
	}
	return len(escape(text))
}

// escape is one character as Go escapes it.
func escape(text string) string {
	q := strconv.QuoteToASCII(text)
	return q[1 : len(q)-1]
}

// fill draws the same in a row up to the column end.
func (c *canvas) fill(x, y, end int, r rune, s style) {
	for ; x < min(end, c.w); x++ {
		c.put(x, y, r, s)
	}
}

// String is the screen with its styles, a line a row.
func (c *canvas) String() string {
	var b strings.Builder
	b.Grow(2 * len(c.cells))
	known := make(map[style]string, 32)
	for y := range c.h {
		if y > 0 {
			b.WriteByte('\n')
		}
		c.line(&b, c.cells[y*c.w:(y+1)*c.w], known)
	}
	return b.String()
}

func (c *canvas) line(b *strings.Builder, cells []cell, known map[style]string) {
	var now style
	for _, cell := range cells {
		if c.plain {
			cell.s = cell.s.plain()
		}
		if cell.s != now {
			now = cell.s
			seq, ok := known[now]
			if !ok {
				seq = now.sgr()
				known[now] = seq
			}
			b.WriteString(seq)
		}
		if cell.r != 0 {
			b.WriteRune(cell.r)
		}
	}
	if now != 0 {
		b.WriteString("\x1b[0m")
	}
}
