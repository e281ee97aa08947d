package command

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/spell"
)

// helpVerb explains other verbs.
func helpVerb() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND...]", Short: "Explain a command",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeVerb,
		RunE: func(cmd *cobra.Command, words []string) error {
			about, err := find(cmd.Root(), words)
			if err != nil {
				return err
			}
			return about.Help()
		},
	}
}

// find is the verb that words name.
func find(cmd *cobra.Command, words []string) (*cobra.Command, error) {
	for _, word := range words {
		next := child(cmd, word)
		if next == nil {
			return nil, unknownVerb(cmd, word)
		}
		cmd = next
	}
	return cmd, nil
}

// completeVerb offers the verbs that may follow those in args.
func completeVerb(cmd *cobra.Command, args []string, begun string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	if cmd, err := find(cmd.Root(), args); err == nil {
		for _, verb := range cmd.Commands() {
			if !verb.Hidden && strings.HasPrefix(verb.Name(), begun) {
				out = append(out, cobra.CompletionWithDesc(verb.Name(), verb.Short))
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// shells write what makes them complete the words of a command.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash": func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"zsh":  (*cobra.Command).GenZshCompletion,
	"fish": func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
}

// completionVerb prints what a shell needs. The shells are those of Linux.
func completionVerb(name string) *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print what makes a shell complete this command",
		Long: "Prints what makes SHELL, one of " + shell.OneOf(names) + ", complete the words of this command.",
		Example: fmt.Sprintf("  source <(%[1]s completion bash)\n"+
			"  %[1]s completion zsh >\"${fpath[1]}/_%[1]s\"\n"+
			"  %[1]s completion fish >~/.config/fish/completions/%[1]s.fish", name),
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				names = nil
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if print, ok := shells[args[0]]; ok {
				return print(cmd.Root(), cmd.OutOrStdout())
			}
			if near := spell.Nearest(args[0], names); near != "" {
				return shell.Usagef("there is no completion for %q: did you mean %s?", args[0], near)
			}
			return shell.Usagef("there is no completion for %q: SHELL is one of %s", args[0], shell.OneOf(names))
		},
	}
}
