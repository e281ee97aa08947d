package main

import (
	"errors"
	"testing"
)

func exampleResults() *results {
	res := &results{samples: make(map[string]map[string][]float64)}
	for _, v := range []float64{12, 10, 11} {
		res.add("floor", "pinned p50", v)
	}
	res.add("outwork", "pinned p50", 13.2)
	res.add("outwork", "pinned again", 0.5)
	return res
}

func TestGoalLine(t *testing.T) {
	for _, c := range []struct {
		goal goal
		want string
	}{
		{
			goal{row: "outwork", column: "pinned p50", of: "floor", atMost: 1.4},
			"- met: pinned p50 of outwork is 1.20× that of floor (at most 1.40×)",
		},
		{
			goal{row: "outwork", column: "pinned p50", of: "floor", atMost: 1.1},
			"- **missed**: pinned p50 of outwork is 1.20× that of floor (at most 1.10×)",
		},
		{
			goal{row: "outwork", column: "pinned p50", of: "floor", atLeast: 1.1},
			"- met: pinned p50 of outwork is 1.20× that of floor (at least 1.10×)",
		},
		{
			goal{row: "outwork", column: "pinned p50", of: "floor", atLeast: 2},
			"- **missed**: pinned p50 of outwork is 1.20× that of floor (at least 2.00×)",
		},
		{
			goal{row: "outwork", column: "pinned p50", of: "nobody", atMost: 1},
			"- not measured: pinned p50 of outwork against nobody (at most 1.00×)",
		},
		{
			goal{row: "floor", column: "pinned p50", of: "outwork", ofColumn: "pinned again", atMost: 30},
			"- met: pinned p50 of floor is 22.0× the pinned again of outwork (at most 30.0×)",
		},
		{
			goal{row: "outwork", column: "pinned p50", unit: "µs", atMost: 13},
			"- **missed**: pinned p50 of outwork is 13.2 µs (at most 13.0 µs)",
		},
		{
			goal{row: "nobody", column: "pinned p50", unit: "µs", atMost: 13},
			"- not measured: pinned p50 of nobody (at most 13.0 µs)",
		},
	} {
		if got := c.goal.line(exampleResults()); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSection(t *testing.T) {
	tab := table{
		name: "example", title: "Example", note: "A note.",
		metrics: []metric{{"p50", "µs"}}, modes: []mode{pinned, free}, subject: "outwork",
		goals: []goal{{row: "outwork", column: "pinned p50", of: "floor", atMost: 1.4}},
	}
	res := exampleResults()
	res.say("floor", "free p50", "panics")
	res.failures = []failure{{"peer (free)", errors.New("exit status 1")}}
	want := `## Example (` + "`-only example`" + `)

A note.

Measured.

|  | pinned p50, µs | outwork÷ | free p50, µs | outwork÷ |
| --- | ---: | ---: | ---: | ---: |
| floor | 11.0 (10.0–12.0) | 1.20× | panics |  |
| outwork | 13.2 (13.2–13.2) |  | – |  |

- met: pinned p50 of outwork is 1.20× that of floor (at most 1.40×)
- not measured: peer (free)
`
	if got := tab.section(res, "Measured.").String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestNumberHasThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.000", 0.0612: "0.061", 1: "1.00", 9.876: "9.88", 45.67: "45.7", 376.4: "376", 52341: "52341",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

// Every goal must speak of a column that its table has.
func TestGoalsNameColumns(t *testing.T) {
	for _, tab := range tables() {
		known := make(map[string]bool)
		for _, c := range tab.columns() {
			known[c.name] = true
		}
		for _, g := range tab.goals {
			if !known[g.column] || !known[g.againstColumn()] {
				t.Errorf("%s: a goal is about %q of %q, which are not both columns", tab.name, g.column, g.againstColumn())
			}
			if (g.of == "") == (g.unit == "") {
				t.Errorf("%s: the goal for %q needs a row that it is of, or a unit", tab.name, g.column)
			}
			if (g.atMost > 0) == (g.atLeast > 0) {
				t.Errorf("%s: the goal for %q needs one limit", tab.name, g.column)
			}
		}
	}
}

// Sections are known by their headings.
func TestHeadingsDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for _, tab := range tables() {
		if seen[tab.heading()] {
			t.Errorf("two tables are %q", tab.heading())
		}
		seen[tab.heading()] = true
	}
}
