package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/bench/internal/stat"
)

// tables is everything that can be measured, in the order of the report.
func tables() []table {
	return []table{
		echoTable(), callersTable(), largeTable(), streamTable(),
		startTable(), commandTable(),
		searchTable(), logTable(), memoryTable(), shareTable(),
	}
}

func tableNames() []string {
	var names []string
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return names
}

// measure measures all tables, or the one named only, and reports to w.
func measure(ctx context.Context, w io.Writer, quick bool, only string) error {
	chosen := slices.DeleteFunc(tables(), func(t table) bool { return only != "" && t.name != only })
	if len(chosen) == 0 {
		return fmt.Errorf("no table is named %q; there are %s", only, strings.Join(tableNames(), ", "))
	}
	programs, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(programs)
	if err := buildPrograms(ctx, programs, chosen); err != nil {
		return err
	}
	s := settingsFor(quick)
	describeMachine(w, s)
	failed := 0
	for _, t := range chosen {
		res, err := t.measure(ctx, s, programs)
		if err != nil {
			return err
		}
		t.write(w, res)
		failed += len(res.failures)
	}
	if failed > 0 {
		return fmt.Errorf("%d contenders could not be measured", failed)
	}
	return nil
}

// results is what one table's probes have read.
type results struct {
	rows     []string                        // in order of appearance
	samples  map[string]map[string][]float64 // by row, then column
	failures []string
}

func (r *results) add(row, column string, value float64) {
	if r.samples[row] == nil {
		r.rows = append(r.rows, row)
		r.samples[row] = make(map[string][]float64)
	}
	r.samples[row][column] = append(r.samples[row][column], value)
}

func (r *results) summary(row, column string) stat.Summary {
	return stat.Summarize(r.samples[row][column])
}

// ratio is how many times the value at row and column is that at ofRow and
// ofColumn; false if either was not measured.
func (r *results) ratio(row, column, ofRow, ofColumn string) (float64, bool) {
	a, b := r.summary(row, column), r.summary(ofRow, ofColumn)
	if a.N == 0 || b.N == 0 || b.Median == 0 {
		return 0, false
	}
	return a.Median / b.Median, true
}

// measure runs t's probes in turn, round by round. A probe that fails is a
// failure in the results and not run again; an error means that ctx is done.
func (t table) measure(ctx context.Context, s settings, programs string) (*results, error) {
	res := &results{samples: make(map[string]map[string][]float64)}
	broken := make(map[string]bool)
	for range s.Rounds {
		for _, m := range t.modes {
			for _, p := range t.probes {
				if broken[p.name] {
					continue
				}
				readings, err := startProbe(ctx, t, p, m, s, programs)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err != nil {
					broken[p.name] = true
					res.failures = append(res.failures, fmt.Sprintf("%s (%s): %v", p.name, m, err))
				}
				for _, r := range readings {
					res.add(r.Row, t.column(m, r.Metric), r.Value)
				}
			}
		}
	}
	return res, nil
}
