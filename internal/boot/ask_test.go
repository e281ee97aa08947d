package boot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/outwork-go/outwork/host"
)

func TestTidy(t *testing.T) {
	for text, want := range map[string]string{
		"u@db1's password: ":                 "u@db1's password:",
		"one\r\n\n  two\t(yes/no)? ":         "one\ntwo (yes/no)?",
		"\x1b]0;title\x07 clear \x1b[2J":     `^[]0;title\x07 clear ^[[2J`,
		"\u202eright to left\u2028 and back": "",
		"":                                   "",
	} {
		got := tidy(text)
		if want != "" && got != want || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// While somebody thinks, or does what a notice says, the clock stands still.
func TestQuestionsStopTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, q := range []host.Question{{Text: "Touch the key", Notice: true}, {Text: "password:", Secret: true}} {
			s := &session{news: make(chan struct{}, 1), ctx: t.Context(), stall: DefaultStall}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				s.put(func(ctx context.Context, q host.Question) (string, error) {
					if !q.Notice {
						<-ctx.Done()
					}
					return "", ctx.Err()
				})(ctx, q)
			}()
			synctest.Wait()
			if err := s.look(); err != nil || s.asking.Load() != 1 {
				t.Errorf("%q: %v, with %d questions open", q.Text, err, s.asking.Load())
			}
			cancel()
			<-done
			if err := s.look(); err != nil || s.asking.Load() != 0 {
				t.Errorf("%q: then %v, with %d questions open", q.Text, err, s.asking.Load())
			}
		}
	})
}

// A question that is refused, while it is wanted, ends the session with the reason.
func TestRefusedQuestion(t *testing.T) {
	why := errors.New("on holiday")
	for _, test := range []struct {
		q      host.Question
		answer string
		err    error
		stage  host.Stage
		want   string // "": the session goes on
	}{
		{host.Question{Text: "password: ", Secret: true}, "", why, host.Authenticate, `it asked "password:", and got no answer: on holiday`},
		{host.Question{Text: "unknown key\nSure (yes/no)? "}, "", why, host.Connect, `it asked "Sure (yes/no)?", and got no answer: on holiday`},
		{host.Question{Text: "password: ", Secret: true}, "a\nb", nil, host.Authenticate, `it asked "password:", and got no answer: an answer cannot have two lines`},
		{host.Question{Text: "password: ", Secret: true}, "", nil, 0, ""},
	} {
		s := &session{news: make(chan struct{}, 1), ctx: t.Context(), stall: DefaultStall}
		s.put(func(context.Context, host.Question) (string, error) { return test.answer, test.err })(t.Context(), test.q)
		err := s.look()
		f, _ := errors.AsType[*fault](err)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("got %v", err)
		case test.want != "" && (f == nil || f.stage != test.stage || f.Error() != test.want):
			t.Errorf("got %v, want %v: %s", err, test.stage, test.want)
		}
	}
}
