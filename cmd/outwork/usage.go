package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError is err, of reading the flags of cmd, in a sentence of this command's own.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usage("--%s %q: %v", e.GetFlag().Name, e.GetValue(), e.Unwrap())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage("--%s needs a value: see %s --help", e.GetFlag().Name, cmd.CommandPath())
	}
	return usage("%v", err)
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	if short := e.GetSpecifiedShortnames(); short != "" {
		return usage("there is no flag -%s: see %s --help", e.GetSpecifiedName(), cmd.CommandPath())
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := nearest(e.GetSpecifiedName(), known); near != "" {
		return usage("there is no flag --%s: did you mean --%s?", e.GetSpecifiedName(), near)
	}
	return usage("there is no flag --%s: see %s --help", e.GetSpecifiedName(), cmd.CommandPath())
}

// knownVerb refuses arguments that name no verb.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			known = append(known, verb.Name())
		}
	}
	if near := nearest(args[0], known); near != "" {
		return usage("there is no verb %q: did you mean %s?", args[0], near)
	}
	if _, ok := guestOf(args[0]); ok {
		return usage("there is no verb %q: to run a script, write %s run %[1]s", args[0], cmd.CommandPath())
	}
	return usage("there is no verb %q: see %s --help", args[0], cmd.CommandPath())
}

// noArguments is for verbs that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%q is one argument too many: see %s --help", args[0], cmd.CommandPath())
	}
	return nil
}

// nearest is the one of known that word was probably meant to be, or nothing.
func nearest(word string, known []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out, replaced, or swapped with their
// neighbour to make b of a.
func distance(a, b string) int {
	before, last, next := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(last[j+1]+1, next[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last, next = last, next, slices.Clone(next)
	}
	return last[len(b)]
}
