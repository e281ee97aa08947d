package boot

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
)

// heard is what a session understands of bytes that arrive in two parts.
func heard(parts ...string) (all []string) {
	s := &session{nonce: "NONCE"}
	for _, p := range parts {
		s.in = append(s.in, p...)
		for {
			e, ok, err := s.understand()
			switch {
			case err != nil:
				return append(all, err.Error())
			case !ok:
			case e.preamble:
				return append(all, fmt.Sprintf("preamble %q", s.in[:frame.PreambleSize]))
			default:
				all = append(all, strings.Join(e.reply, "|"))
				continue
			}
			break
		}
		if len(s.in) > maxLine+len(p) {
			return append(all, "too much is kept")
		}
	}
	return all
}

func TestUnderstand(t *testing.T) {
	preamble := string(frame.Preamble())
	for in, want := range map[string]string{
		"":                                                      "",
		"\x89owk:NONCE\tmiss\tLinux x86_64\n":                   "miss|Linux x86_64",
		"hello\x89owk:NONCE\tend\nbye":                          "end",
		"\x89\x89owk:NONCE\tend\n":                              "end",
		"\x89owk:OTHER\tend\n":                                  "",
		"\x89owk\x89owk:NONCE\t\n":                              "",
		"hi " + preamble + "more":                               fmt.Sprintf("preamble %q", preamble),
		"\x89owk:NONCE\ta\tb\tc\n" + preamble:                   "a|b|c," + fmt.Sprintf("preamble %q", preamble),
		preamble[:11]:                                           "",
		strings.Repeat("x", maxNoise+1):                         errNoise.Error(),
		"\x89owk:NONCE\t" + strings.Repeat("x", maxLine):        errBabble.Error(),
		"\x89owk:NONCE\t" + strings.Repeat("x", maxLine) + "\n": errBabble.Error(),
		strings.Repeat("\x89owk:NONCE\tx\n", maxReplies+1):      strings.Repeat("x,", maxReplies) + errBabble.Error(),
	} {
		if got := strings.Join(heard(in), ","); got != want {
			t.Errorf("%.40q: got %q, not %q", in, got, want)
		}
	}
}

// Where the bytes are cut makes no difference.
func FuzzUnderstand(f *testing.F) {
	f.Add("noise\x89owk:NONCE\tmiss\tLinux x86_64\n"+string(frame.Preamble())+"x", uint(9))
	f.Add("\x89owk\r\n\x89owk:NONCE\t\t\n\x89owk:NON", uint(5))
	f.Fuzz(func(t *testing.T, in string, cut uint) {
		n := int(cut % uint(len(in)+1))
		whole, parts := heard(in), heard(in[:n], in[n:])
		if strings.Join(whole, "\n") != strings.Join(parts, "\n") {
			t.Errorf("%q at once, %q in two parts", whole, parts)
		}
	})
}
