package main

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/outwork-go/outwork/bench/internal/proc"
)

// TestMain is main for the processes that the tests start.
func TestMain(m *testing.M) {
	outworkMain()
	if len(os.Args) > 1 && isRole(os.Args[1]) {
		if err := subordinate(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Every contender must be measured, and leave nothing behind.
func TestEveryProbe(t *testing.T) {
	programs, err := programsDirectory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(programs) })
	if err := buildPrograms(t.Context(), programs, tables()); err != nil {
		t.Fatal(err)
	}
	s := settings{Rounds: 1, Budget: 5 * time.Millisecond, Starts: 1, Shares: opened, Load: 20 * time.Millisecond, Lines: 100, Files: 20, Bulk: 1 << 20, Crowd: 4}
	for _, tab := range tables() {
		t.Run(tab.name, func(t *testing.T) {
			tab.probes = slices.DeleteFunc(tab.probes, func(p probe) bool { return cannotRun(t, p) })
			files := openFilesOf(t)
			res, err := tab.measure(t.Context(), s, programs)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range res.failures {
				t.Errorf("%s: %v", f.contender, f.err)
			}
			checkResults(t, tab, res)
			checkNothingLeft(t, files)
		})
	}
}

// cannotRun reports, and says, that p cannot be run here.
func cannotRun(t *testing.T, p probe) bool {
	t.Helper()
	err := p.unable()
	if err == nil {
		return false
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: %v", p.name, err)
	}
	t.Logf("%s is not measured: %v", p.name, err)
	return true
}

func checkResults(t *testing.T, tab table, res *results) {
	t.Helper()
	if len(res.rows) < len(tab.probes) {
		t.Errorf("%d probes have read %d rows: %q", len(tab.probes), len(res.rows), res.rows)
	}
	known := make(map[string]bool)
	for _, c := range tab.columns() {
		known[c.name] = true
	}
	for row, columns := range res.samples {
		for column, samples := range columns {
			if !known[column] {
				t.Errorf("%s: %q is not a column", row, column)
			}
			if len(samples) != 1 {
				t.Errorf("%s, %s: %d samples in one round", row, column, len(samples))
			}
		}
	}
}

func checkNothingLeft(t *testing.T, files int) {
	t.Helper()
	if tree, err := proc.Tree(os.Getpid()); err != nil || len(tree) != 1 {
		t.Errorf("processes left: %v, %v", tree, err)
	}
	if now := openFilesOf(t); now != files {
		t.Errorf("%d files were open, and now %d", files, now)
	}
}

func openFilesOf(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A probe that fails is reported and not run again; the others go on.
func TestProbeThatFails(t *testing.T) {
	tab := table{name: "nowhere", modes: []mode{pinned, free}, probes: []probe{{name: "nobody"}}}
	res, err := tab.measure(t.Context(), settings{Rounds: 3}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(res.failures) != 1 || len(res.rows) != 0 {
		t.Errorf("failures %v, rows %q", res.failures, res.rows)
	}
}
