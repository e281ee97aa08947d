package python

import (
	"strings"
	"unicode"
)

// shrink is Python source without comments, docstrings and blank lines, with one
// space a level of indentation, and shorter words. It knows as much of the language as the runtime uses:
// four spaces a level, and no statement that spans lines but inside brackets or a
// string.
func shrink(source string) string {
	s := shrinker{rest: source}
	for s.rest != "" {
		s.line()
	}
	return s.out.String()
}

// shorter are words that are there on every other line, and in no text or interface that others see.
var shorter = map[string]string{"self": "S", "link": "L", "payload": "P", "depth": "D", "stream": "R", "handle": "H", "attempt": "A", "dispatch": "J", "entered": "N", "wake_watch": "W", "wake_main": "M", "before_reply": "Y", "closing": "X", "reserved": "V", "partial": "Q", "halted": "K", "credit": "C", "watching": "Z", "right": "B", "spare": "F", "nudge": "E", "parked": "G"}

type shrinker struct {
	rest string
	out  strings.Builder
}

// line takes one logical line off.
func (s *shrinker) line() {
	body := strings.TrimLeft(s.rest, " ")
	indent := len(s.rest) - len(body)
	s.rest = body
	text, doc := s.statement()
	if doc && !s.alone(indent) || text == "" {
		return
	}
	if doc {
		text = "0"
	}
	s.out.WriteString(strings.Repeat(" ", indent/4))
	s.out.WriteString(text)
	s.out.WriteByte('\n')
}

// alone reports whether no other statement of the block of this indentation follows.
func (s *shrinker) alone(indent int) bool {
	for line := range strings.Lines(s.rest) {
		if body := strings.TrimLeft(line, " "); strings.TrimSpace(body) != "" && body[0] != '#' {
			return len(line)-len(body) < indent
		}
	}
	return indent > 0
}

// statement takes a logical line without its indentation off, and tells whether it is
// a docstring.
func (s *shrinker) statement() (text string, doc bool) {
	var b strings.Builder
	depth := 0
	doc = strings.HasPrefix(s.rest, `"""`)
	for s.rest != "" {
		c := s.rest[0]
		switch {
		case c == '"' || c == '\'':
			b.WriteString(s.str())
			continue
		case c == '#':
			s.take(strings.IndexByte(s.rest+"\n", '\n'))
			continue
		case c == '\n' && depth == 0:
			s.take(1)
			return strings.TrimRight(b.String(), " "), doc
		case c == '\n': // inside brackets a line's end is a space
			s.rest = " " + strings.TrimLeft(s.rest, " \n")
			if tight(b.String(), s.rest[1:]) {
				s.take(1)
			}
			continue
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
		if word := s.word(); word != "" {
			if short := shorter[word]; short != "" {
				word = short
			}
			b.WriteString(word)
			continue
		}
		if c == ' ' && tight(b.String(), s.rest[1:]) {
			s.take(1)
			continue
		}
		b.WriteString(s.take(1))
	}
	return strings.TrimRight(b.String(), " "), doc
}

// tight reports whether a space between before and after says nothing.
func tight(before, after string) bool {
	const marks = "=+-*/%<>|&,:()[]{}!"
	return before == "" || after == "" || strings.ContainsRune(marks, rune(before[len(before)-1])) || strings.ContainsRune(marks, rune(after[0]))
}

// word takes an identifier or number off, if one is next.
func (s *shrinker) word() string {
	end := strings.IndexFunc(s.rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(s.rest)
	}
	return s.take(end)
}

// str takes a string literal off.
func (s *shrinker) str() string {
	quote := s.rest[:1]
	if strings.HasPrefix(s.rest, strings.Repeat(quote, 3)) {
		quote = s.rest[:3]
	}
	for i := len(quote); i < len(s.rest); i++ {
		switch {
		case s.rest[i] == '\\':
			i++
		case strings.HasPrefix(s.rest[i:], quote):
			return s.take(i + len(quote))
		}
	}
	return s.take(len(s.rest))
}

func (s *shrinker) take(n int) string {
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}
