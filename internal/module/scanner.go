package module

import "bytes"

// scanner is what is left of a source in Starlark or Python, whose strings,
// comments and words look the same. Each method takes something off
// its front.
type scanner struct{ rest []byte }

// word takes one token off. It returns the token when it is a word by itself,
// not an attribute, and nothing otherwise.
func (s *scanner) word() string {
	switch c := s.rest[0]; {
	case c == '#':
		s.comment()
	case c == '"', c == '\'':
		s.str()
	case c == '.':
		s.rest = s.rest[1:]
		s.space()
		s.take(wordLen(s.rest))
	case wordLen(s.rest) > 0:
		return string(s.take(wordLen(s.rest)))
	default:
		s.rest = s.rest[1:]
	}
	return ""
}

// open takes an opening parenthesis off, and the space on both sides.
func (s *scanner) open() bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != '(' {
		return false
	}
	s.rest = s.rest[1:]
	s.space()
	return true
}

// literal takes a string literal off and returns its value, unless it is
// missing, unended or has a backslash.
func (s *scanner) literal() (string, bool) {
	if bytes.HasPrefix(s.rest, []byte(`r"`)) || bytes.HasPrefix(s.rest, []byte(`r'`)) {
		s.rest = s.rest[1:]
	}
	if len(s.rest) == 0 || s.rest[0] != '"' && s.rest[0] != '\'' {
		return "", false
	}
	value, ok := s.str()
	return string(value), ok && !bytes.ContainsRune(value, '\\')
}

// str takes off the string whose quote is in front, and returns what is between
// the quotes. A string in single quotes ends with its line at the latest.
func (s *scanner) str() (value []byte, ok bool) {
	quote := s.rest[:1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(s.rest, triple) {
		quote = triple
	}
	s.take(len(quote))
	for i := 0; i < len(s.rest); i++ {
		switch {
		case bytes.HasPrefix(s.rest[i:], quote):
			value = s.take(i)
			s.take(len(quote))
			return value, true
		case bytes.HasPrefix(s.rest[i:], []byte("\\\r\n")):
			i += 2
		case s.rest[i] == '\\':
			i++
		case s.rest[i] == '\n' && len(quote) == 1:
			s.take(i)
			return nil, false
		}
	}
	s.rest = nil
	return nil, false
}

// space takes off white space, line ends and comments.
func (s *scanner) space() {
	for {
		s.rest = bytes.TrimLeft(s.rest, " \t\f\r\n\\")
		if len(s.rest) == 0 || s.rest[0] != '#' {
			return
		}
		s.comment()
	}
}

// comment takes off the rest of the line.
func (s *scanner) comment() {
	if end := bytes.IndexByte(s.rest, '\n'); end >= 0 {
		s.take(end)
		return
	}
	s.rest = nil
}

// take takes n bytes off and returns them.
func (s *scanner) take(n int) []byte {
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

// wordLen is the length of the word that b starts with. Numbers are words here,
// and so is any byte of a letter beyond ASCII.
func wordLen(b []byte) int {
	for i, c := range b {
		switch {
		case c == '_', c >= 0x80, '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		default:
			return i
		}
	}
	return len(b)
}
