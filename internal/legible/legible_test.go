package legible

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, test := range []struct {
		s    string
		most int
		want string
	}{
		{"", 1, ""},
		{"a", 1, "a"},
		{"ab", 1, "…"},
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"äöüß", 4, "äöüß"},
		{"äöüßx", 4, "äöü…"},
		{"\xff\xfe\xfd", 3, "\xff\xfe\xfd"},
		{"\xff\xfe\xfd", 2, "\xff…"},
		{strings.Repeat("x", 1<<20), 4, "xxx…"},
	} {
		if got := Cut(test.s, test.most); got != test.want {
			t.Errorf("%.10q, at most %d: %q, want %q", test.s, test.most, got, test.want)
		}
	}
}

func TestCutBytes(t *testing.T) {
	for _, test := range []struct {
		s    string
		most int
		want string
	}{
		{"", 0, ""},
		{"a", 0, "…"},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{strings.Repeat("ä", 11), 20, strings.Repeat("ä", 10) + "…"},
		{"1" + strings.Repeat("ä", 10), 20, "1" + strings.Repeat("ä", 9) + "…"},
		{strings.Repeat("\x80", 9), 8, strings.Repeat("\x80", 4) + "…"}, // no character begins
	} {
		got := CutBytes(test.s, test.most)
		if got != test.want {
			t.Errorf("%q, at most %d: %q, want %q", test.s, test.most, got, test.want)
		}
		if again := CutBytes(got, test.most); again != got && len(test.s) < 20 {
			t.Errorf("%q again: %q", got, again)
		}
	}
}

func TestVisible(t *testing.T) {
	for s, want := range map[string]string{
		"":                 "",
		"plain, ärgerlich": "plain, ärgerlich",
		"a\x1b[31m\nb":     `a\x1b[31m\nb`,
		"no UTF-8: \xff":   `no UTF-8: \xff`,
		"\ufffd\xff\a'\"":  `�\xff\a'"`,
		"bidi \u202e":      `bidi \u202e`,
	} {
		if got := Visible(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for s, want := range map[string]string{
		"":                   "",
		"/usr/bin/größe x":   "/usr/bin/größe x",
		"/x (deleted)":       "/x (deleted)",
		"a\nb\x1b[31m":       `"a\nb\x1b[31m"`,
		"bad \xff":           `"bad \xff"`,
		"\ufffd is a letter": "\ufffd is a letter",
		"bidi \u202e":        `"bidi \u202e"`,
	} {
		if got := Quoted(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func FuzzLegible(f *testing.F) {
	f.Add("a\nb", 3)
	f.Add("\xff\u202eä", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		for _, got := range []string{Visible(s), Quoted(s), Visible(CutBytes(s, max(0, most)))} {
			for _, r := range got {
				if !unicode.IsPrint(r) {
					t.Errorf("%q has %q", got, r)
				}
			}
			if !utf8.ValidString(got) {
				t.Errorf("%q is no UTF-8", got)
			}
		}
	})
}
