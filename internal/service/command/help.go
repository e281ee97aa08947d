package command

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// The columns of help.
const (
	usualWidth = 80 // where stdout is no terminal
	leastWidth = 40
	mostTerm   = 28 // of what is explained, to have its explanation beside it
	indent     = 2
)

// page is a help text while it is written.
type page struct {
	bytes.Buffer
	width int
}

// help is the help function of all verbs.
func (r *run) help(cmd *cobra.Command, _ []string) {
	p := &page{width: usualWidth}
	if w := shell.Width(cmd.OutOrStdout()); w > 0 {
		p.width = max(leastWidth, w-1)
	}
	l := r.leaves[cmd]
	p.intro(cmd)
	p.usage(cmd, l)
	if l != nil {
		p.function(l)
	}
	p.verbs(r, cmd)
	p.options(r, cmd)
	if !cmd.HasParent() {
		p.section("Exit status", statusTerms())
	} else if cmd.Example != "" {
		fmt.Fprintf(p, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	_, _ = cmd.OutOrStdout().Write(output.Sanitize(p.Bytes())) // there is nobody to tell
}

// intro is what the verb is for. The line ends of a text with indented lines are
// meant.
func (p *page) intro(cmd *cobra.Command) {
	text := strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short))
	switch {
	case text == "":
	case strings.Contains(text, "\n ") || strings.Contains(text, "\n\t"):
		p.WriteString(text + "\n\n")
	default:
		p.WriteString(shell.Wrap(text, 0, p.width) + "\n")
	}
}

// usage is the usage line, and a second one for what else the verb can be.
func (p *page) usage(cmd *cobra.Command, l *leaf) {
	p.WriteString("Usage:\n")
	group := cmd.HasAvailableSubCommands()
	switch {
	case l != nil:
		p.term("  "+cmd.CommandPath(), l.synopsis())
	case !group:
		p.term("  "+cmd.CommandPath(), append([]string{"[OPTIONS]"}, strings.Fields(operands(cmd))...))
	}
	if group {
		fmt.Fprintf(p, "  %s [OPTIONS] COMMAND\n", cmd.CommandPath())
	}
}

// term writes words behind head, those that do not fit on the next line.
func (p *page) term(head string, words []string) {
	column := utf8.RuneCountInString(head)
	p.WriteString(head)
	for _, word := range words {
		n := utf8.RuneCountInString(word)
		if column+1+n > p.width {
			fmt.Fprintf(p, "\n%*s", 2*indent+2, "")
			column = 2*indent + 2
		}
		p.WriteString(" " + word)
		column += 1 + n
	}
	p.WriteByte('\n')
}

// synopsis is what follows the words of the command.
func (l *leaf) synopsis() []string {
	out := []string{"[OPTIONS]"}
	for _, f := range l.flags {
		if shell.Required(f) {
			out = append(out, strings.TrimSpace("--"+shell.FlagName(f)+" "+shell.ValueWord(f)))
		}
	}
	for _, f := range l.words {
		out = append(out, wordOf(f))
	}
	if shell.Hands(l.f.Reply) {
		out = append(out, "[-- PROGRAM [ARG...]]")
	}
	return out
}

// wordOf is a positional argument in a usage line.
func wordOf(f *schema.Field) string {
	word := shell.Placeholder(f.Name)
	if f.Rest {
		word += "..."
	}
	if !shell.Required(f) {
		word = "[" + word + "]"
	}
	return word
}

// definition is something with its explanation.
type definition struct{ term, text string }

// function is what only functions have.
func (p *page) function(l *leaf) {
	var words []definition
	for _, f := range l.words {
		words = append(append(words, definition{wordOf(f), shell.Explain(f)}), partTerms(f)...)
	}
	p.section("Arguments", words)
	p.section("Reply", replyTerms(l.f.Reply))
	fmt.Fprintf(p, "\nWho may call it:\n")
	p.WriteString(shell.Wrap(whoMay(l), indent, p.width))
}

// partTerms are what the JSON of f has in it, to stand below f.
func partTerms(f *schema.Field) (out []definition) {
	for _, part := range shell.Parts(f.Type) {
		out = append(out, definition{strings.Repeat(" ", indent) + part.Path + " " + part.Word, part.Text})
	}
	return out
}

// replyTerms are the fields of a reply.
func replyTerms(t *schema.Type) (out []definition) {
	if t.Kind != schema.Struct {
		return nil
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		text := f.Doc
		if f.Type.Kind == schema.File {
			text = strings.TrimSpace(text + " (is copied to standard output; a socket is given to PROGRAM as fd 3)")
		}
		if text != "" {
			out = append(out, definition{f.Name, text})
		}
	}
	return out
}

