package terminal

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func filtered(f *Filter, text string) string { return string(f.Append(nil, []byte(text))) }

func TestFilter(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"text", "a\tb\b\r\n", "a\tb\b\r\n"},
		{"runes", "é世🙂", "é世🙂"},
		{"invalid UTF-8", "a\xff\xc3b", "a\ufffd\ufffdb"},
		{"controls", "a\x00\a\x0b\x0c\x0e\x0f\x7fb", "ab"},
		{"C1 controls", "a\u009b31m\u0090b", "a31mb"},
		{"reordering", "a\u202eb\u2066c", "abc"},
		{"colours", "\x1b[1;38;2;1;2;3;48:5:6mx\x1b[m", "\x1b[1;38;2;1;2;3;48:5:6mx\x1b[m"},
		{"cursor", "\x1b[2;3H\x1b[4A\x1b[G\x1b[5d\x1b[6`\x1b7\x1b8\x1bM", "\x1b[2;3H\x1b[4A\x1b[G\x1b[5d\x1b[6`\x1b7\x1b8\x1bM"},
		{"erase", "\x1b[J\x1b[2J\x1b[1K\x1b[9X", "\x1b[J\x1b[2J\x1b[1K\x1b[9X"},
		{"erase what scrolled off", "\x1b[3J", ""},
		{"scroll", "\x1b[2;9r\x1b[L\x1b[M\x1b[2S\x1b[T\x1b[@\x1b[P\x1b[3b", "\x1b[2;9r\x1b[L\x1b[M\x1b[2S\x1b[T\x1b[@\x1b[P\x1b[3b"},
		{"modes", "\x1b[?1049h\x1b[?25l\x1b[?1002;1006h\x1b[?2004h\x1b[?2026h\x1b[?7l\x1b[4h", "\x1b[?1049h\x1b[?25l\x1b[?1002;1006h\x1b[?2004h\x1b[?2026h\x1b[?7l\x1b[4h"},
		{"other modes", "\x1b[?1001h\x1b[?1004h\x1b[?47h\x1b[?2027h\x1b[20h\x1b[?h\x1b[?025h\x1b[?25;1004h", ""},
		{"queries", "\x1b[c\x1b[>c\x1b[6n\x1b[?6n\x1b[?2026$p\x1b[>q\x1b[18t\x1b[21t\x1bZ\x05", ""},
		{"keyboard", "\x1b[>1u\x1b[=1;1u\x1b[<u\x1b[?u\x1b[>4;2m\x1b[>4m\x1b=\x1b>", ""},
		{"reset", "\x1bc\x1b[!p\x1b#8", ""},
		{"charset", "a\x1b(0b\x1b%Gc", "abc"},
		{"title", "a\x1b]0;title\ab\x1b]2;x\x1b\\c", "abc"},
		{"hyperlink", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"clipboard", "\x1b]52;c;aGk=\a", ""},
		{"device control", "a\x1bPq#0;2;0;0;0\x1b\\b\x1b_Gf=24\x1b\\c\x1b^x\x1b\\d\x1bXx\x1b\\e", "abcde"},
		{"a string cut off", "\x1b]0;a\x1b[1mb\x1b]0;c\x18d", "\x1b[1mbd"},
		{"a string without end", "a\x1b]0;" + strings.Repeat("b", 1<<20), "a"},
		{"a sequence cut off", "\x1b[1\x1b[2mx\x1b[3\ny\x1b[4\xc3\xa9z", "\x1b[2mx\nyéz"},
		{"many numbers for few", "\x1b[1;2;3H\x1b[1;2J\x1b[1;2;3;4;5T\x1b[1s", ""},
		{"large numbers", "\x1b[999999A\x1b[99999b", "\x1b[99999b"},
		{"too long", "\x1b[" + strings.Repeat("1;", 70) + "mx", "x"},
		{"intermediates", "\x1b[1 qx\x1b[1$zy", "xy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := filtered(new(Filter), test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestClipboard(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b]52;c;aGk=\a":        "\x1b]52;c;aGk=\a",
		"\x1b]52;c;aGk=\x1b\\":    "\x1b]52;c;aGk=\a",
		"\x1b]52;c;?\a":           "",
		"\x1b]52;c;\a":            "",
		"\x1b]52;p;aGk=\a":        "",
		"\x1b]52;c;aGVsbG8=Cg\a":  "",
		"\x1b]52;c;a\nGk\a":       "",
		"\x1b]0;c\a":              "",
		"\x1bP52;c;aGk=\x1b\\":    "",
		"\x1b]52;c;aG\x1b]0;x\ay": "y",
	} {
		if got := filtered(&Filter{Clipboard: 8}, in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestUndo(t *testing.T) {
	for _, test := range []struct{ in, undo, redo string }{
		{"text", "\x1b[m", ""},
		{"\x1b[?1049h\x1b[?25l\x1b[?2004h", "\x1b[m\x1b[?2004l\x1b[?1049l\x1b[?25h", "\x1b[?25l\x1b[?1049h\x1b[?2004h"},
		{"\x1b[?1049h\x1b[?25l\x1b[?25h\x1b[?1049l", "\x1b[m", ""},
		{"\x1b[?1002;1006h\x1b[?7l", "\x1b[m\x1b[?7h\x1b[?1002l\x1b[?1006l", "\x1b[?1006h\x1b[?1002h\x1b[?7l"},
		{"\x1b[2;3r\x1b[4h\x1b[?2026h", "\x1b7\x1b[r\x1b8\x1b[4l\x1b[m\x1b[?2026l", ""},
		{"\x1b[?1049h\x1b[2;3r", "\x1b[r\x1b[m\x1b[?1049l", "\x1b[?1049h"},
		{"\x1b[?1004h\x1b[?25;1004l", "\x1b[m", ""},
	} {
		var f Filter
		filtered(&f, test.in)
		if got := string(f.modes.undo(nil)); got != test.undo {
			t.Errorf("%q is undone by %q, want %q", test.in, got, test.undo)
		}
		if got := string(f.modes.redo(nil)); got != test.redo {
			t.Errorf("%q is done again by %q, want %q", test.in, got, test.redo)
		}
	}
}

// allowed is another way to say what may pass than the Filter's own.
var allowed = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`[^\x00-\x1f\x7f-\x9f\x{202a}-\x{202e}\x{2066}-\x{2069}]`,
	`[\n\r\t\x08]`,
	`\x1b[78M]`,
	`\x1b\[[0-9;:]*m`,
	`\x1b\[[0-9]{0,5}[ABCDEFGIZ` + "`" + `adeX@PLMSTb]`,
	`\x1b\[(?:[0-9]{0,5};)?[0-9]{0,5}[Hfr]`,
	`\x1b\[[0-2]?[JK]`,
	`\x1b\[[su]`,
	`\x1b\[4[hl]`,
	`\x1b\[\?(?:(?:2026|25|7|1000|1002|1003|1006|2004|1049);?)+[hl]`,
	`\x1b\]52;c;[A-Za-z0-9+/=]{1,8}\x07`,
}, "|") + `)*$`)

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"text\x1b[1mbold\x1b[m", "\x1b]52;c;aGk=\a", "\x1b[?1049h\x1b[?25l", "\x1bPq\x1b\\", "\x1b[\x1b[\x1b", "\xf0\x9f\x99", "\x1b]\x1b\x1b\\",
		"\u009b6n", "\x1b[38;2;1;2;3m", "\x1b(\x1b[6n", "\x1b[1\x18n",
	} {
		f.Add([]byte(seed), 1, false)
		f.Add([]byte(seed), 3, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int, clips bool) {
		whole, parts := &Filter{}, &Filter{}
		if clips {
			whole.Clipboard, parts.Clipboard = 8, 8
		}
		got := whole.Append(nil, in)
		if !utf8.Valid(got) || !allowed.Match(got) {
			t.Fatalf("%q let through %q", in, got)
		}
		if len(got) > 3*len(in)+1 {
			t.Fatalf("%d bytes became %d", len(in), len(got))
		}
		if bytes.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) && r > 0x7e }) {
			t.Fatalf("%q has a control", got)
		}
		var pieces []byte
		for rest := in; len(rest) > 0; {
			n := min(len(rest), max(1, cut))
			pieces = parts.Append(pieces, rest[:n])
			rest = rest[n:]
		}
		if !bytes.Equal(got, pieces) {
			t.Fatalf("%q in pieces of %d is %q, whole %q", in, cut, pieces, got)
		}
		undone := append(got, whole.modes.undo(nil)...)
		again := &Filter{}
		if back := again.Append(nil, undone); !clips && !bytes.Equal(back, undone) {
			t.Fatalf("what passed and is undone, %q, does not pass: %q", undone, back)
		}
		if n := again.modes.undo(nil); !bytes.Equal(n, []byte("\x1b[m")) && !again.modes.region {
			t.Fatalf("%q leaves %q to be undone", undone, n)
		}
	})
}
