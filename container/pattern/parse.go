package pattern

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads a pattern as people write it, in one line:
//
//	hex:4D 5A ?? [2-6] 50   bytes, with gaps; see Hex
//	re:[a-z]+@example       a regular expression; see Regexp
//	i:password              a text in any case
//	utf16:text              a text in UTF-16, little-endian
//	iutf16:text             both
//	text:re:                a text, whatever it begins with
//	text                    the same, of what begins with none of these
//
// A text is taken as it is: nothing in it is an escape. Bytes that cannot be typed are
// written in hex.
func Parse(text string) (*Pattern, error) {
	for _, k := range prefixes {
		if rest, ok := strings.CutPrefix(text, k.name); ok {
			s := k.spec
			s.Texts = [][]byte{[]byte(rest)}
			p, err := Compile(s)
			if err != nil && rest == "" {
				return nil, fmt.Errorf("pattern: nothing follows %q; to search for that itself, write text:%s", text, text)
			}
			return p, err
		}
	}
	return Bytes([]byte(text))
}

var prefixes = []struct {
	name string
	spec Spec
}{
	{"hex:", Spec{Kind: KindHex}},
	{"re:", Spec{Kind: KindRegexp}},
	{"i:", Spec{Fold: true}},
	{"utf16:", Spec{UTF16: true}},
	{"iutf16:", Spec{Fold: true, UTF16: true}},
	{"text:", Spec{}},
}

// String is what Parse reads as the same pattern: a text that does not print becomes hex.
// Parse has no word for Any, whose texts are counted.
func (p *Pattern) String() string {
	text := p.spec.Texts[0]
	switch s := p.spec; {
	case s.Kind == KindAny:
		return fmt.Sprintf("any of %d texts", len(s.Texts))
	case s.Kind == KindHex:
		return "hex:" + string(text)
	case s.Kind == KindRegexp && s.Fold:
		return "re:(?i)" + string(text)
	case s.Kind == KindRegexp:
		return "re:" + string(text)
	case s.Fold && s.UTF16:
		return "iutf16:" + string(text)
	case s.Fold:
		return "i:" + string(text)
	case s.UTF16:
		return "utf16:" + string(text)
	case !prints(text):
		return "hex:" + strings.ToUpper(spaced(hex.EncodeToString(text)))
	case hasPrefix(string(text)):
		return "text:" + string(text)
	}
	return string(text)
}

func prints(text []byte) bool {
	return utf8.Valid(text) && bytes.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func hasPrefix(text string) bool {
	for _, k := range prefixes {
		if strings.HasPrefix(text, k.name) {
			return true
		}
	}
	return false
}

// spaced is digits with a space between each two.
func spaced(digits string) string {
	var out strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(digits[i : i+2])
	}
	return out.String()
}
