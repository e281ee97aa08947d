package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/asking"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
)

// The groups of verbs in help.
const (
	functionGroup = "functions"
	otherGroup    = "other"
)

// root is the command with all its verbs.
func (r *run) root() *cobra.Command {
	s := r.Service
	root := r.node(s.Name)
	root.Short, root.Long = shell.FirstSentence(s.Doc), s.Doc
	root.Version = s.Version
	root.SetVersionTemplate(fmt.Sprintf("%s %s\n", s.Name, s.Version))
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(r.help)
	root.SetUsageFunc(func(cmd *cobra.Command) error { r.help(cmd, nil); return nil })
	root.AddGroup(&cobra.Group{ID: functionGroup}, &cobra.Group{ID: otherGroup})
	root.SetHelpCommandGroupID(otherGroup)
	r.globalFlags(root.PersistentFlags())
	for _, f := range s.Functions {
		r.add(root, f)
	}
	for _, verb := range r.Extra {
		verb.GroupID = otherGroup
		root.AddCommand(verb)
	}
	if child(root, "describe") == nil {
		verb := asking.DescribeVerb(r.dial, &r.timeout, func() *describe.Description { return describe.Of(s, nil) })
		verb.GroupID = otherGroup
		root.AddCommand(verb)
	}
	_ = root.RegisterFlagCompletionFunc("timeout", cobra.NoFileCompletions) // it is there
	for _, verb := range []*cobra.Command{helpVerb(), completionVerb(s.Name)} {
		verb.GroupID = otherGroup
		root.AddCommand(verb)
	}
	root.SetHelpCommand(child(root, "help"))
	root.InitDefaultHelpFlag()
	if root.InitDefaultVersionFlag(); root.Version != "" {
		root.Flags().Lookup("version").Usage = "print the version"
	}
	settle(root)
	return root
}

// node is a word of the command that is no function, yet.
func (r *run) node(name string) *cobra.Command {
	return &cobra.Command{
		Use:           name,
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE:                  missingVerb,
		ValidArgsFunction:     cobra.NoFileCompletions,
	}
}

// add puts f into the tree below root, with the words before it where they are
// missing.
func (r *run) add(root *cobra.Command, f *api.Function) {
	path, _ := words(r.Service, f.Link.Name) // Check has seen to it
	cmd := root
	for i, word := range path {
		next := child(cmd, word)
		if next == nil {
			next = r.node(word)
			if cmd == root {
				next.GroupID = functionGroup
			}
			next.Long = fmt.Sprintf("These commands begin with %q.", strings.Join(path[:i+1], " "))
			cmd.AddCommand(next)
		}
		if i+1 < len(path) && r.leaves[next] == nil {
			next.Short = joined(next.Short, path[i+1])
		}
		cmd = next
	}
	r.leaf(cmd, f)
}

// joined is the list with word, once.
func joined(list, word string) string {
	words := strings.Split(list, ", ")
	switch {
	case list == "":
		return word
	case slices.Contains(words, word):
		return list
	}
	return list + ", " + word
}

// child is the verb of that name below cmd, or nil.
func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// missingVerb is what a word does that is no function by itself: without more
// words it tells what may follow.
func missingVerb(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownVerb(cmd, args[0])
	}
	if err := cmd.Help(); err != nil || !cmd.HasParent() {
		return err
	}
	return nil
}

func (r *run) globalFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.BoolVar(&r.json, "json", false, "print the reply, or what is wrong, as a line of JSON")
	f.Var((*shell.Timeout)(&r.timeout), "timeout", "how long the call may take at most, as in 30s")
	f.StringVar(&r.socket, "socket", "", "the daemon's socket (default "+r.Service.Socket.Path+")")
	f.BoolVar(&r.dev, "dev", false, "ask a daemon of your own ("+r.Service.Name+" daemon --dev)")
}
