package shell

import (
	"testing"
	"time"
)

func TestKebab(t *testing.T) {
	for name, want := range map[string]string{
		"name": "name", "max_size": "max-size", "maxSize": "max-size", "MaxSize": "max-size", "HTTPPort": "http-port",
		"userID": "user-id", "v6Only": "v6-only", "": "", "A": "a", "unit.name": "unit-name",
	} {
		if got := Kebab(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text          string
		indent, width int
		want          string
	}{
		{"", 2, 20, ""},
		{"one two three four", 2, 12, "  one two\n  three four\n"},
		{"one\ntwo\n\n\nthree", 0, 40, "one two\n\nthree\n"},
		{"a-very-long-word and", 4, 10, "    a-very-long-word\n    and\n"},
		{"äöü äöü äöü", 0, 7, "äöü äöü\näöü\n"},
	} {
		if got := Wrap(test.text, test.indent, test.width); got != test.want {
			t.Errorf("%q in %d to %d:\n got %q\nwant %q", test.text, test.indent, test.width, got, test.want)
		}
	}
}

func TestFirstSentence(t *testing.T) {
	for doc, want := range map[string]string{
		"": "", "Set the name.": "Set the name", "Set it. It stays.": "Set it", "Set\nit": "Set it",
		"Version 1.2 of it.\n\nMore.": "Version 1.2 of it",
	} {
		if got := FirstSentence(doc); got != want {
			t.Errorf("of %q: %q, want %q", doc, got, want)
		}
	}
}

func TestTimeout(t *testing.T) {
	var d time.Duration
	v := (*Timeout)(&d)
	for _, bad := range []string{"", "5", "-1s", "0s", "soon"} {
		if v.Set(bad) == nil || d != 0 {
			t.Errorf("%q was taken for %v", bad, d)
		}
	}
	if v.String() != "" {
		t.Errorf("none is %q", v.String())
	}
	for _, good := range []string{"1m", "1m30s", "2h", "500ms"} {
		if err := v.Set(good); err != nil || v.String() != good {
			t.Errorf("%s is %v, %q: %v", good, d, v.String(), err)
		}
	}
}
