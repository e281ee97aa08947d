package shell

import "testing"

func TestVisible(t *testing.T) {
	for s, want := range map[string]string{
		"":                 "",
		"plain, ärgerlich": "plain, ärgerlich",
		"a\x1b[31m\nb":     `a\x1b[31m\nb`,
		"no UTF-8: \xff":   "no UTF-8: \ufffd",
		"\xff\a":           `�\a`,
	} {
		if got := Visible(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
