package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                             nil,
		" \t\n ":                       nil,
		"ssh":                          {"ssh"},
		"  ssh  -F\tx ":                {"ssh", "-F", "x"},
		`ssh -o "ProxyCommand nc a 1"`: {"ssh", "-o", "ProxyCommand nc a 1"},
		`ssh -F '/a b/c"\d'`:           {"ssh", "-F", `/a b/c"\d`},
		`a\ b c\\d "e\"f\g\\"`:         {"a b", `c\d`, `e"f\g\`},
		`x'y'"z" '' ""`:                {"xyz", "", ""},
		`é "ü ö"`:                      {"é", "ü ö"},
	} {
		if got, err := splitWords(line); !slices.Equal(got, want) || err != nil {
			t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
		}
	}
	for line, want := range map[string]string{`ssh "x`: "a quote", `ssh 'x\`: "a quote", `x\`: "nothing behind the backslash", `"\`: "a quote"} {
		if got, err := splitWords(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v", line, got, err)
		}
	}
}

// A shell splits what has only what splitWords knows of into the same words.
func FuzzSplitWords(f *testing.F) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Fatal(err) // any Unix has one
	}
	for _, line := range []string{`a "b c" 'd"e' \f\ g`, `"\x\\\""`, `''`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Trim(line, `abcdefgxyz "'\`) != "" {
			t.Skip("a shell sees more in it")
		}
		out, shellErr := exec.CommandContext(t.Context(), sh, "-c", "printf '[%s]' "+line).Output()
		words, err := splitWords(line)
		if err != nil {
			return // what ends in the middle is an error here, and not of every shell
		}
		if want := "[" + strings.Join(words, "][") + "]"; string(out) != want || shellErr != nil {
			t.Errorf("%s: got %q, %v; want %s", line, out, shellErr, want)
		}
	})
}
