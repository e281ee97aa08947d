package spell

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"share", "modules", "code", "lang", "timeout", "log-level", "json"}
	for word, want := range map[string]string{
		"share": "share", "shrae": "share", "shar": "share", "module": "modules", "time-out": "timeout",
		"loglevel": "log-level", "jsno": "json", "x": "", "": "", "frobnicate": "", "lnag": "lang",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "acb", 1},
		{"abc", "ab", 1},
		{"abc", "xabc", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance of %q and %q is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
