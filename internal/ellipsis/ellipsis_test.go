package ellipsis

import (
	"strings"
	"testing"
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
