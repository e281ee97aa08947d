package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxErrors is how many mistakes of one file are told.
const maxErrors = 20

// parser reads one file. It goes on after a mistake, to tell more than the first.
type parser struct {
	*grammar
	path string // printable
	errs []error
	more int // mistakes that are not in errs
}

// at notes a mistake.
func (p *parser) at(line int, format string, args ...any) bool {
	if len(p.errs) == maxErrors {
		p.more++
		return false
	}
	p.errs = append(p.errs, fmt.Errorf("%s: "+format, append([]any{p.place(line)}, args...)...))
	return false
}

// wrong notes a mistake in a node, and is false.
func (p *parser) wrong(n *yaml.Node, format string, args ...any) bool {
	return p.at(n.Line, format, args...)
}

func (p *parser) place(line int) string { return p.path + ":" + strconv.Itoa(max(line, 1)) }

func (p *parser) failed() int { return len(p.errs) + p.more }

// err is what was noted.
func (p *parser) err() error {
	if p.more > 0 {
		return errors.Join(append(p.errs, fmt.Errorf("%s: and %d mistakes more", p.path, p.more))...)
	}
	return errors.Join(p.errs...)
}

// document is the one document of a text, or nil.
func (p *parser) document(data []byte) *yaml.Node {
	if valid := validPrefix(data); valid < len(data) {
		p.at(1+bytes.Count(data[:valid], []byte("\n")), "not UTF-8: a policy is plain text")
		return nil
	}
	var doc, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if !p.decode(decoder, &doc) {
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		p.at(1, "the file is empty: %s", fileWants)
		return nil
	}
	if !p.decode(decoder, &second) {
		return nil
	}
	if second.Kind != 0 {
		p.wrong(&second, "a second document: a policy file holds one")
		return nil
	}
	return doc.Content[0]
}

// validPrefix is how many bytes of data are UTF-8.
func validPrefix(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// decode reads the next document; n stays zero at the end.
func (p *parser) decode(decoder *yaml.Decoder, n *yaml.Node) bool {
	err := decoder.Decode(n)
	if err == nil || errors.Is(err, io.EOF) {
		return true
	}
	line, words := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if number, rest, ok := strings.Cut(strings.TrimPrefix(words, "line "), ": "); ok {
		if l, err := strconv.Atoi(number); err == nil {
			line, words = l, rest
		}
	}
	if strings.ContainsFunc(words, func(r rune) bool { return !unicode.IsPrint(r) }) {
		words = clipped(words)
	}
	return p.at(line, "not YAML: %s", words)
}
