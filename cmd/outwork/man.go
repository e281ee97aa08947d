package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/cmd/outwork/internal/control"
	"github.com/outwork-go/outwork/internal/service/command/roff"
	"github.com/outwork-go/outwork/script/python"
)

func (a *app) manVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "man [flags] DIR",
		Short: "Write the manual pages of this command into a folder",
		Long: `Man writes a manual page for this command and each of its verbs, outwork.1 and
outwork-VERB.1, into the folder DIR, which is made if need be, and prints their names.
They say what --help does.

Exit status:
  0    all were written
  1    one could not be written
  2    the command line is wrong, or the folder cannot be made`,
		Example: `  outwork man man1
  outwork man /usr/local/share/man/man1
  outwork man man1 && man -l man1/outwork-run.1`,
		Args:              oneArgument("there is no folder: name one, as in %s man1"),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.man(cmd.Root(), args[0]) },
		ValidArgsFunction: completeFolder,
	}
}

// man is the verb.
func (a *app) man(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage("cannot make the folder %s: %v", dir, bare(err))
	}
	for _, cmd := range verbs(root) {
		file := filepath.Join(dir, pageName(cmd)+".1")
		if err := os.WriteFile(file, manPage(cmd), 0o666); err != nil {
			return &failure{status: statusFailed, Kind: kindOther, Message: fmt.Sprintf("cannot write %s: %v", file, bare(err))}
		}
		if err := a.write([]byte(file + "\n")); err != nil {
			return err
		}
	}
	return nil
}

// verbs are cmd and the verbs below it, but for those that are hidden.
func verbs(cmd *cobra.Command) (all []*cobra.Command) {
	all = append(all, cmd)
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			all = append(all, verbs(verb)...)
		}
	}
	return all
}

// pageName is the name of a verb's page.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is the manual page of a verb, in roff.
func manPage(cmd *cobra.Command) []byte {
	var p page
	p.Title(pageName(cmd), 1, "outwork", "User Commands")
	p.Section("NAME")
	p.WriteString(roff.Inline(pageName(cmd)) + ` \- ` + roff.Inline(strings.ToLower(cmd.Short[:1])+cmd.Short[1:]) + "\n")
	p.Section("SYNOPSIS")
	for _, line := range synopses(cmd) {
		p.Line(roff.Bold(cmd.CommandPath()) + roff.Inline(strings.TrimPrefix(line, cmd.CommandPath())))
	}
	text, statuses := exitStatuses(cmd.Long)
	p.Section("DESCRIPTION")
	p.prose(text)
	p.verbs(cmd)
	p.options(cmd.Flags())
	if len(statuses) > 0 {
		p.Section("EXIT STATUS")
	}
	for _, s := range statuses {
		p.Item(roff.Bold(s.number), s.means)
	}
	if !cmd.HasParent() {
		p.environment()
	}
	p.Section("EXAMPLES")
	for line := range strings.Lines(cmd.Example) {
		p.Lines(strings.TrimSpace(line))
	}
	p.seeAlso(cmd)
	return []byte(p.String())
}

// page is a manual page while it is written.
type page struct{ roff.Page }

// prose writes help: paragraphs, and as they are the lines that are indented.
func (p *page) prose(text string) {
	var filled, kept []string
	flush := func() {
		p.Text(strings.Join(filled, "\n"))
		if len(kept) > 0 {
			p.Lines(kept...)
		}
		filled, kept = nil, nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, "  ")
		if indented != (len(kept) > 0) && len(kept) > 0 || line == "" {
			flush()
		}
		if indented {
			kept = append(kept, strings.TrimPrefix(line, "  "))
		} else {
			filled = append(filled, line)
		}
	}
	flush()
}

// verbs are those below cmd.
func (p *page) verbs(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	p.Section("VERBS")
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			p.Item(roff.Bold(verb.Name()), verb.Short+".")
		}
	}
}

// options are the flags.
func (p *page) options(f *pflag.FlagSet) {
	p.Section("OPTIONS")
	f.VisitAll(func(f *pflag.Flag) {
		word, text := pflag.UnquoteUsage(f)
		term := roff.Bold("--" + f.Name)
		if f.Shorthand != "" {
			term = roff.Bold("-"+f.Shorthand) + ", " + term
		}
		switch {
		case word != "" && f.NoOptDefVal != "":
			term += "[=" + roff.Italic(word) + "]"
		case word != "":
			term += " " + roff.Italic(word)
		}
		if shown := f.DefValue; word != "" && !strings.Contains(text, "(default") && shown != "" && shown != "[]" && shown != "0" {
			text += " (default: " + strings.Trim(shown, "[]") + ")"
		}
		p.Item(term, text)
	})
}

// environment is what of the environment means something to this command.
func (p *page) environment() {
	p.Section("ENVIRONMENT")
	for _, v := range [][2]string{
		{sshVariable, "The command line of ssh, for what has no --ssh."},
		{python.Variable, "The Python interpreter, for what has no --python."},
		{control.Variable, "The control socket of outwork listen, for what has no --socket."},
		{"NO_COLOR, CLICOLOR=0", "Write no colours, on terminals too. So does TERM=dumb, which has no line of progress either."},
		{"CLICOLOR_FORCE", "Write colours into files and pipes too, if it is neither empty nor 0."},
	} {
		p.Item(roff.Bold(v[0]), v[1])
	}
}

// seeAlso names the pages around that of cmd.
func (p *page) seeAlso(cmd *cobra.Command) {
	var names []string
	if cmd.HasParent() {
		names = append(names, pageName(cmd.Parent()))
	}
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			names = append(names, pageName(verb))
		}
	}
	p.Section("SEE ALSO")
	for i, name := range names {
		end := ","
		if i == len(names)-1 {
			end = ""
		}
		fmt.Fprintf(p, ".BR %s (1)%s\n", roff.Quote(name), end)
	}
}
