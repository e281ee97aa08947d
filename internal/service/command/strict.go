package command

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// settle makes cmd and the verbs below it speak as one command: what is wrong with
// their arguments and flags is a failure of usage in a sentence of this command's
// own, whoever made them, and no text of cobra's is left in them.
func settle(cmd *cobra.Command) {
	if !cmd.Runnable() {
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, missingVerb
	}
	check := cmd.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return argsError(cmd, args, err)
		}
		return flagsError(cmd)
	}
	cmd.InitDefaultHelpFlag()
	cmd.Flags().Lookup("help").Usage = "show this help"
	cmd.Flags().VisitAll(func(f *pflag.Flag) { completeFlag(cmd, f) })
	for _, verb := range cmd.Commands() {
		settle(verb)
	}
}

// argsError is err, of checking args, in a sentence that says which argument is
// missing or too many.
func argsError(cmd *cobra.Command, args []string, err error) error {
	if f := shell.FailureOf(err); f.Status == shell.Usage {
		return f
	}
	words, needed := strings.Fields(operands(cmd)), 0
	for needed < len(words) && !strings.HasPrefix(words[needed], "[") {
		needed++
	}
	switch {
	case len(args) < needed:
		return shell.Usagef("%s is missing: see %s --help", words[len(args)], cmd.CommandPath())
	case len(args) > len(words):
		return shell.Usagef("%q is one argument too many: see %s --help", args[len(words)], cmd.CommandPath())
	}
	return shell.Usagef("%v: see %s --help", err, cmd.CommandPath())
}

// operands are the arguments in the usage line of cmd.
func operands(cmd *cobra.Command) string {
	_, words, _ := strings.Cut(cmd.Use, " ")
	return words
}

// exclusive is how cobra notes at a flag the groups of which one may be given.
const exclusive = "cobra_annotation_mutually_exclusive"

// flagsError is what is wrong with the flags together, which cobra itself would
// tell after the arguments.
func flagsError(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range f.Annotations[exclusive] {
			for name := range strings.FieldsSeq(group) {
				if name != f.Name && cmd.Flags().Changed(name) {
					err = shell.Usagef("--%s and --%s cannot be given together: see %s --help", name, f.Name, cmd.CommandPath())
				}
			}
		}
	})
	if err != nil {
		return err
	}
	if err = cmd.ValidateRequiredFlags(); err == nil {
		err = cmd.ValidateFlagGroups()
	}
	if err != nil {
		return shell.Usagef("%v: see %s --help", err, cmd.CommandPath())
	}
	return nil
}

// completeFlag offers files for a flag whose value is said to be one, and nothing
// for others that say nothing themselves.
func completeFlag(cmd *cobra.Command, f *pflag.Flag) {
	if _, ok := cmd.GetFlagCompletionFunc(f.Name); ok {
		return
	}
	offer := cobra.ShellCompDirectiveNoFileComp
	switch word, _ := pflag.UnquoteUsage(f); {
	case word == "file", word == "path", optionWord(f, word) == "FILE":
		return // as shells do by themselves
	case word == "directory":
		offer = cobra.ShellCompDirectiveFilterDirs
	}
	_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(nil, offer)) // it is there
}
