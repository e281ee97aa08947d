package service

import (
	"cmp"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// policyFlags say where the policy files are.
type policyFlags struct {
	dir   string
	named bool // by a flag: a directory that is not there is a slip then
	dev   bool // as a daemon of one's own reads them
}

// load is the policy of the files and of the code.
func (p *program) load(f policyFlags) (*policy.Policy, error) {
	o := daemonFlags{dev: f.dev, policyNamed: f.named}
	if f.named {
		o.policy = f.dir
	}
	pol, err := policy.Load(p.policyConfig(o))
	if err != nil {
		return nil, shell.Failf(shell.Failed, "%s", strings.TrimSpace(err.Error()))
	}
	return pol, nil
}

// rulesOf are the rules that code declares, by function.
func rulesOf(functions []*api.Function) map[string]policy.Rule {
	rules := make(map[string]policy.Rule, len(functions))
	for _, f := range functions {
		rules[f.Link.Name] = f.Rule
	}
	return rules
}

func (p *program) policyVerb() *cobra.Command {
	var o policyFlags
	verb := &cobra.Command{
		Use: "policy", Short: "Check the policy, or explain what it decides",
		Long: "The policy is made of the files in " + p.PolicyDir + ", in the order of their names, and then of what the program declares. " +
			"The first rule that matches the caller decides; when none does, the call is denied.",
		Args: cobra.NoArgs,
	}
	verb.PersistentFlags().StringVar(&o.dir, "dir", p.PolicyDir, "the `directory` of the policy files")
	verb.PersistentFlags().BoolVar(&o.dev, "dev", false, "go by what a daemon of your own would ("+p.Name+" daemon --dev): files may be yours, none is read without --dir, and you are what root is")
	verb.AddCommand(p.policyCheck(&o), p.policyExplain(&o))
	return verb
}

func (p *program) policyCheck(o *policyFlags) *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Read the policy files as the daemon would, and say what is wrong",
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.named = cmd.Flags().Changed("dir")
			pol, err := p.load(*o)
			if err != nil {
				return err
			}
			for _, path := range pol.Ignored {
				fmt.Fprintf(cmd.OutOrStdout(), "ignored: %s (policy files end in .yaml)\n", path)
			}
			for _, absent := range pol.Absent {
				fmt.Fprintf(cmd.OutOrStdout(), "matches nobody: %s\n", absent)
			}
			from := " of " + o.dir
			if o.dev && !o.named {
				from = ""
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the policy is well-formed: %s%s; a running daemon takes it on SIGHUP\n", extent(pol), from)
			return nil
		},
	}
}

// extent is how much a policy's files say, as "3 rules in 2 files".
func extent(pol *policy.Policy) string {
	return counted(pol.Rules, "rule") + " in " + counted(pol.Files, "file")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (p *program) policyExplain(o *policyFlags) *cobra.Command {
	var who subjectFlags
	c := &cobra.Command{
		Use:   "explain [FUNCTION...]",
		Short: "Say whether a user may call a function, and by which rule",
		Long: "Says whether a user may call a function, and by which line of which file, or which declaration of the program. Without a function it tells of all. " +
			"It reads the files as they are now; a running daemon goes by those that it read when it started, or last got SIGHUP.",
		Example: fmt.Sprintf("  %s policy explain --uid 1000 %s", p.Name, p.Functions[0].Link.Name),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.functionNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			o.named = cmd.Flags().Changed("dir")
			text, err := p.explain(*o, who, names)
			fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().StringVar(&who.uid, "uid", "", "the user's `number`; without --uid and --user, you")
	c.Flags().StringVar(&who.user, "user", "", "the user's `name`")
	c.Flags().StringSliceVar(&who.gids, "gid", nil, "`numbers` of groups that the user is in besides those of the group file")
	c.MarkFlagsMutuallyExclusive("uid", "user")
	_ = c.RegisterFlagCompletionFunc("user", completeUser) // it is there
	return c
}

func (p *program) functionNames() []string {
	names := make([]string, len(p.Functions))
	for i, f := range p.Functions {
		names[i] = f.Link.Name
	}
	return names
}

func (p *program) explain(o policyFlags, who subjectFlags, names []string) (string, error) {
	known := p.functionNames()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return "", shell.Usagef("there is no function %q; functions are %s", name, strings.Join(known, ", "))
		}
	}
	subject, words, err := who.subject()
	if err != nil {
		return "", err
	}
	pol, err := p.load(o)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		names = known
	}
	var b strings.Builder
	fmt.Fprintf(&b, "for %s\n", words)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s", name, pol.Explain(subject, name))
	}
	return b.String(), nil
}

// subjectFlags say of whom a policy is explained.
type subjectFlags struct {
	uid, user string
	gids      []string
}

// subject is the user, with the groups that they would have if they logged in
// now.
func (f subjectFlags) subject() (policy.Subject, string, error) {
	s := policy.Subject{}
	u, err := f.lookup()
	if err != nil {
		return s, "", err
	}
	if s.UID, err = number("--uid", u.Uid); err != nil {
		return s, "", err
	}
	groups := slices.Clone(f.gids)
	if u.Gid != "" {
		own, _ := u.GroupIds()
		groups = append(append(groups, u.Gid), own...)
	}
	for _, g := range groups {
		id, err := number("--gid", g)
		if err != nil {
			return s, "", err
		}
		s.Groups = append(s.Groups, id)
	}
	slices.Sort(s.Groups)
	s.Groups = slices.Compact(s.Groups)
	return s, subjectWords(s, u.Username), nil
}

// lookup is the user; one who is in no user database has a number alone.
func (f subjectFlags) lookup() (*user.User, error) {
	switch {
	case f.user != "":
		u, err := user.Lookup(f.user)
		if err != nil {
			return nil, shell.Usagef("there is no user %q on this host", f.user)
		}
		return u, nil
	case f.uid != "":
		if _, err := number("--uid", f.uid); err != nil {
			return nil, err
		}
		if u, err := user.LookupId(f.uid); err == nil {
			return u, nil
		}
		return &user.User{Uid: f.uid}, nil
	}
	return user.Current()
}

func number(flag, text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, shell.Usagef("%s is %q, and must be a number of 32 bits", flag, text)
	}
	return uint32(n), nil
}

// subjectWords are a subject as people know it.
func subjectWords(s policy.Subject, name string) string {
	var groups []string
	for _, id := range s.Groups {
		group := strconv.FormatUint(uint64(id), 10)
		if g, err := user.LookupGroupId(group); err == nil {
			group += " (" + g.Name + ")"
		}
		groups = append(groups, group)
	}
	words := fmt.Sprintf("uid %d", s.UID)
	if name != "" {
		words += " (" + name + ")"
	}
	words += ", groups " + cmp.Or(strings.Join(groups, ", "), "none")
	return string(output.Sanitize([]byte(words)))
}
