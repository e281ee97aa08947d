package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestWithout(t *testing.T) {
	own, known := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	var on hopList
	own.Var(&on, "on", "")
	own.String("ssh", "", "")
	known.AddFlagSet(own)
	known.Bool("json", false, "")
	known.String("output", "", "")
	for line, want := range map[string]string{
		"call --on a x":                         "call x",
		"call x --on a --on=b y --ssh z":        "call x y",
		"call --output --on x":                  "call --output --on x",
		"call --output=--on --on x y":           "call --output=--on y",
		"call --json --on x y":                  "call --json y",
		"call --json=false --on x y":            "call --json=false y",
		"call --on -- x -- --on y":              "call x -- --on y",
		"call x on=y --unknown --on z -x -":     "call x on=y --unknown -x -",
		"call x --on":                           "call x",
		"call -- --on x":                        "call -- --on x",
		"call --ssh=--on --on --ssh --json yes": "call --json yes",
	} {
		if got := without(strings.Fields(line), known, own); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
