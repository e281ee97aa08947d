package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// tables is everything that can be measured, in the order of the report.
func tables() []table {
	return append([]table{
		echoTable(), callersTable(), largeTable(), streamTable(),
		startTable(), commandTable(), weightTable(),
		searchTable(), pagedTable(), shareTable(), inspectTable(), logTable(), memoryTable(),
		serviceTable(), sudoTable(), clientsTable(), floodTable(),
		pythonStartTable(), pythonCallTable(), pythonImportTable(),
		pythonSearchTable(), pythonLinesTable(), pythonFilesTable(),
	}, slices.Concat(confineTables(), mapTables(), patternTables(), hostsTables(), tcpTables())...)
}

func tableNames() []string {
	var names []string
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return slices.Compact(names)
}

// options is what the command was told.
type options struct {
	quick bool
	only  string // the name of the tables to measure; "": all
	write string // the file of the report; "": none
}

// chosen are the tables to measure.
func (o options) chosen() ([]table, error) {
	chosen := slices.DeleteFunc(tables(), func(t table) bool { return o.only != "" && t.name != o.only })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no table is named %q; there are %s", o.only, strings.Join(tableNames(), ", "))
	}
	return chosen, nil
}

// measure measures tables one after another. Each is printed to w, and written, as soon
// as it is measured; why contenders could not be measured is told to complaints.
func measure(ctx context.Context, w, complaints io.Writer, o options) error {
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	place := thisPlace()
	var r *report
	if o.write != "" {
		if r, err = openReport(o.write, place, o.only == ""); err != nil {
			return err
		}
	}
	programs, err := programsDirectory()
	if err != nil {
		return err
	}
	defer os.RemoveAll(programs)
	if err := buildPrograms(ctx, programs, chosen); err != nil {
		return err
	}
	fmt.Fprint(w, place)
	s, failed := settingsFor(o.quick), 0
	for _, t := range chosen {
		how := newConditions(s, o.quick)
		res, err := t.measure(ctx, s, programs)
		if err != nil {
			return err
		}
		for _, f := range res.failures {
			fmt.Fprintf(complaints, "bench: %s: %v\n", f.contender, f.err)
		}
		failed += len(res.failures)
		done := t.section(res, how.String())
		fmt.Fprintf(w, "\n%v", done)
		if r != nil {
			err = r.put(done)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d contenders could not be measured", failed)
	}
	return nil
}

// conditions is when and how a table is measured.
type conditions struct {
	began  time.Time
	load   string // before
	rounds int
	budget time.Duration
	quick  bool
}

func newConditions(s settings, quick bool) conditions {
	return conditions{time.Now(), loadAverage(), s.Rounds, s.Budget, quick}
}

// String says what has taken until now.
func (c conditions) String() string {
	quick := ""
	if c.quick {
		quick = ", -quick"
	}
	return fmt.Sprintf("%s, in %v: medians (ranges) of %d rounds of %v each%s; load before: %s.", c.began.UTC().Format(time.DateOnly),
		time.Since(c.began).Round(time.Second), c.rounds, c.budget, quick, c.load)
}

// programsDirectory makes a directory for what is built for a run, and for what
// its daemons need. Other users may pass through it, for they call daemons too.
func programsDirectory() (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// measure runs t's probes in turn, round by round. A probe that fails is a
// failure in the results and not run again; an error means that ctx is done.
func (t table) measure(ctx context.Context, s settings, programs string) (*results, error) {
	res := &results{samples: make(map[string]map[string][]float64)}
	probes := slices.Clone(t.probes)
	for round := range s.Rounds {
		for _, m := range t.modes {
			probes = slices.DeleteFunc(probes, func(p probe) bool {
				return ctx.Err() == nil && (round == 0 || !p.once) && !t.take(ctx, p, m, job{settings: s, Programs: programs}, res)
			})
		}
	}
	return res, ctx.Err()
}

// take adds to res what p reads, and reports whether it could.
func (t table) take(ctx context.Context, p probe, m mode, j job, res *results) bool {
	readings, err := startProbe(ctx, t.name, p, m, j)
	if err != nil {
		res.failures = append(res.failures, failure{fmt.Sprintf("%s (%s)", p.name, m), err})
		return false
	}
	for _, r := range readings {
		if r.Instead != "" {
			res.say(r.Row, t.column(m, r.Metric), r.Instead)
			continue
		}
		res.add(r.Row, t.column(m, r.Metric), r.Value)
	}
	return true
}
