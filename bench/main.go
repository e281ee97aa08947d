// Command bench measures outwork beside what it competes with, and beside what
// the kernel costs alone, in one run on this machine:
//
//	cd bench && go run . [-quick] [-only NAME] [-write FILE]
//
// It prints Markdown, a section for each table. With -write the same sections replace
// those of a report, each as soon as it is measured: what an interrupted run has not got
// to is measured with -only, and so is one table again alone. How to read them is
// said in the report: introduction.
//
// The command starts itself again: as a probe, the client that measures one
// contender and prints readings; as that contender's server; as a user who
// floods it; and as a link that is late. It also builds the small programs below
// programs/ and outwork's command, because what a start costs depends on what a
// program imports.
//
// It needs Linux, and the programs dbus-daemon and sudo. What acts as several
// users is measured only when root runs it, and said not to be otherwise. Beside
// Python's contenders it runs Debian's interpreter, or the one that OUTWORK_PYTHON
// names, and what that lacks (Debian's package python3-mitogen) is said too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The first argument of a process of this program that another started.
const (
	roleProbe = "probe"
	roleServe = "serve"
	roleFlood = "flood"
	roleDelay = "delay"
)

// isRole reports whether a process was started by another of this program.
func isRole(arg string) bool {
	return slices.Contains([]string{roleProbe, roleServe, roleFlood, roleDelay}, arg)
}

func main() {
	outworkMain()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && isRole(args[0]) {
		return subordinate(args[0], args[1:])
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "fewer and shorter rounds")
	flags.StringVar(&o.only, "only", "", "the `name` of the tables to measure: "+strings.Join(tableNames(), ", "))
	flags.StringVar(&o.write, "write", "", "a `file` in which the sections of these tables are replaced")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return measure(ctx, os.Stdout, os.Stderr, o)
}

// subordinate is a process that was started to probe or to serve. It ends when
// the one that started it has closed its standard input.
func subordinate(role string, args []string) error {
	switch role {
	case roleFlood:
		return flood(args)
	case roleDelay:
		return delayedCommand(args)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if role == roleServe {
		return serve(args)
	}
	return runProbe(args)
}

// settings is how much to measure.
type settings struct {
	Rounds int
	Budget time.Duration // of measuring, for one contender in one round
	Starts int           // processes started, for one contender in one round
	Shares int           // containers shared
	Load   time.Duration // of serving a crowd, in one round
	Lines  int           // printed
	Files  int           // read
	Bulk   int           // bytes that cross to a host, or from it, at once; whole MiB
	Crowd  int           // hosts that have joined one manager
}

func settingsFor(quick bool) settings {
	if quick {
		return settings{
			Rounds: 3, Budget: 80 * time.Millisecond, Starts: 5, Shares: 10_000, Load: time.Second,
			Lines: 20_000, Files: 2_000, Bulk: 32 << 20, Crowd: 100,
		}
	}
	return settings{
		Rounds: 5, Budget: 300 * time.Millisecond, Starts: 15, Shares: 100_000, Load: 4 * time.Second,
		Lines: 200_000, Files: 20_000, Bulk: 100 << 20, Crowd: 1000,
	}
}
