package ptytest

import (
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"text", "ab\r\ncd", "ab\ncd"},
		{"wrap", "abcdefghij", "abcdefgh\nij"},
		{"no wrap", "\x1b[?7labcdefghij", "abcdefgj"},
		{"scroll", "1\r\n2\r\n3\r\n4\r\n5", "2\n3\n4\n5"},
		{"moves", "\x1b[2;3Hx\x1b[Ay\x1b[3Gz\x1b[4dq\x1b[1`w", "  zy\n  x\n\nw  q"},
		{"erase", "abcdef\x1b[3D\x1b[K\x1b[1;2H\x1b[X", "a c"},
		{"erase the screen", "ab\r\ncd\x1b[1;2H\x1b[J", "a"},
		{"insert and delete", "abcd\x1b[1;2H\x1b[2@\x1b[1;5H\x1b[P", "a  bd"},
		{"insert mode", "abc\x1b[1;1H\x1b[4hx\x1b[4ly", "xybc"},
		{"rows", "1\r\n2\r\n3\x1b[1;1H\x1b[M\x1b[2;1H\x1b[L", "2\n\n3"},
		{"a region", "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\nx\x1b[r\x1b[4;2Hy", "1\n3\nx\n4y"},
		{"repeat", "a\x1b[3b", "aaaa"},
		{"alternate", "main\x1b[?1049h\x1b[Hother\x1b[?1049l.", "main."},
		{"up at the top", "a\x1bMb", " b\na"},
		{"cut runes", "é世", "é世"},
	} {
		t.Run(test.name, func(t *testing.T) {
			whole, parts := NewScreen(8, 4), NewScreen(8, 4)
			whole.Write([]byte(test.in))
			for _, b := range []byte(test.in) {
				parts.Write([]byte{b})
			}
			if got := whole.Text(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if whole.Text() != parts.Text() {
				t.Errorf("byte by byte it is\n%s", parts.Text())
			}
			if len(whole.Odd) > 0 {
				t.Errorf("odd: %q", whole.Odd)
			}
		})
	}
}

func TestOdd(t *testing.T) {
	s := NewScreen(8, 4)
	s.Write([]byte("a\x1b]0;t\ab\x1b[6nc\x1b[>1ud\x1bce"))
	if s.Text() != "abcde" || len(s.Odd) != 4 {
		t.Errorf("%q, odd %q", s.Text(), s.Odd)
	}
}

func TestStyle(t *testing.T) {
	s := NewScreen(8, 4)
	s.Write([]byte("\x1b[1;31;48;5;99ma\x1b[mb\x1b[38;2;1;2;3;7mc"))
	for x, want := range []Style{
		{Foreground: "1", Background: "99", Bold: true}, {}, {Foreground: "#010203", Reverse: true},
	} {
		if got := s.Cell(x, 0).Style; got != want {
			t.Errorf("cell %d is %+v, want %+v", x, got, want)
		}
	}
	if svg := s.SVG("a <title>"); !strings.Contains(svg, "a &lt;title&gt;") || !strings.Contains(svg, `fill="#010203"`) {
		t.Errorf("got %s", svg)
	}
}
