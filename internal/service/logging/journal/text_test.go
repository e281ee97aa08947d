package journal

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendText(t *testing.T) {
	for _, test := range []struct {
		in     string
		limit  int
		text   string
		quoted string
	}{
		{"plain text", 20, "plain text", "plain text"},
		{"a\nb\x00c\x1b[0m\x7f", 80, `a\u000ab\u0000c\u001b[0m\u007f`, `a\u000ab\u0000c\u001b[0m\u007f`},
		{`"\`, 20, `"\`, `\"\\`},
		{"\u0085\u2028\u2029\u202e\ufeff", 80, `\u0085\u2028\u2029\u202e\ufeff`, `\u0085\u2028\u2029\u202e\ufeff`},
		{"grüße 世界 🙂", 80, "grüße 世界 🙂", "grüße 世界 🙂"},
		{"\U000e0041", 80, `\udb40\udc41`, `\udb40\udc41`},
		{"a\xffb", 20, "a\ufffdb", "a\ufffdb"},
		{"0123456789", 10, "0123456789", "0123456789"},
		{"0123456789a", 10, "0123456…", "0123456…"},
		{"\n\n", 11, `\u000a…`, `\u000a…`},
		{"", 3, "", ""},
		{"世界", 5, "…", "…"},
	} {
		if got := string(AppendText(nil, test.in, test.limit)); got != test.text {
			t.Errorf("%q as text: got %s, want %s", test.in, got, test.text)
		}
		if got := string(AppendQuoted(nil, test.in, test.limit)); got != test.quoted {
			t.Errorf("%q quoted: got %s, want %s", test.in, got, test.quoted)
		}
	}
}

func FuzzAppendQuoted(f *testing.F) {
	f.Add("a\nb", 5)
	f.Add("世界\u2028\xff", 100)
	f.Add(`\"\"\"`, 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < len(cutMark) {
			return
		}
		got := string(AppendQuoted([]byte("x"), s, limit))
		if len(got) > 1+limit {
			t.Errorf("%d bytes, more than %d", len(got), limit)
		}
		if strings.IndexFunc(got, func(r rune) bool { return !strconv.IsPrint(r) && r != utf8.RuneError }) >= 0 {
			t.Errorf("something does not print in %q", got)
		}
		var back string
		if err := json.Unmarshal([]byte(`"`+got+`"`), &back); err != nil {
			t.Fatalf("%v in %q", err, got)
		}
		if whole := "x" + strings.ToValidUTF8(s, "\ufffd"); len(s) < limit/maxGrowth && utf8.ValidString(s) && back != whole {
			t.Errorf("got %q, want %q", back, whole)
		}
	})
}

// maxGrowth is how many bytes one can become.
const maxGrowth = 6
