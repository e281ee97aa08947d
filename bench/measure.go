package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// tables is everything that can be measured, in the order of the report.
func tables() []table {
	return []table{
		echoTable(), callersTable(), largeTable(), streamTable(),
		startTable(), commandTable(),
		searchTable(), logTable(), memoryTable(), shareTable(),
		serviceTable(), sudoTable(), clientsTable(), floodTable(),
		pythonStartTable(), pythonCallTable(), pythonImportTable(),
		pythonSearchTable(), pythonLinesTable(), pythonFilesTable(),
	}
}

func tableNames() []string {
	var names []string
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return slices.Compact(names)
}

// measure measures all tables, or those named only, and reports to w.
func measure(ctx context.Context, w io.Writer, quick bool, only string) error {
	chosen := slices.DeleteFunc(tables(), func(t table) bool { return only != "" && t.name != only })
	if len(chosen) == 0 {
		return fmt.Errorf("no table is named %q; there are %s", only, strings.Join(tableNames(), ", "))
	}
	programs, err := programsDirectory()
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
	for range s.Rounds {
		for _, m := range t.modes {
			probes = slices.DeleteFunc(probes, func(p probe) bool {
				return ctx.Err() == nil && !t.take(ctx, p, m, job{settings: s, Programs: programs}, res)
			})
		}
	}
	return res, ctx.Err()
}

// take adds to res what p reads, and reports whether it could.
func (t table) take(ctx context.Context, p probe, m mode, j job, res *results) bool {
	readings, err := startProbe(ctx, t.name, p, m, j)
	if err != nil {
		res.failures = append(res.failures, fmt.Sprintf("%s (%s): %v", p.name, m, err))
		return false
	}
	for _, r := range readings {
		res.add(r.Row, t.column(m, r.Metric), r.Value)
	}
	return true
}
