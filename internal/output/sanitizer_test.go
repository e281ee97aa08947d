package output

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	same := "" // the output equals the input
	tests := []struct{ name, in, want string }{
		{"text", "hello, world\r\n\ttab\b", same},
		{"utf-8", "grüße, 世界 🙂 e\u0301 \u00a0", same},
		{"colours", "\x1b[1;31mred\x1b[m\x1b[0m\x1b[38;2;1;2;255m\x1b[4:3m", same},
		{"cursor", "\x1b[A\x1b[2B\x1b[10;20H\x1b[s\x1b[u\x1b[5G\x1b7\x1b8\x1bM", same},
		{"erase", "\x1b[K\x1b[2J\x1b[3J\x1b[1K\x1b[4X", same},
		{"alternate screen", "\x1b[?1049h\x1b[?47l", same},
		{"mouse", "\x1b[?1000;1006h\x1b[?1003l", same},
		{"visible cursor", "\x1b[?25l\x1b[?12;25h", same},
		{"reset by terminfo", "\x1b(B\x1b[m", same},

		{"title", "\x1b]0;evil\a", `\x1b]0;evil\x07`},
		{"clipboard", "\x1b]52;c;aGk=\x1b\\", `\x1b]52;c;aGk=\x1b\`},
		{"device control", "\x1bP$q\"p\x1b\\", `\x1bP$q"p\x1b\`},
		{"application", "\x1b_G\x1b\\", `\x1b_G\x1b\`},
		{"status query", "\x1b[6n", `\x1b[6n`},
		{"attributes query", "\x1b[c\x1b[>c\x1b[=c", `\x1b[c\x1b[>c\x1b[=c`},
		{"window query", "\x1b[21t", `\x1b[21t`},
		{"key modifier query", "\x1b[?4m", `\x1b[?4m`},
		{"keyboard query", "\x1b[?u", `\x1b[?u`},
		{"left margin", "\x1b[1;2s", `\x1b[1;2s`},
		{"reset", "\x1bc\x1b[!p", `\x1bc\x1b[!p`},
		{"line drawing", "\x1b(0", `\x1b(0`},
		{"repeat", "a\x1b[99999b", `a\x1b[99999b`},
		{"huge number", "\x1b[1000000C", `\x1b[1000000C`},
		{"mouse highlight", "\x1b[?1001h", `\x1b[?1001h`},
		{"paste mode among mouse", "\x1b[?1000;2004h", `\x1b[?1000;2004h`},
		{"no mode", "\x1b[?h", `\x1b[?h`},
		{"colon in a cursor position", "\x1b[1:2H", `\x1b[1:2H`},
		{"query mark within", "\x1b[1?25h", `\x1b[1?25h`},
		{"control within", "\x1b[3\n1m", "\\x1b[3\n1m"},
		{"sequence in sequence", "\x1b[\x1b[31m", "\\x1b[\x1b[31m"},
		{"two escapes", "\x1b\x1b[31m", "\\x1b\x1b[31m"},
		{"unfinished", "a\x1b[31", `a\x1b[31`},
		{"escape alone", "\x1b", `\x1b`},

		{"controls", "\x00\a\v\f\x0e\x7f", `\x00\x07\x0b\x0c\x0e\x7f`},
		{"c1 byte", "\x9b31m", `\x9b31m`},
		{"c1 rune", "\u009b31m\u0085", `\u009b31m\u0085`},
		{"invalid utf-8", "a\xffb\xc3(\xe4\xb8", `a\xffb\xc3(\xe4\xb8`},
		{"overlong", "\xc0\x9b\xe0\x80\x9b", `\xc0\x9b\xe0\x80\x9b`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"broken rune before a sequence", "\xe4\x1b[1m", "\\xe4\x1b[1m"},
		{"bidi", "a\u202eb\u2066c\u2069", `a\u202eb\u2066c\u2069`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == same {
				want = tt.in
			}
			if got := string(Sanitize([]byte(tt.in))); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if got := bytewise([]byte(tt.in)); got != want {
				t.Errorf("byte by byte %q\nwant %q", got, want)
			}
		})
	}
}

func TestSanitizerBoundsSequences(t *testing.T) {
	in := "\x1b[" + strings.Repeat("1;", 1<<20) + "m"
	var s Sanitizer
	got := s.Append(nil, []byte(in))
	if want := `\x1b` + in[1:]; string(got) != want {
		t.Fatalf("got %d bytes, want the %d of the input escaped", len(got), len(want))
	}
	long := "\x1b[" + strings.Repeat("1;", (MaxSequence-4)/2) + "m"
	if got := string(Sanitize([]byte(long))); got != long {
		t.Errorf("a sequence of %d bytes became %q", len(long), got)
	}
}

func TestSanitizerHoldsOnlyTheUnfinished(t *testing.T) {
	var s Sanitizer
	for _, step := range []struct{ in, want string }{
		{"a\xe4", "a"},
		{"\xb8", ""},
		{"\x96b", "世b"},
		{"\x1b", ""},
		{"[3", ""},
		{"1m", "\x1b[31m"},
		{"x\n", "x\n"},
	} {
		if got := string(s.Append(nil, []byte(step.in))); got != step.want {
			t.Errorf("after %q: %q, want %q", step.in, got, step.want)
		}
	}
}

// safe is what may reach a terminal, written down a second time.
var safe = regexp.MustCompile(`^(?:[\n\r\t\x08 -~]|[\x{a0}-\x{2029}\x{202f}-\x{2065}\x{206a}-\x{10ffff}]` +
	`|\x1b\[[0-9;:]*m|\x1b\[[0-9;]*[A-FGHIZ` + "`" + `adefJKX]|\x1b\[[su]|\x1b[78M]|\x1b\(B` +
	`|\x1b\[\?(?:(?:12|25|47|104[789]|9|100[02356]|101[56]);?)+[hl])*$`)

func FuzzSanitizer(f *testing.F) {
	for _, s := range []string{"a\x1b[31mb", "\x1b]0;x\a", "\xe4\xb8\x96\u202e\u009b", "\x1b[?1049;1h\x1b(B", "\x1b\x1b[\xff"} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		whole := Sanitize(in)
		if !utf8.Valid(whole) || !safe.Match(whole) {
			t.Fatalf("%q became %q", in, whole)
		}
		if len(whole) > 6*len(in) {
			t.Fatalf("%d bytes became %d", len(in), len(whole))
		}
		if got := split(in, rand.New(rand.NewPCG(seed, 0))); !bytes.Equal(got, whole) {
			t.Fatalf("split %q, whole %q", got, whole)
		}
		if again := Sanitize(whole); !bytes.Equal(again, whole) {
			t.Fatalf("what is safe changed: %q, %q", whole, again)
		}
	})
}

func TestSanitizerRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"\x1b", "[", "?", "1", "1049", ";", ":", "h", "m", "]", "\\", "(", "B", "\n", "\xe4", "\xb8", "\x96", "\x9b", "\u202e", "a"}
	for range 20000 {
		var in []byte
		for range r.IntN(30) {
			in = append(in, alphabet[r.IntN(len(alphabet))]...)
		}
		whole := Sanitize(in)
		if !safe.Match(whole) {
			t.Fatalf("%q became %q", in, whole)
		}
		if got := split(in, r); !bytes.Equal(got, whole) {
			t.Fatalf("%q split: %q, whole: %q", in, got, whole)
		}
	}
}

func split(in []byte, r *rand.Rand) []byte {
	var s Sanitizer
	var out []byte
	for len(in) > 0 {
		n := 1 + r.IntN(len(in))
		out = s.Append(out, in[:n])
		in = in[n:]
	}
	return s.Flush(out)
}

func bytewise(in []byte) string {
	var s Sanitizer
	var out []byte
	for i := range in {
		out = s.Append(out, in[i:i+1])
	}
	return string(s.Flush(out))
}

func BenchmarkSanitizer(b *testing.B) {
	for name, line := range map[string]string{
		"ascii":   "a line of ordinary text of a usual length, as programs print them\n",
		"colours": "\x1b[32mok\x1b[0m   \x1b[1mpackage\x1b[0m  grüße \x1b[38;5;12m0.12s\x1b[0m\n",
	} {
		b.Run(name, func(b *testing.B) {
			in := bytes.Repeat([]byte(line), 1000)
			b.SetBytes(int64(len(in)))
			var s Sanitizer
			var out []byte
			for b.Loop() {
				out = s.Append(out[:0], in)
			}
		})
	}
}
