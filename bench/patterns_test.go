package main

import (
	"errors"
	"testing"
)

// What contenders find must be the same, or their times say nothing.
func TestPatternContendersAgree(t *testing.T) {
	for _, d := range patternData {
		data, err := d.make(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range textSets {
			texts := set.texts()
			want := found(t, outworkTexts, texts, data)
			if set.name == "words" && d.name == "text" && want < 10_000 {
				t.Errorf("%d words are found in text made of them", want)
			}
			for _, prepare := range []func([][]byte) (finder, error){coregxTexts, bobuTexts} {
				if got := found(t, prepare, texts, data); got != want && got != panicked {
					t.Errorf("%s in %s: %d and %d matches", set.name, d.name, want, got)
				}
			}
		}
		for _, p := range onePatterns {
			want := found(t, outworkOf, p, data)
			if d.name == "text" && want == 0 {
				t.Errorf("%s is not found in text", p.name)
			}
			if find, err := regexpOf(p); find != nil || err != nil {
				if got := found(t, regexpOf, p, data); got != want {
					t.Errorf("%s in %s: %d and %d matches", p.name, d.name, want, got)
				}
			}
		}
	}
}

// panicked is found for who has panicked.
const panicked = -1

func found[P any](t *testing.T, prepare func(P) (finder, error), what P, data []byte) int {
	t.Helper()
	find, err := prepare(what)
	if errors.Is(err, errPanics) {
		return panicked
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := find(data)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
