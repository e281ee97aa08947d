// Package pattern says what bytes are searched for: given bytes, bytes with gaps
// ("4D 5A ?? [2-6] 50"), text in any case or in UTF-16, a regular expression over bytes,
// or many at once. container.Search looks for them.
//
// A Pattern finds matches in order of their offsets. Matches of all kinds but regular
// expressions may overlap: there is one at each offset where the bytes fit (of [Any], one
// for each of its texts, in their order), the shortest where a gap gives a choice. Those of
// a regular expression do not: the next is looked for where the last one ended, as by
// package regexp.
package pattern

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxTexts is how many texts are searched for at once.
const MaxTexts = 1 << 16

// Bounds of what is searched for.
const (
	maxText  = 64 << 10 // bytes of one text
	maxTotal = 1 << 20  // bytes of all texts of Any together
	maxSpan  = 64 << 10 // bytes that a match of Hex may have
)

// Kind is how the texts of a Spec are to be read.
type Kind uint8

// The kinds.
const (
	KindBytes  Kind = iota // one text: these bytes
	KindHex                // one text: bytes in hexadecimal, with gaps; see [Hex]
	KindRegexp             // one text: a regular expression; see [Regexp]
	KindAny                // any of the texts
)

// Spec is a pattern as it is written: what crosses to the side that searches.
type Spec struct {
	Kind  Kind
	Texts [][]byte
	Fold  bool // ASCII letters match in either case; not for KindHex
	UTF16 bool // the texts, which are UTF-8, are searched for as UTF-16, little-endian; for KindBytes and KindAny
}

// Match is where a pattern was found.
type Match struct {
	Offset, Length int64 // bytes
	Index          int   // which text of Any it is; else 0
}

// End is where the match ends.
func (m Match) End() int64 { return m.Offset + m.Length }

// Pattern is what is searched for, ready to be. It is safe for concurrent use.
type Pattern struct {
	spec  Spec
	fixed fixed // nil of a regular expression
	re    *expression
}

