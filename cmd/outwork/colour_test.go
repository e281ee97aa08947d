package main

import (
	"os"
	"testing"
)

// What forbids colours, what wants them, and which of these wins. The file is no terminal.
func TestColours(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, test := range []struct {
		none, cli, force, term string
		want                   bool
	}{
		{"", "", "", "xterm", false},
		{"", "1", "", "xterm", false},
		{"", "", "0", "xterm", false},
		{"", "", "1", "xterm", true},
		{"", "", "1", dumb, true},
		{"", "0", "1", "xterm", true},
		{"1", "", "1", "xterm", false},
	} {
		for name, value := range map[string]string{"NO_COLOR": test.none, "CLICOLOR": test.cli, "CLICOLOR_FORCE": test.force, "TERM": test.term} {
			t.Setenv(name, value)
		}
		if got := colours(f); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}
