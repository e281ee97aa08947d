package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/spell"
)

// flagError is err, of reading the flags of cmd, in a sentence of this command's own. It is
// JSON where --json is asked for, be it behind the flag that is wrong.
func (a *app) flagError(cmd *cobra.Command, err error) error {
	if cmd.Flags().Lookup("json") != nil && shell.JSONAsked(a.args) {
		a.json = true
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usage("--%s %q: %v", e.GetFlag().Name, e.GetValue(), valueError(e.Unwrap()))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage("--%s needs a value: see %s --help", e.GetFlag().Name, cmd.CommandPath())
	}
	return usage("%v", err)
}

// valueError is err, of a flag's value, without the words of package strconv.
func valueError(err error) error {
	number, ok := errors.AsType[*strconv.NumError](err)
	switch {
	case !ok:
		return err
	case number.Func == "ParseBool":
		return errors.New("it takes true or false, or nothing for true")
	}
	return errors.New("it is a number")
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	if short := e.GetSpecifiedShortnames(); short != "" {
		return usage("there is no flag -%s: see %s --help", e.GetSpecifiedName(), cmd.CommandPath())
	}
	if flag := e.GetSpecifiedName(); flag == "on" || flag == "hosts" {
		return noHosts(cmd, flag)
	} else if cmd.Flags().Lookup(flag+"-file") != nil {
		return usage("there is no flag --%s: what is secret does not belong on a command line, where every user can see it: use --%[1]s-file", flag)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := nearestFlag(e.GetSpecifiedName(), known); near != "" {
		return usage("there is no flag --%s: did you mean --%s?", e.GetSpecifiedName(), near)
	}
	return usage("there is no flag --%s: see %s --help", e.GetSpecifiedName(), cmd.CommandPath())
}

// nearestFlag is the flag that name was probably meant to be, or "": one with a slip of the
// finger in it, or the only one that begins or ends with it.
func nearestFlag(name string, known []string) (near string) {
	if near = spell.Nearest(name, known); near != "" {
		return near
	}
	for _, k := range known {
		if strings.HasPrefix(k, name+"-") || strings.HasSuffix(k, "-"+name) {
			if near != "" {
				return ""
			}
			near = k
		}
	}
	return near
}

// noHosts is for --on and --hosts where they mean nothing.
func noHosts(cmd *cobra.Command, flag string) error {
	switch {
	case !cmd.HasParent():
		return usage("--%s belongs behind a verb, as in %s run --%[1]s ssh://db1", flag, cmd.Name())
	case cmd.HasSubCommands() && cmd.Name() == "hosts":
		return usage("--%s belongs behind a verb, as in %s check --%[1]s ssh://db1", flag, cmd.CommandPath())
	case cmd.Flags().Lookup("on") != nil:
		return usage("there is no flag --%s: %s works on one host, which --on names", flag, cmd.CommandPath())
	}
	return usage("there is no flag --%s: %s works on this machine alone", flag, cmd.CommandPath())
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
		return usage("there is no verb %q: to run a script, write %s run %[1]s", args[0], cmd.Root().Name())
	}
	return usage("there is no verb %q: see %s --help", args[0], cmd.CommandPath())
}

// noArguments is for verbs that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	return atMost(0)(cmd, args)
}

// oneArgument is for verbs that take one. missing says that there is none; its %s is for the
// command line so far.
func oneArgument(missing string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage(missing, cmd.CommandPath())
		}
		return atMost(1)(cmd, args)
	}
}

// atMost is for verbs that take so many arguments at most.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("%q is one argument too many: see %s --help", args[n], cmd.CommandPath())
		}
		return nil
	}
}