// Compile is the pattern that s describes. It fails when that makes no sense, matches
// nothing at all or the empty string, or is beyond a bound: a text has at most 64 KiB, all
// texts together have at most 1 MiB, and what matches KindHex has at most 64 KiB.
func Compile(s Spec) (*Pattern, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	p := &Pattern{spec: s}
	var err error
	switch s.Kind {
	case KindHex:
		p.fixed, err = compileHex(string(s.Texts[0]))
	case KindRegexp:
		p.re, err = compileRegexp(s.Texts[0], s.Fold)
	default:
		p.fixed, err = compileTexts(s)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// check is the error for a Spec that is wrong whatever its texts say.
func (s Spec) check() error {
	switch {
	case s.Kind > KindAny:
		return fmt.Errorf("pattern: there is no kind %d", s.Kind)
	case len(s.Texts) == 0:
		return errors.New("pattern: there is no text to search for")
	case s.Kind != KindAny && len(s.Texts) > 1:
		return fmt.Errorf("pattern: %d texts, where one is searched for", len(s.Texts))
	case len(s.Texts) > MaxTexts:
		return fmt.Errorf("pattern: %d texts; %d are searched for at once", len(s.Texts), MaxTexts)
	case s.UTF16 && (s.Kind == KindHex || s.Kind == KindRegexp):
		return errors.New("pattern: hex patterns and regular expressions are of bytes, not of UTF-16")
	case s.Fold && s.Kind == KindHex:
		return errors.New("pattern: the bytes of a hex pattern have no case")
	}
	total := 0
	for i, text := range s.Texts {
		switch total += len(text); {
		case len(text) == 0:
			return fmt.Errorf("pattern: %san empty text matches everywhere", s.nth(i))
		case len(text) > s.maxText():
			return fmt.Errorf("pattern: %s%d bytes; a text has %d at most", s.nth(i), len(text), s.maxText())
		case total > maxTotal:
			return fmt.Errorf("pattern: the texts have more than %d bytes together", maxTotal)
		}
	}
	return nil
}

// maxText is how long a text may be as it is written: in hex a byte takes three with the space.
func (s Spec) maxText() int {
	if s.Kind == KindHex {
		return 4 * maxText
	}
	return maxText
}

// nth names a text in an error, where there are several.
func (s Spec) nth(i int) string {
	if s.Kind != KindAny {
		return ""
	}
	return fmt.Sprintf("text %d: ", i)
}

// compileTexts is for the kinds whose texts are what is searched for.
func compileTexts(s Spec) (fixed, error) {
	texts := make([]run, len(s.Texts))
	for i, text := range s.Texts {
		r, err := newText(text, s.Fold, s.UTF16)
		if err != nil {
			return nil, fmt.Errorf("pattern: %s%w", s.nth(i), err)
		}
		texts[i] = r
	}
	if s.Kind == KindAny {
		return newAutomaton(texts), nil
	}
	return newFinder(texts[0].plain()), nil
}

// newText is the run that a text is searched for as.
func newText(text []byte, fold, wide bool) (run, error) {
	r := run{value: text}
	if wide {
		if !utf8.Valid(text) {
			return r, fmt.Errorf("%q is not UTF-8, and so cannot be searched for as UTF-16", clip(text))
		}
		r.value = encodeUTF16(text)
	}
	if !fold {
		return r, nil
	}
	r.value, r.mask = bytes.Clone(r.value), bytes.Repeat([]byte{0xFF}, len(r.value))
	step := 1
	if wide {
		step = 2
	}
	for i := 0; i < len(r.value); i += step {
		if !letter(r.value[i]) || wide && r.value[i+1] != 0 {
			continue
		}
		r.mask[i] = 0xDF
		r.value[i] &= 0xDF
	}
	return r, nil
}

func encodeUTF16(text []byte) []byte {
	var wide []byte
	for _, u := range utf16.Encode([]rune(string(text))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	return wide
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// clip is as much of a text as an error shows.
func clip(text []byte) []byte { return text[:min(len(text), 40)] }

// Bytes is a pattern of these bytes, which must not be changed.
func Bytes(b []byte) (*Pattern, error) { return Compile(Spec{Texts: [][]byte{b}}) }

// Hex is a pattern of bytes in hexadecimal: "4D 5A ?? [2-6] 50". White space between
// them may be left out. ?? is any byte, 4? and ?4 are any with that half, [6] is 6 bytes of
// any kind and [2-6] 2 to 6 of them. A pattern begins and ends with a byte that is given,
// or half of one. It has at most 32 gaps like [2-6].
func Hex(s string) (*Pattern, error) {
	return Compile(Spec{Kind: KindHex, Texts: [][]byte{[]byte(s)}})
}

// Regexp is a pattern of a regular expression over bytes, in the syntax of package regexp:
// a character is a byte, \xff and [\x80-\xff] are bytes, . is any byte but the newline, or
// with (?s) any at all. Characters outside of ASCII stand for the bytes that they are in
// UTF-8, and may not be in a class; \pL and its like are of the first 256 characters, and so
// is (?i) of bytes from \xc0 on.
//
// \A, ^ and \b see the byte before Range.From, and \z, $ and \b see that nothing comes at
// Range.To. An expression that matches the empty string is refused, and so is one whose
// program has more than 8,192 steps. Memory does not grow with what is searched.
func Regexp(expr string) (*Pattern, error) {
	return Compile(Spec{Kind: KindRegexp, Texts: [][]byte{[]byte(expr)}})
}

// Any is a pattern of many texts, looked for at once (Aho-Corasick). They must not be
// changed. With fold ASCII letters match in either case.
func Any(texts [][]byte, fold bool) (*Pattern, error) {
	return Compile(Spec{Kind: KindAny, Texts: texts, Fold: fold})
}

// Spec is what the pattern was compiled from. It must not be changed.
func (p *Pattern) Spec() Spec { return p.spec }
