package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// completeWord offers values for the next positional argument.
func (l *leaf) completeWord(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	// cobra itself puts a dash behind what was typed before the word at the cursor.
	if at := cmd.ArgsLenAtDash(); at >= 0 && at < len(args) && shell.Hands(l.f.Reply) {
		return nil, cobra.ShellCompDirectiveDefault // a program and its arguments
	}
	f := l.wordAt(len(args))
	if f == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completions(f, begun)
}

// complete offers values for the flag.
func (v *value) complete(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completions(v.field, begun)
}

// completions are the values of f that begin like that: its words, or files.
func completions(f *schema.Field, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if f.Secret || f.Type.Kind == schema.File {
		return nil, cobra.ShellCompDirectiveDefault
	}
	words := f.Limit.Enum
	if t := f.Type; len(words) == 0 && (t.Kind == schema.Bool || t.Kind == schema.List && t.Elem.Kind == schema.Bool) {
		words = []string{"true", "false"}
	}
	if f.Type.Kind == schema.Map {
		words = nil // they are of values, behind a key
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, begun) })
	return words, cobra.ShellCompDirectiveNoFileComp
}
