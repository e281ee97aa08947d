package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/spell"
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
	if near := spell.Nearest(e.GetSpecifiedName(), known); near != "" {
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
	if near := spell.Nearest(args[0], known); near != "" {
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
