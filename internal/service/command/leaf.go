package command

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// leaf is the command of a function.
type leaf struct {
	r      *run
	f      *api.Function
	words  []*schema.Field // the positional arguments, in order
	flags  []*schema.Field // the others
	given  map[*schema.Field][]string
	output string
}

// leaf makes cmd the command of f.
func (r *run) leaf(cmd *cobra.Command, f *api.Function) {
	l := &leaf{r: r, f: f, given: map[*schema.Field][]string{}}
	for i := range f.Args.Fields {
		if x := &f.Args.Fields[i]; x.Position >= 0 {
			l.words = append(l.words, x)
		} else {
			l.flags = append(l.flags, x)
		}
	}
	slices.SortFunc(l.words, func(a, b *schema.Field) int { return cmp.Compare(a.Position, b.Position) })
	r.leaves[cmd] = l
	if cmd.HasParent() {
		cmd.Short, cmd.Long = shell.FirstSentence(f.Doc), f.Doc
	}
	cmd.RunE = l.run
	cmd.ValidArgsFunction = l.completeWord
	l.addFlags(cmd)
}

func (l *leaf) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	for _, f := range l.flags {
		v := &value{leaf: l, field: f}
		flag := flags.VarPF(v, shell.FlagName(f), "", f.Doc)
		if f.Type.Kind == schema.Bool {
			flag.NoOptDefVal = "true"
		}
		_ = cmd.RegisterFlagCompletionFunc(flag.Name, v.complete) // it is there
	}
	if shell.Copies(l.f.Reply) {
		flags.StringVar(&l.output, "output", "", "write what the function hands out to this file")
	}
}

// value is a field as a flag: it keeps the text.
type value struct {
	leaf  *leaf
	field *schema.Field
}

// String is the default, as pflag asks for it.
func (v *value) String() string {
	if v.field == nil {
		return ""
	}
	return v.field.Default
}

// Type is the word for a value.
func (v *value) Type() string { return shell.ValueWord(v.field) }

// Set keeps the text: the last one of what is no list.
func (v *value) Set(text string) error {
	v.leaf.given[v.field] = append(v.leaf.given[v.field], text)
	return nil
}

// run calls the function.
func (l *leaf) run(cmd *cobra.Command, args []string) error {
	args, program, err := l.split(cmd, args)
	if err != nil {
		return err
	}
	a := shell.NewArguments(l.f.Args, l.r.shell, subject)
	a.Limit = l.r.Service.Limits.Argument
	defer a.Close()
	if err := l.fill(a, args); err != nil {
		return err
	}
	if err := a.Finish("see " + cmd.CommandPath() + " --help"); err != nil {
		return err
	}
	ctx, end := shell.Begin(cmd.Context(), l.r.timeout)
	defer end()
	if l.r.Grants != nil {
		ctx = l.r.Grants(ctx, l.f)
	}
	job := shell.Job{
		Shell: l.r.shell, Function: l.f.Link, Reply: l.f.Reply, Args: a.Value(), Subject: a.Subject,
		Timeout: l.r.timeout, JSON: l.r.json, Output: l.output, Command: program,
	}
	return job.Run(ctx, l.r.dial)
}

// split parts the arguments from the program that follows "--", where one may.
func (l *leaf) split(cmd *cobra.Command, args []string) (words, program []string, err error) {
	at := cmd.ArgsLenAtDash()
	if at < 0 || !shell.Hands(l.f.Reply) {
		return args, nil, nil
	}
	if at == len(args) {
		return nil, nil, shell.Usagef("there is no program behind --: see %s --help", cmd.CommandPath())
	}
	return args[:at], args[at:], nil
}

// fill sets the fields that are given.
func (l *leaf) fill(a *shell.Arguments, words []string) error {
	for _, f := range l.flags {
		for _, text := range l.given[f] {
			if err := a.Set(f, text); err != nil {
				return err
			}
		}
	}
	for i, word := range words {
		f := l.wordAt(i)
		if f == nil {
			return shell.Usagef("%q is one argument too many", word)
		}
		if err := a.Set(f, word); err != nil {
			return err
		}
	}
	return nil
}

// wordAt is the field of the positional argument i, or nil.
func (l *leaf) wordAt(i int) *schema.Field {
	last := len(l.words) - 1
	switch {
	case i <= last:
		return l.words[i]
	case last >= 0 && l.words[last].Rest:
		return l.words[last]
	}
	return nil
}

// subject is how sentences call a field: as help does.
func subject(f *schema.Field) string {
	if f.Position >= 0 {
		return shell.Placeholder(f.Name)
	}
	return "--" + shell.FlagName(f)
}

// dial connects to the daemon that the flags name.
func (r *run) dial(ctx context.Context) (any, func(), error) {
	return r.Dial(ctx, DialOptions{Dev: r.dev, Socket: r.socket})
}
