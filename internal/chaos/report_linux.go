package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// finding prints what is wrong, with the disturbances before it. What is like one that was told often is
// only counted.
func (r *run) finding(text string) {
	const often = 5
	kind := generalize(text)
	r.mu.Lock()
	r.findings[kind]++
	n := r.findings[kind]
	r.mu.Unlock()
	if n > often {
		return
	}
	fmt.Printf("\nFINDING at %.3fs: %s\n after\n%s\n", time.Since(r.timeline.began).Seconds(), strings.TrimSpace(text), r.timeline)
}

// generalize is the first line of a text without its numbers.
func generalize(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, line)
	return line[:min(len(line), 160)]
}

// left tells what is left of a kind.
func (r *run) left(where, kind string, names []string) {
	r.tally("run", tally{"left " + kind: int64(len(names))})
	for _, n := range names {
		r.finding(fmt.Sprintf("left in %s, %s: %s", where, kind, n))
	}
}

func (r *run) tally(who string, t tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tallies[who] == nil {
		r.tallies[who] = tally{}
	}
	r.tallies[who].add(t)
}

// report prints the tables, and returns the exit status.
func (r *run) report() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	columns := []string{"rounds", "calls", "starts"}
	for _, o := range outcomes {
		columns = append(columns, string(o))
	}
	columns = append(columns, "unended", "doubled", "unran", "unsaid", "uncalled", "left goroutines", "left descriptors", "left children")
	fmt.Fprintf(w, "\nload\tbirths\t%s\t\n", strings.Join(columns, "\t"))
	idle := r.row(w, columns)
	w.Flush()
	fmt.Printf("\ndisturbances:")
	for _, name := range slices.Sorted(maps.Keys(r.timeline.count)) {
		fmt.Printf(" %s %d", name, r.timeline.count[name])
	}
	fmt.Printf("\nleft behind:")
	for _, what := range slices.Sorted(maps.Keys(r.tallies["run"])) {
		fmt.Printf(" %s %d,", strings.TrimPrefix(what, "left "), r.tallies["run"][what])
	}
	n := idle
	fmt.Printf("\n\nfindings:\n")
	for _, kind := range slices.Sorted(maps.Keys(r.findings)) {
		n += r.findings[kind]
		fmt.Printf("%6d  %s\n", r.findings[kind], kind)
	}
	fmt.Printf("%6d  in all, with seed %d, after %v\n", n, r.o.seed, time.Since(r.timeline.began).Round(time.Second))
	if n > 0 {
		return 1
	}
	return 0
}

// row prints a line for each load, and counts those of which no call went well.
func (r *run) row(w *tabwriter.Writer, columns []string) (idle int) {
	for _, l := range r.loads {
		t := r.tallies[l.what]
		fmt.Fprintf(w, "%s\t%d\t", l.what, l.births)
		for _, c := range columns {
			fmt.Fprintf(w, "%d\t", t[c])
		}
		fmt.Fprintln(w)
		if t[string(right)] == 0 {
			idle++
			fmt.Printf("\nFINDING: of load %s no call went well\n", l.what)
		}
	}
	return idle
}
