package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/outwork-go/outwork"
)

// roleVariable says which part a process of this program plays; empty: it is what somebody called.
const roleVariable = "OUTWORK_CHAOS_ROLE"

var roles = map[string]func() int{
	"init":   initWorld,
	"run":    func() int { return conduct(os.Args[1:]) },
	"load":   runLoad,
	"daemon": runDaemon,
	"client": runClient,
	"join":   runJoin,
}

func main() {
	outwork.Main()
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		os.Exit(role())
	}
	os.Exit(outside(os.Args[1:]))
}

// options are what a run is like.
type options struct {
	time     time.Duration
	calm     time.Duration // of the last round
	seed     uint64
	loads    []string
	disturb  []string
	machines int
	every    time.Duration // between two disturbances, on average
	verbose  bool
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.DurationVar(&o.time, "for", time.Minute, "how long things are disturbed")
	f.DurationVar(&o.calm, "calm", 3*time.Second, "how long each load runs undisturbed, in the end")
	f.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what all that is drawn comes from")
	f.IntVar(&o.machines, "machines", 3, "how many machines there are")
	f.DurationVar(&o.every, "every", 250*time.Millisecond, "between two disturbances, on average")
	f.BoolVar(&o.verbose, "v", false, "tell of each disturbance and round")
	chosen := f.String("loads", "", "which loads take part: "+strings.Join(names(loads), ","))
	harm := f.String("disturb", "", "which disturbances do: "+strings.Join(names(disturbances), ",")+"; none: -")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.machines < 1 || o.every <= 0 {
		return o, fmt.Errorf("usage: chaos [-for TIME] [-seed N] …: see chaos -h")
	}
	if o.loads, err = pick(*chosen, names(loads)); err == nil {
		o.disturb, err = pick(*harm, names(disturbances))
	}
	return o, err
}

// names are those of a table, sorted.
func names[T interface{ name() string }](table []T) (all []string) {
	for _, x := range table {
		all = append(all, x.name())
	}
	slices.Sort(all)
	return all
}

// pick is the words of a list, each of which must be known; all for an empty one, none for "-".
func pick(list string, known []string) ([]string, error) {
	switch list {
	case "":
		return known, nil
	case "-":
		return nil, nil
	}
	words := strings.Split(list, ",")
	for _, w := range words {
		if !slices.Contains(known, w) {
			return nil, fmt.Errorf("%q is none of %s", w, strings.Join(known, ","))
		}
	}
	return words, nil
}
