package command

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/spell"
)

// flagError is err, of reading the flags of cmd, in a sentence of this command's
// own.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return shell.Usagef("--%s %q: %v", e.GetFlag().Name, e.GetValue(), problemOf(e.Unwrap()))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return shell.Usagef("--%s needs a value: see %s --help", e.GetFlag().Name, cmd.CommandPath())
	}
	return shell.Usagef("%v", err)
}

// problemOf is err in words that say what would be right.
func problemOf(err error) string {
	if strings.Contains(err.Error(), "ParseBool") {
		return "it takes true or false, or nothing for true"
	}
	if _, ok := errors.AsType[*strconv.NumError](err); ok {
		return "it takes an integer"
	}
	return err.Error()
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	name := e.GetSpecifiedName()
	if short := e.GetSpecifiedShortnames(); short != "" {
		if strings.ContainsAny(name, "0123456789.") {
			return shell.Usagef("-%s is no flag: write -- before an argument that begins with a dash", short)
		}
		return shell.Usagef("there is no flag -%s: see %s --help", name, cmd.CommandPath())
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := spell.Nearest(name, known); near != "" {
		return shell.Usagef("there is no flag --%s: did you mean --%s?", name, near)
	}
	return shell.Usagef("there is no flag --%s: see %s --help", name, cmd.CommandPath())
}

// unknownVerb says what was probably meant by word behind cmd.
func unknownVerb(cmd *cobra.Command, word string) error {
	var known []string
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			known = append(known, verb.Name())
		}
	}
	if near := spell.Nearest(word, known); near != "" {
		return shell.Usagef("there is no command %q: did you mean %s %s?", cmd.CommandPath()+" "+word, cmd.CommandPath(), near)
	}
	return shell.Usagef("there is no command %q: see %s --help", cmd.CommandPath()+" "+word, cmd.CommandPath())
}
