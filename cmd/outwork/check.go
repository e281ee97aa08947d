package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// checker looks at the host of a target. What is known of it comes back with an error
// too. Tests have one of their own.
var checker = func(ctx context.Context, m *outwork.Manager, t outwork.Target) (*host.Report, error) {
	return m.Check(ctx, t)
}

func (a *app) hostsVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "Look at hosts, and say which may join",
		Long: `Hosts tells what can be done on hosts that ssh reaches, and of those that join outwork
listen which have, and by which token they may.`,
		Example: `  outwork hosts check ssh://db1
  outwork hosts joined
  outwork hosts token web1=web1.token`,
	}
	cmd.AddCommand(a.checkVerb(), a.joinedVerb(), a.tokenVerb(), a.revokeVerb())
	return cmd
}

func (a *app) checkVerb() *cobra.Command {
	h := hostFlags{parallel: usualParallel}
	cmd := &cobra.Command{
		Use:   "check [flags] URL...",
		Short: "Reach hosts, and tell what work can be done there",
		Long: `Check reaches each host, or all of --hosts-file, and prints a table: its operating
system and architecture, the user there, the version of python3, what the kernel has to
confine workers with, the time of a round trip, the folder that the agent would be put
in, or is in already, and the time that each stage took. (To connect, to authenticate and
to begin a shell is one stage, which nobody can look into.) Standard error says why the
agent cannot be put elsewhere. Nothing is left on the host.

URL may be a chain of hops, as one argument with spaces; --on is the way to all of them.

Exit status:
  0    all hosts can be used
  1    some cannot be reached, or no agent can run there
  2    the command line is wrong
  130  it was interrupted`,
		Example: `  outwork hosts check ssh://db1 deploy@db2:2222
  outwork hosts check --on ssh://bastion db1 'db2 sudo://root'
  outwork hosts check --json --hosts-file fleet`,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				d, err := parseDestination(arg)
				if err != nil {
					return usage("%s%v", ofChain(arg), err)
				}
				h.hosts = append(h.hosts, d)
			}
			return a.check(cmd.Context(), &h)
		},
		ValidArgsFunction: completeHop,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&a.json, "json", false, "print a JSON object for each host, for programs")
	f.Var(&h.on, "on", "a hop on the way to all hosts; may be repeated")
	f.StringVar(&h.file, "hosts-file", "", "a `file` of hosts, one on each line; # begins a comment")
	f.Var(&h.parallel, "parallel", "how many hosts to check at once")
	h.addWay(f)
	completeHosts(cmd)
	return cmd
}

// ofChain begins what is wrong with one of several hops.
func ofChain(text string) string {
	if len(strings.Fields(text)) < 2 {
		return ""
	}
	return strconv.Quote(text) + ": "
}

// check is the verb.
func (a *app) check(ctx context.Context, h *hostFlags) error {
	if !h.many() {
		return usage("there is no host: name one, as in ssh://db1")
	}
	ds, err := h.destinations()
	if err != nil {
		return err
	}
	var m outwork.Manager
	if err := h.prepare(&m); err != nil {
		return err
	}
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	defer m.Close()
	reports := make([]report, len(ds))
	quiet := *a
	quiet.summaryOf = func(outcomes []outcome) error { return a.complainReports(reports, outcomes) }
	return quiet.onEach(ctx, ds, int(h.parallel), func(ctx context.Context, d destination) (map[string]any, error) {
		r, err := checker(ctx, &m, placed(outwork.Target{}, d))
		found := reportOf(r, err)
		reports[slices.IndexFunc(ds, func(o destination) bool { return o.label == d.label })] = found
		if err == nil {
			return found.json(), found.unusable()
		}
		return found.json(), ending(ctx, d.label, 0, &startError{err})
	})
}

// report is what is known of a host.
type report struct {
	host.Report
	stages []stage
}

// stage is a part of the way to a host.
type stage struct {
	name   string
	took   time.Duration
	failed bool
}

// reportOf is a check's report, or what its error knows of the host.
func reportOf(r *host.Report, err error) (all report) {
	if r != nil {
		all.Report = *r
	}
	for _, t := range all.Times {
		all.stages = append(all.stages, stage{name: stageName(t.Stage.String()), took: t.Took})
	}
	if e, ok := errors.AsType[*host.Error](err); ok {
		all.stages = append(all.stages, stage{name: e.Stage.String(), failed: true})
		if e.Facts != nil {
			all.Facts = *e.Facts
		}
	}
	return all
}

