package command

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/roff"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// ManPages are the manual pages of the command and of the daemon, in roff, by
// their files' names: "hostctl.1" and "hostd.8". Those of verbs, the command's,
// that are no functions stand behind the functions.
func ManPages(s *api.Service, verbs ...*cobra.Command) map[string][]byte {
	return map[string][]byte{
		s.Name + ".1":   commandPage(s, verbs),
		s.Daemon + ".8": daemonPage(s),
	}
}

// manual is a manual page while it is written.
type manual struct{ roff.Page }

// commandPage is the page of the command.
func commandPage(s *api.Service, verbs []*cobra.Command) []byte {
	r := newRun(Spec{Service: s}, nil, nil, nil)
	root := r.root()
	var p manual
	p.Title(s.Name, 1, s.Name+" "+s.Version, "User Commands")
	p.Section("NAME")
	p.WriteString(roff.Inline(s.Name) + ` \- ` + roff.Escape(summary(s)) + "\n")
	p.Section("SYNOPSIS")
	if l := r.leaves[root]; l != nil {
		p.Line(synopsisLine(root, l))
	}
	p.Line(roff.Bold(s.Name) + " [" + roff.Italic("OPTIONS") + "] " + roff.Italic("COMMAND"))
	p.Section("DESCRIPTION")
	p.Text(s.Doc)
	p.Text(fmt.Sprintf("What %s does is done by the daemon %s, which runs as root and decides by its policy who may have it done.", s.Name, s.Daemon))
	p.Section("COMMANDS")
	p.functions(r, root)
	p.others(verbs)
	p.Section("OPTIONS")
	p.options(root)
	p.Section("EXIT STATUS")
	for _, st := range shell.Statuses {
		p.Item(roff.Bold(strconv.Itoa(st.Status)), sentence(st.Means))
	}
	p.files(s)
	p.Section("SEE ALSO")
	p.WriteString(".BR " + roff.Quote(s.Daemon) + " (8)\n")
	return []byte(p.String())
}

// summary is what a service is for, as a page's name says it.
func summary(s *api.Service) string {
	doc := shell.FirstSentence(s.Doc)
	if doc == "" {
		return "ask " + s.Daemon
	}
	if len(doc) > 1 && doc[1] >= 'a' && doc[1] <= 'z' { // no abbreviation
		doc = strings.ToLower(doc[:1]) + doc[1:]
	}
	return doc
}

// functions writes the functions at and below cmd.
func (p *manual) functions(r *run, cmd *cobra.Command) {
	if l := r.leaves[cmd]; l != nil {
		p.Subsection(cmd.CommandPath())
		p.Line(synopsisLine(cmd, l))
		p.Text(l.f.Doc)
		p.fields(l)
		p.Text("May be called by " + whoMay(l))
	}
	for _, c := range cmd.Commands() {
		if c.GroupID != otherGroup {
			p.functions(r, c)
		}
	}
}

// synopsisLine is a function's usage.
func synopsisLine(cmd *cobra.Command, l *leaf) string {
	var line strings.Builder
	line.WriteString(roff.Bold(cmd.CommandPath()))
	for _, word := range l.synopsis() {
		line.WriteString(" " + roff.Inline(word))
	}
	return line.String()
}

// fields explains arguments, flags and what of a reply has a doc.
func (p *manual) fields(l *leaf) {
	for _, f := range l.words {
		p.Item(roff.Italic(shell.Placeholder(f.Name)), sentence(shell.Explain(f)))
		p.parts(f)
	}
	for _, f := range l.flags {
		p.Item(strings.TrimSpace(roff.Bold("--"+shell.FlagName(f))+" "+roff.Italic(shell.ValueWord(f))), sentence(shell.Explain(f)))
		p.parts(f)
	}
	if shell.Copies(l.f.Reply) {
		p.Item(roff.Bold("--output")+" "+roff.Italic("FILE"), "Write what the function hands out to this file.")
	}
	if shell.Hands(l.f.Reply) {
		p.Item(roff.Bold("--")+" "+roff.Italic("PROGRAM")+" ["+roff.Italic("ARG")+"...]", "Execute this program with what the function hands out as file descriptor 3, which LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES tell it, as sd_listen_fds(3) has it.")
	}
	if replies := replyTerms(l.f.Reply); len(replies) > 0 {
		p.Text("It replies with")
		for _, d := range replies {
			p.Item(roff.Bold(d.term), sentence(d.text))
		}
	}
}

// parts explains what the JSON of f has in it, indented below f.
func (p *manual) parts(f *schema.Field) {
	parts := shell.Parts(f.Type)
	if len(parts) == 0 {
		return
	}
	p.WriteString(".RS\n")
	for _, part := range parts {
		p.Item(roff.Bold(part.Path)+" "+roff.Italic(part.Word), sentence(part.Text))
	}
	p.WriteString(".RE\n")
}

// others are the verbs that are no functions.
func (p *manual) others(verbs []*cobra.Command) {
	first := true
	for _, c := range verbs {
		if c.Hidden || c.GroupID == functionGroup {
			continue
		}
		if first {
			p.Subsection("Other commands")
			first = false
		}
		p.Item(roff.Bold(c.Name()), sentence(c.Short))
	}
}

func (p *manual) options(root *cobra.Command) {
	show := func(f *pflag.Flag) {
		d := optionTerm(f)
		p.Item(roff.Bold(d.term), sentence(d.text))
	}
	root.PersistentFlags().VisitAll(show)
	show(root.Flags().Lookup("help"))
	if f := root.Flags().Lookup("version"); f != nil {
		show(f)
	}
}

// files are what both pages name.
func (p *manual) files(s *api.Service) {
	p.Section("FILES")
	p.Item(roff.Italic(s.Socket.Path), "The socket of the daemon.")
	p.Item(roff.Italic(s.PolicyDir), "Who may call what: see POLICY in "+s.Daemon+"(8).")
}

// sentence is text with a capital letter and a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// recorded are the functions of s whose calls are recorded.
func recorded(s *api.Service) (names []string) {
	for _, f := range s.Functions {
		if f.Mutates {
			names = append(names, f.Link.Name)
		}
	}
	return names
}

// hasSecrets reports whether some argument of s is secret.
func hasSecrets(s *api.Service) bool {
	for _, f := range s.Functions {
		for i := range f.Args.Fields {
			if f.Args.Fields[i].Secret {
				return true
			}
		}
	}
	return false
}
