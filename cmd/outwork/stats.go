package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// maxStats is how many lines --stats prints above the sum: those that read most.
const maxStats = 20

// statTable is what --stats tells: what workers did with containers. It is safe for
// concurrent use.
type statTable struct {
	wanted bool

	mu   sync.Mutex
	rows []statRow
}

// statRow is what one worker did with one container.
type statRow struct {
	name, worker string
	container.Stats
}

// add adds what a worker did with a container; nil: that was not asked for.
func (t *statTable) add(name string, w *outwork.Worker, s *container.Stats) {
	if s == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, statRow{name, w.Name(), *s})
}

// print prints the table on stderr, if it is wanted.
func (t *statTable) print(a *app) {
	if !t.wanted {
		return
	}
	if len(t.rows) == 0 {
		a.complain("no statistics: nothing was read of what is shared, or the worker does not count (Python does not)")
		return
	}
	all := statRow{name: "all"}
	for _, r := range t.rows {
		all.include(&r.Stats)
	}
	slices.SortStableFunc(t.rows, func(a, b statRow) int { return int(min(1, max(-1, b.moved()-a.moved()))) })
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "READS\tBYTES\tSEARCHES\tSEARCHED\tHASHED\tPAGE HITS\tMISSES\tFETCHED\tAHEAD\tUSED\tWASTED\t  CONTAINER, WORKER")
	for _, r := range t.rows[:min(len(t.rows), maxStats)] {
		r.print(w)
	}
	if more := len(t.rows) - maxStats; more > 0 {
		all.worker = fmt.Sprintf("%d more", more)
	}
	if len(t.rows) > 1 {
		all.print(w)
	}
	w.Flush()
	for line := range strings.Lines(b.String()) {
		a.complain(strings.TrimRight(line, "\n"))
	}
}

// moved is how many bytes it was about.
func (r *statRow) moved() int64 { return r.Bytes + r.Searched + r.Fetched }

func (r *statRow) print(w *tabwriter.Writer) {
	name := r.name
	if r.worker != "" {
		name += ", " + r.worker
	}
	for _, n := range []int64{r.Reads, r.Bytes, r.Searches, r.Searched, r.Hashed, r.Hits, r.Misses, r.Fetched, r.Ahead, r.AheadUsed, r.AheadWasted} {
		fmt.Fprintf(w, "%d\t", n)
	}
	fmt.Fprintln(w, "  "+firstLine(name))
}

// include adds s.
func (r *statRow) include(s *container.Stats) {
	r.Reads += s.Reads
	r.Bytes += s.Bytes
	r.Searches += s.Searches
	r.Searched += s.Searched
	r.Hashes += s.Hashes
	r.Hashed += s.Hashed
	r.Hits += s.Hits
	r.Misses += s.Misses
	r.Fetched += s.Fetched
	r.Ahead += s.Ahead
	r.AheadUsed += s.AheadUsed
	r.AheadWasted += s.AheadWasted
}

// patience is how long a worker has to tell what it did.
const patience = 5 * time.Second

// take asks a worker that has done its work for what it did with what is shared.
func (t *statTable) take(w *outwork.Worker) {
	if !t.wanted {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all, err := w.Stats(ctx)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return // it is lost, which others say
	}
	for _, c := range all {
		name := c.Name
		if name == "" {
			name = "arguments"
		}
		s := c.Worker
		if err != nil { // what was asked of this process is all that is known
			m := c.Manager
			s = container.Stats{Reads: m.Reads, Bytes: m.Bytes, Searches: m.Searches, Searched: m.Searched, Hashes: m.Hashes, Hashed: m.Hashed}
		}
		t.add(name, w, &s)
	}
}
