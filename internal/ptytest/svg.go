package ptytest

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// The measures of an SVG, in its units.
const (
	cellWidth, cellHeight = 8.4, 17.0
	margin                = 12.0
	fontSize              = 14
)

// Colours of the terminal's own.
const (
	plainForeground = "#d8dee9"
	plainBackground = "#1e222a"
)

// palette are the first 16 colours.
var palette = [16]string{
	"#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9",
	"#7f8896", "#ff7b86", "#b5e890", "#ffd68a", "#7cc4ff", "#dd92f5", "#6fd3df", "#ffffff",
}

// SVG is a picture of the screen, as text.
func (s *Screen) SVG(title string) string {
	var b strings.Builder
	width, height := float64(s.Columns)*cellWidth+2*margin, float64(s.Rows)*cellHeight+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", plainBackground)
	fmt.Fprintf(&b, `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="%d" xml:space="preserve">`+"\n", fontSize)
	for y := range s.Rows {
		for x := 0; x < s.Columns; {
			n := s.alike(x, y)
			s.runSVG(&b, x, y, n)
			x += n
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// alike is how many cells from one on look as that does.
func (s *Screen) alike(x, y int) (n int) {
	style := s.cells[y][x].Style
	for x+n < s.Columns && s.cells[y][x+n].Style == style {
		n++
	}
	return n
}

// runSVG draws cells that look alike.
func (s *Screen) runSVG(b *strings.Builder, x, y, n int) {
	style := s.cells[y][x].Style
	foreground, background := colourOf(style.Foreground, plainForeground), colourOf(style.Background, plainBackground)
	if style.Reverse {
		foreground, background = background, foreground
	}
	left, top := margin+float64(x)*cellWidth, margin+float64(y)*cellHeight
	if background != plainBackground {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", left, top, float64(n)*cellWidth+0.2, cellHeight, background)
	}
	var text strings.Builder
	for _, c := range s.cells[y][x : x+n] {
		text.WriteRune(c.Rune)
	}
	shown := strings.TrimRight(text.String(), " ")
	if shown == "" {
		return
	}
	more := ""
	if style.Bold {
		more += ` font-weight="bold"`
	}
	if style.Underline {
		more += ` text-decoration="underline"`
	}
	if style.Faint {
		more += ` opacity="0.6"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" fill="%s"%s>%s</text>`+"\n",
		left, top+cellHeight*0.76, float64(len([]rune(shown)))*cellWidth, foreground, more, html.EscapeString(shown))
}

// colourOf is a cell's colour as SVG has it.
func colourOf(colour, otherwise string) string {
	if colour == "" || colour[0] == '#' {
		if colour == "" {
			return otherwise
		}
		return colour
	}
	n, err := strconv.Atoi(colour)
	switch {
	case err != nil || n < 0 || n > 255:
		return otherwise
	case n < 16:
		return palette[n]
	case n >= 232:
		v := 8 + (n-232)*10
		return fmt.Sprintf("#%02x%02x%02x", v, v, v)
	}
	n -= 16
	return fmt.Sprintf("#%02x%02x%02x", cube(n/36), cube(n/6%6), cube(n%6))
}

func cube(n int) int {
	if n == 0 {
		return 0
	}
	return 55 + n*40
}
