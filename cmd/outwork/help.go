package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// The groups of verbs in help.
const (
	groupWork     = "work"
	groupBytes    = "bytes"
	groupHosts    = "hosts"
	groupServices = "services"
	groupSelf     = "self"
)

func groups() []*cobra.Group {
	return []*cobra.Group{
		{ID: groupWork, Title: "Scripts and commands"},
		{ID: groupBytes, Title: "Bytes"},
		{ID: groupHosts, Title: "Hosts"},
		{ID: groupServices, Title: "Services"},
		{ID: groupSelf, Title: "This command"},
	}
}

// grouped adds verbs to root, in a group.
func grouped(root *cobra.Command, group string, verbs ...*cobra.Command) {
	for _, verb := range verbs {
		verb.GroupID = group
		root.AddCommand(verb)
	}
}

// settle makes cmd and the verbs below it, whoever made them, speak as one command.
func settle(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.Flags().Lookup("help").Usage = "show this help"
	cmd.Flags().SortFlags = false
	if cmd.HasSubCommands() {
		cmd.Args, cmd.ValidArgsFunction = knownVerb, cobra.NoFileCompletions
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, verb := range cmd.Commands() {
		settle(verb)
	}
}

// helpVerb is the verb help.
func helpVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB...]",
		Short: "Show the help of a verb",
		Long: `Help shows what a verb is for, its flags and its exit statuses, as VERB --help does.

` + printedHelp,
		Example: `  outwork help run
  outwork help hosts check`,
		RunE: explain,
		ValidArgsFunction: func(cmd *cobra.Command, words []string, _ string) (all []cobra.Completion, _ cobra.ShellCompDirective) {
			if about, err := verbOf(cmd.Root(), words); err == nil {
				for _, verb := range about.Commands() {
					if !verb.Hidden {
						all = append(all, cobra.CompletionWithDesc(verb.Name(), verb.Short))
					}
				}
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// printedHelp is for verbs that print what they know.
const printedHelp = `Exit status:
  0    it was printed
  1    it could not be written
  2    the command line is wrong`

// explain shows the help of the verb that words name.
func explain(cmd *cobra.Command, words []string) error {
	about, err := verbOf(cmd.Root(), words)
	if err != nil {
		return err
	}
	return about.Help()
}

// verbOf is the verb that words name.
func verbOf(about *cobra.Command, words []string) (*cobra.Command, error) {
	for _, word := range words {
		verbs := about.Commands()
		at := slices.IndexFunc(verbs, func(verb *cobra.Command) bool { return verb.Name() == word })
		if at < 0 {
			return nil, knownVerb(about, []string{word})
		}
		about = verbs[at]
	}
	return about, nil
}

// help is cobra's help function: it can return no error, and run looks at a's.
func (a *app) help(cmd *cobra.Command, _ []string) {
	a.helpErr = a.write([]byte(helpText(cmd, shell.Width(a.stdout))))
}

// helpText is the help of a verb, for a terminal with so many columns; 0 is none.
func helpText(cmd *cobra.Command, columns int) string {
	var b strings.Builder
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n", strings.TrimSpace(text))
	for _, line := range synopses(cmd) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for _, g := range cmd.Groups() {
		verbsText(&b, cmd, g.Title, g.ID)
	}
	verbsText(&b, cmd, "Verbs", "")
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	fmt.Fprintf(&b, "\nFlags:\n%s", flagsText(cmd.Flags(), columns))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s VERB --help says more of a verb.\n", cmd.CommandPath())
	}
	return b.String()
}

// synopses are the lines that a command line of the verb can be like.
func synopses(cmd *cobra.Command) []string {
	if cmd.HasAvailableSubCommands() {
		return []string{cmd.CommandPath() + " VERB [flags]"}
	}
	lines := strings.Split(cmd.Use, "\n")
	if cmd.HasParent() {
		lines[0] = cmd.Parent().CommandPath() + " " + lines[0]
	}
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

// verbsText writes the verbs below cmd that are in a group.
func verbsText(b *strings.Builder, cmd *cobra.Command, title, group string) {
	width := 0
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			width = max(width, len(verb.Name()))
		}
	}
	for _, verb := range cmd.Commands() {
		if verb.GroupID != group || verb.Hidden {
			continue
		}
		if title != "" {
			fmt.Fprintf(b, "\n%s:\n", title)
			title = ""
		}
		fmt.Fprintf(b, "  %-*s  %s\n", width, verb.Name(), verb.Short)
	}
}

// flagsText is a table of flags.
func flagsText(f *pflag.FlagSet, columns int) string {
	return strings.ReplaceAll(f.FlagUsagesWrapped(columns), " (default ", " (default: ") // as those say it that tell it themselves
}

// exitStatus is one of the endings of a verb.
type exitStatus struct {
	number string
	means  string // with the line ends of help
}

const statusHeading = "Exit status:\n"

// exitStatuses are those that the help of a verb tells, and what else that says.
func exitStatuses(long string) (text string, all []exitStatus) {
	before, rest, ok := strings.Cut(long, statusHeading)
	if !ok {
		return long, nil
	}
	list, behind, _ := strings.Cut(rest, "\n\n")
	for line := range strings.SplitSeq(list, "\n") {
		switch number, means, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case strings.HasPrefix(line, "   ") && len(all) > 0: // goes on
			all[len(all)-1].means += "\n" + strings.TrimSpace(line)
		default:
			all = append(all, exitStatus{number, strings.TrimSpace(means)})
		}
	}
	return strings.TrimSpace(before + behind), all
}

// withStatuses is text, with the exit statuses behind it.
func withStatuses(text string, all []exitStatus) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(text) + "\n\n" + statusHeading)
	for _, s := range all {
		fmt.Fprintf(&b, "  %-4s %s\n", s.number, strings.ReplaceAll(s.means, "\n", "\n       "))
	}
	return strings.TrimSpace(b.String())
}