// whoMay is who may call a function unless the administrator's files say
// otherwise.
func whoMay(l *leaf) string {
	who := "root"
	switch rule := l.f.Rule; {
	case rule.Kind == policy.Anyone:
		who = rule.String()
	case rule.Kind != policy.Nobody && rule.String() != who:
		who += ", and " + rule.String()
	}
	who += "; files in " + l.r.Service.PolicyDir + " may say otherwise."
	if l.f.Mutates {
		who += " Each call is recorded."
	}
	return who
}

// verbs lists what may follow cmd: functions with all their words, then the
// rest.
func (p *page) verbs(r *run, cmd *cobra.Command) {
	var functions, others []definition
	for _, verb := range cmd.Commands() {
		switch {
		case verb.Hidden:
		case verb.GroupID == functionGroup || cmd.HasParent():
			functions = append(functions, r.commands(verb, cmd.CommandPath())...)
		default:
			others = append(others, definition{verb.Name(), verb.Short})
		}
	}
	p.section("Commands", functions)
	p.section("Other commands", others)
}

// commands are the functions at and below cmd, by what follows path.
func (r *run) commands(cmd *cobra.Command, path string) (out []definition) {
	l := r.leaves[cmd]
	if l != nil || !cmd.HasAvailableSubCommands() {
		term := []string{strings.TrimPrefix(cmd.CommandPath(), path+" ")}
		if l != nil {
			for _, f := range l.words {
				term = append(term, wordOf(f))
			}
		}
		out = append(out, definition{strings.Join(term, " "), cmd.Short})
	}
	for _, verb := range cmd.Commands() {
		if !verb.Hidden {
			out = append(out, r.commands(verb, path)...)
		}
	}
	return out
}

// options are the flags of cmd, its own first.
func (p *page) options(r *run, cmd *cobra.Command) {
	var own, all []definition
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden || cmd.Root().PersistentFlags().Lookup(f.Name) == f:
		case f.Name == "help" || f.Name == "version":
			all = append(all, optionTerm(f))
		default:
			own = append(own, optionTerm(f))
			if v, ok := f.Value.(*value); ok {
				own = append(own, partTerms(v.field)...)
			}
		}
	})
	if r.asks(cmd) {
		var global []definition
		cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
			if cmd == cmd.Root() || cmd.Flags().Lookup(f.Name) == f { // it has none of its own of that name
				global = append(global, optionTerm(f))
			}
		})
		all = slices.Concat(global, all)
	}
	p.section("Options", own)
	p.section(map[bool]string{true: "Options of all commands", false: "Options"}[len(own) > 0], all)
}

// asks reports whether cmd, or what may follow it, asks the daemon.
func (r *run) asks(cmd *cobra.Command) bool {
	return r.leaves[cmd] != nil || cmd.Name() == "describe" || slices.ContainsFunc(cmd.Commands(), r.asks)
}

func optionTerm(f *pflag.Flag) definition {
	term := "--" + f.Name
	if f.Shorthand != "" {
		term = "-" + f.Shorthand + ", " + term
	}
	if v, ok := f.Value.(*value); ok {
		return definition{strings.TrimSpace(term + " " + v.Type()), shell.Explain(v.field)}
	}
	word, text := pflag.UnquoteUsage(f)
	return definition{strings.TrimSpace(term + " " + optionWord(f, word)), text}
}

// optionWord is what stands for a value of a flag that is no field.
func optionWord(f *pflag.Flag, word string) string {
	switch {
	case f.Value.Type() == "bool":
		return ""
	case f.Name == "socket" || f.Name == "output":
		return "FILE"
	}
	return strings.ToUpper(word)
}

// section writes definitions under a heading, and nothing when there is none.
func (p *page) section(heading string, list []definition) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(p, "\n%s:\n", heading)
	column := 0
	for _, d := range list {
		if n := utf8.RuneCountInString(d.term); n <= mostTerm {
			column = max(column, n)
		}
	}
	column += indent + 2
	if column > p.width/2 {
		column = 4 * indent
	}
	for _, d := range list {
		p.define(d, column)
	}
}

// define writes a definition, its explanation from column on.
func (p *page) define(d definition, column int) {
	text := shell.Wrap(d.text, column, p.width)
	head := strings.Repeat(" ", indent) + d.term
	if n := utf8.RuneCountInString(head); n+2 <= column && text != "" {
		text = head + strings.Repeat(" ", column-n) + text[column:]
	} else {
		text = head + "\n" + text
	}
	p.WriteString(text)
}

func statusTerms() []definition {
	var out []definition
	for _, s := range shell.Statuses {
		out = append(out, definition{strconv.Itoa(s.Status), s.Means})
	}
	return out
}
