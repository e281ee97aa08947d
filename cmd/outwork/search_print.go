package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/legible"
)

// maxLine is how many bytes of a match are shown on a line.
const maxLine = 64

// print prints a match, or what stands for all of a file.
func (s *search) print(name string, f *found) error {
	if s.count {
		s.any = s.any || f.Count > 0
		return s.printCount(name, f.Count)
	}
	s.any = true
	switch {
	case s.app.json:
		line, err := encode(s.object(name, f))
		if err != nil {
			return err
		}
		_, err = s.out.Write(line)
		return err
	case s.names:
		_, err := fmt.Fprintln(s.out, s.label(name))
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s:0x%06x: %s\n", s.label(name), f.Offset, f.text(s.colour))
	return err
}

func (s *search) printCount(name string, n int64) error {
	if !s.app.json {
		_, err := fmt.Fprintf(s.out, "%s:%d\n", s.label(name), n)
		return err
	}
	line, err := encode(fileObject{File: name, Count: &n})
	if err == nil {
		_, err = s.out.Write(line)
	}
	return err
}

// label is a file's name as it is printed: on a terminal, without what would drive that.
func (s *search) label(name string) string {
	if !isTerminal(s.app.stdout) {
		return name
	}
	return legible.Visible(name)
}

// matchObject is a match for programs.
type matchObject struct {
	File      string `json:"file"`
	Offset    int64  `json:"offset"`
	Length    int64  `json:"length"`
	Hex       string `json:"hex"`
	Text      string `json:"text,omitempty"`
	Pattern   string `json:"pattern,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
}

// object is what JSON says of a match.
func (s *search) object(name string, f *found) any {
	if s.names {
		return fileObject{File: name}
	}
	match := f.Bytes[f.Before:][:f.Inside]
	o := matchObject{File: name, Offset: f.Offset, Length: f.Length, Hex: hex.EncodeToString(match), Truncated: f.Inside < f.Length}
	if isPlain(match) {
		o.Text = string(match)
	}
	if texts := s.pattern.Spec().Texts; len(texts) > 1 && f.Index < len(texts) {
		o.Pattern = strings.ToValidUTF8(string(texts[f.Index]), "\uFFFD")
	}
	return o
}

// isPlain reports whether b is text that people can read.
func isPlain(b []byte) bool {
	return utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r'
	})
}

const (
	markOn  = "\x1b[1;31m"
	markOff = "\x1b[0m"
)

// text is the bytes of a match and around it, in hexadecimal and as characters. The match
// is coloured, or in brackets.
func (f *found) text(colour bool) string {
	before, match, behind := f.Bytes[:f.Before], f.Bytes[f.Before:][:f.Inside], f.Bytes[f.Before+f.Inside:]
	dots := ""
	if len(match) > maxLine {
		match, behind, dots = match[:maxLine], nil, "…"
	}
	on, off := "[", "]"
	if colour {
		on, off = markOn, markOff
	}
	var b strings.Builder
	for _, part := range []string{fmt.Sprintf("% x", before), on + fmt.Sprintf("% x", match) + dots + off, fmt.Sprintf("% x", behind)} {
		if part != "" && b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(part)
	}
	if colour {
		return b.String() + "  |" + ascii(before) + on + ascii(match) + dots + off + ascii(behind) + "|"
	}
	return b.String() + "  |" + ascii(before) + ascii(match) + dots + ascii(behind) + "|"
}

// ascii is bytes as characters: a dot where there is none.
func ascii(p []byte) string {
	b := make([]byte, len(p))
	for i, c := range p {
		if b[i] = c; c < ' ' || c > '~' {
			b[i] = '.'
		}
	}
	return string(b)
}
