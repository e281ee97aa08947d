package main

import (
	"testing"

	"github.com/outwork-go/outwork/internal/ptytest"
)

// A terminal has colours unless the environment says that it has none.
func TestColoursOfTerminals(t *testing.T) {
	p := ptytest.Open(t, 80, 24)
	for _, name := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"} {
		t.Setenv(name, "")
	}
	t.Setenv("TERM", "xterm")
	if !colours(p.TTY) {
		t.Error("a terminal has no colours")
	}
	for _, off := range [][2]string{{"NO_COLOR", "1"}, {"CLICOLOR", "0"}, {"TERM", dumb}} {
		t.Run(off[0], func(t *testing.T) {
			t.Setenv(off[0], off[1])
			if colours(p.TTY) {
				t.Error("it has colours")
			}
		})
	}
}
