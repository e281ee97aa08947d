package pattern

import (
	"bytes"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Spec{
		"abc":           {Texts: texts("abc")},
		"text:re:":      {Texts: texts("re:")},
		"http://x":      {Texts: texts("http://x")},
		`a\nb`:          {Texts: texts(`a\nb`)},
		"hex:4D ?? 5A":  {Kind: KindHex, Texts: texts("4D ?? 5A")},
		"re:a+":         {Kind: KindRegexp, Texts: texts("a+")},
		"i:Abc":         {Fold: true, Texts: texts("Abc")},
		"utf16:Abc":     {UTF16: true, Texts: texts("Abc")},
		"iutf16:\u00e9": {Fold: true, UTF16: true, Texts: texts("\u00e9")},
	} {
		p, err := Parse(text)
		must(t, p, err)
		got := p.Spec()
		if got.Kind != want.Kind || got.Fold != want.Fold || got.UTF16 != want.UTF16 || !bytes.Equal(got.Texts[0], want.Texts[0]) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
		if p.String() != text {
			t.Errorf("%s is written %s", text, p)
		}
	}
}

func TestStringOfWhatDoesNotPrint(t *testing.T) {
	p, err := Bytes([]byte("\x00M\xff"))
	if must(t, p, err).String() != "hex:00 4D FF" {
		t.Error(p)
	}
	p, err = Compile(Spec{Kind: KindRegexp, Texts: texts("a"), Fold: true})
	if must(t, p, err).String() != "re:(?i)a" {
		t.Error(p)
	}
}

func TestErrorsPointAtThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "pattern: an empty text matches everywhere",
		"re:":                                    `pattern: nothing follows "re:"; to search for that itself, write text:re:`,
		"hex:4D 4G":                              `hex pattern: "4G" at 3 is no byte; they are written 4D, ??, 4?, ?D, [6] or [2-6]`,
		"hex:4D 4":                               `hex pattern: "4" at 3 is no byte; they are written 4D, ??, 4?, ?D, [6] or [2-6]`,
		"hex:?? 4D":                              "hex pattern: it begins with a gap, at 0: a match begins with a byte that is given",
		"hex:[2] 4D":                             "hex pattern: it begins with a gap, at 0: a match begins with a byte that is given",
		"hex:4D ??":                              "hex pattern: it ends with a gap: a match ends with a byte that is given",
		"hex:4D [2-] 50":                         `hex pattern: "[2-]" at 3 is no gap; they are written [6] or [2-6]`,
		"hex:4D [6-2] 50":                        `hex pattern: "[6-2]" at 3 ends before it begins`,
		"hex:4D [6 50":                           "hex pattern: the [ at 3 is not closed",
		"hex:4D [0-70000] 50":                    "hex pattern: a match could have more than 65536 bytes",
		"hex: ":                                  "hex pattern: there is no byte in it",
		"re:a*":                                  "regular expression: it matches the empty string, and so everywhere",
		`re:\b`:                                  "regular expression: it matches the empty string, and so everywhere",
		"re:(a":                                  `regular expression: missing closing ): "(a"`,
		"re:[\u00e9]":                            "regular expression: \"[\u00e9]\" at 0: characters outside of ASCII are several bytes, which cannot be in a class or behind a backslash; write a byte as \\xff",
		`re:\p{Greek}`:                           "regular expression: no bytes match it",
		"re:(a{1000}){9}":                        `regular expression: invalid repeat count: "{9}"`,
		"re:a{999}[bc]{999}":                     "",
		"utf16:\xff":                             `pattern: "\xff" is not UTF-8, and so cannot be searched for as UTF-16`,
		"hex:41" + strings.Repeat("[1-2]41", 33): "hex pattern: it has 33 gaps with a choice of lengths, and 32 is the most",
		"re:" + strings.Repeat("(?:a{900}|b)", 10):        "regular expression: its program has more than 8192 steps: repeat less",
		strings.Repeat("a", maxText+1):                    "pattern: 65537 bytes; a text has 65536 at most",
		"hex:41" + strings.Repeat(" 42", maxText) + " 43": "hex pattern: a match could have more than 65536 bytes",
	} {
		_, err := Parse(text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.40s: %q, want %q", text, got, want)
		}
	}
}

func TestSpecsThatMakeNoSense(t *testing.T) {
	for _, s := range []Spec{
		{},
		{Kind: 9, Texts: texts("a")},
		{Texts: texts("a", "b")},
		{Kind: KindHex, Texts: texts("41"), Fold: true},
		{Kind: KindHex, Texts: texts("41"), UTF16: true},
		{Kind: KindRegexp, Texts: texts("a"), UTF16: true},
		{Kind: KindAny, Texts: texts("a", "")},
		{Kind: KindAny, Texts: make([][]byte, MaxTexts+1)},
		{Kind: KindAny, Texts: manyTexts(maxTotal/maxText+1, maxText)},
	} {
		if _, err := Compile(s); err == nil {
			t.Errorf("kind %d of %d texts is compiled", s.Kind, len(s.Texts))
		}
	}
}
