package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
)

const elsewhereHelp = `

With --on, all of it happens on that host, by this same program, as the user there: what
the command line names is there too. Standard input, output and errors are carried over,
and so is the exit status.`

// runnable is cmd with the flag --on: on a host, this same program is run there with the
// rest of the command line.
func (a *app) runnable(cmd *cobra.Command) *cobra.Command {
	return a.runnableBy(cmd, &hostFlags{})
}

// runnableBy is runnable for a verb that goes to hosts by itself too: h says how.
func (a *app) runnableBy(cmd *cobra.Command, h *hostFlags) *cobra.Command {
	own := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	own.SortFlags, cmd.Flags().SortFlags = false, false
	own.Var(&h.on, "on", "the host to do it on, as in ssh://db1 or sudo://root;\nwhen repeated, the hops to it, in order")
	h.addWay(own)
	cmd.Flags().AddFlagSet(own)
	completeHosts(cmd)
	here, offer := cmd.RunE, cmd.ValidArgsFunction
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(h.on) == 0 {
			return here(cmd, args)
		}
		return a.elsewhere(cmd, h, own)
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(h.on) > 0 || offer == nil { // what is there is not looked up
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offer(cmd, args, begun)
	}
	text, statuses := exitStatuses(cmd.Long)
	cmd.Long = withStatuses(text+elsewhereHelp, andLost(statuses))
	cmd.Example += "\n  " + strings.Replace(strings.TrimSpace(firstLine(cmd.Example)), cmd.Name(), cmd.Name()+" --on ssh://db1", 1)
	return cmd
}

// andLost is statuses with that of a host that is not reached, if it is not there.
func andLost(statuses []exitStatus) []exitStatus {
	lost := strconv.Itoa(statusLost)
	if slices.ContainsFunc(statuses, func(s exitStatus) bool { return s.number == lost }) {
		return statuses
	}
	at := slices.IndexFunc(statuses, func(s exitStatus) bool { n, _ := strconv.Atoi(s.number); return n > statusLost })
	if at < 0 {
		at = len(statuses)
	}
	return slices.Insert(statuses, at, exitStatus{lost, "with --on: the host cannot be reached, or was lost"})
}

// elsewhere runs this command line on a host, but for the flags that say where that is.
func (a *app) elsewhere(cmd *cobra.Command, h *hostFlags, own *pflag.FlagSet) error {
	ds, err := h.destinations()
	if err != nil {
		return err
	}
	var m outwork.Manager
	if err := h.prepare(&m); err != nil {
		return err
	}
	ctx, stop := a.begin(cmd.Context(), 0)
	defer stop()
	defer m.Close()
	defer suspendable(&m)()
	line := append([]string{cmd.Root().Name()}, without(a.args, cmd.Flags(), own)...)
	return a.commandOnOne(ctx, &runOptions{}, &m, ds[0], program.Command{Argv: line, Self: true})
}

// without is args without the flags of own. known are all flags that args may hold.
func without(args []string, known, own *pflag.FlagSet) (rest []string) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(rest, args[i:]...)
		}
		name, isFlag := strings.CutPrefix(arg, "--")
		name, _, together := strings.Cut(name, "=")
		n := 1 // words of the flag and its value
		if f := known.Lookup(name); isFlag && f != nil && f.NoOptDefVal == "" && !together {
			n = min(2, len(args)-i)
		}
		if !isFlag || own.Lookup(name) == nil {
			rest = append(rest, args[i:i+n]...)
		}
		i += n - 1
	}
	return slices.Clip(rest)
}