// stageName says what is timed as one.
func stageName(last string) string {
	if last == "shell" {
		return "connect to shell"
	}
	return last
}

// agent is where the agent is, or would be put; "" if nowhere.
func (r *report) agent() string {
	if r.Facts.Cached != "" {
		return r.Facts.Cached
	}
	for _, d := range r.Facts.Dirs {
		if d.Why == "" {
			return d.Path
		}
	}
	if at := slices.IndexFunc(r.Facts.Tools, func(tool string) bool { return tool == "python3" || tool == "perl" }); at >= 0 && r.Facts.OS == "linux" {
		return "memory, by " + r.Facts.Tools[at]
	}
	return ""
}

// refused are the directories that came before where the agent is put, and why they
// will not do.
func (r *report) refused() (all []string) {
	for _, d := range r.Facts.Dirs {
		if d.Path == r.Facts.Cached || d.Why == "" {
			break
		}
		all = append(all, d.Path+": "+d.Why)
	}
	return all
}

// unusable is why no agent can run there.
func (r *report) unusable() error {
	text := ""
	switch {
	case r.Binary != nil:
		text = r.Binary.Error()
	case r.agent() == "":
		text = "there is no folder that an agent can be put in and executed, nor python3 or perl to start it from memory"
	default:
		return nil
	}
	return &failure{status: statusFailed, Kind: kindLost, Message: text}
}

// json is the report for programs.
func (r *report) json() map[string]any {
	stages, dirs, bounds := []map[string]any{}, []map[string]any{}, append([]string{}, r.Facts.Bounds...)
	for _, s := range r.stages {
		if s.failed {
			stages = append(stages, map[string]any{"name": s.name, "failed": true})
			continue
		}
		stages = append(stages, map[string]any{"name": s.name, "seconds": s.took.Seconds()})
	}
	for _, d := range r.Facts.Dirs {
		dirs = append(dirs, map[string]any{"path": d.Path, "why_not": d.Why})
	}
	return map[string]any{
		"os": r.Facts.OS, "arch": r.Facts.Arch, "user": r.Facts.User, "python": r.Facts.Python, "confinement": bounds,
		"agent": r.agent(), "cached": r.Facts.Cached != "", "folders": dirs, "round_trip": r.RoundTrip.Seconds(), "stages": stages,
	}
}

// complainReports prints the table on stdout, and what hosts cannot be used for on
// stderr.
func (a *app) complainReports(reports []report, outcomes []outcome) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tSYSTEM\tUSER\tPYTHON\tCONFINEMENT\tROUND TRIP\tAGENT\tSTAGES")
	for i := range reports {
		fmt.Fprintln(w, outcomes[i].label+"\t"+strings.Join(reports[i].cells(), "\t"))
	}
	w.Flush()
	var err error
	for line := range strings.Lines(b.String()) {
		err = cmp.Or(err, a.write([]byte(strings.TrimRight(firstLine(line), " ")+"\n")))
	}
	for i, o := range outcomes {
		if o.fail != nil {
			a.complain(o.label + ": " + strings.TrimPrefix(o.fail.Message, o.label+": "))
		}
		for _, why := range reports[i].refused() {
			a.complain(o.label + ": no agent in " + why)
		}
	}
	return err
}

// cells are the report as a line of the table, behind the host.
func (r *report) cells() []string {
	system, trip, agent := r.Facts.OS+"/"+r.Facts.Arch, "", r.agent()
	if system == "/" {
		system = ""
	}
	if r.RoundTrip > 0 {
		trip = milliseconds(r.RoundTrip)
	}
	if r.Facts.Cached != "" {
		agent += " (there)"
	}
	cells := []string{system, r.Facts.User, r.Facts.Python, strings.Join(r.Facts.Bounds, ", "), trip, agent, stagesText(r.stages)}
	for i := range cells {
		cells[i] = orDash(cells[i])
	}
	return cells
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return firstLine(s)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2fms", float64(d.Microseconds())/1000)
}

func stagesText(stages []stage) string {
	var all []string
	for _, s := range stages {
		how := milliseconds(s.took)
		if s.failed {
			how = "failed"
		}
		all = append(all, s.name+" "+how)
	}
	return strings.Join(all, ", ")
}
