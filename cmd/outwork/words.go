package main

import (
	"errors"
	"strings"
)

// splitWords splits a command line at white space as a shell does: what stands in 'single'
// or "double" quotes is kept together, and a backslash keeps the character behind it (in
// double quotes only " and \ themselves). Nothing else means anything: no variable, no
// pattern and no comment.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	begun := false // an empty word in quotes is one
	quote := byte(0)
	escaped := false
	for i := range len(line) {
		switch c := line[i]; {
		case escaped:
			if quote == '"' && c != '"' && c != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, begun = true, true
		case c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	switch {
	case quote != 0:
		return nil, errors.New("a quote in it is not closed")
	case escaped:
		return nil, errors.New("there is nothing behind the backslash at its end")
	case begun:
		words = append(words, word.String())
	}
	return words, nil
}
