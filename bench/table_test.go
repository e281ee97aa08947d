package main

import (
	"strings"
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

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		goal goal
		want string
	}{
		{goal{row: "outwork", column: "pinned p50", of: "floor", atMost: 1.4}, "pinned p50 ≤ 1.40×: 1.20×, met"},
		{goal{row: "outwork", column: "pinned p50", of: "floor", atMost: 1.1}, "pinned p50 ≤ 1.10×: 1.20×, **missed**"},
		{goal{row: "outwork", column: "pinned p50", of: "floor", atLeast: 1.1}, "pinned p50 ≥ 1.10×: 1.20×, met"},
		{goal{row: "outwork", column: "pinned p50", of: "floor", atLeast: 2}, "pinned p50 ≥ 2.00×: 1.20×, **missed**"},
		{goal{row: "outwork", column: "pinned p50", of: "nobody", atMost: 1}, "pinned p50 ≤ 1.00×: not measured"},
		{
			goal{row: "floor", column: "pinned p50", of: "outwork", ofColumn: "pinned again", atMost: 30},
			"floor: pinned p50 ≤ 30.0× pinned again: 22.0×, met",
		},
		{goal{row: "outwork", column: "pinned p50", unit: "µs", atMost: 13}, "pinned p50 ≤ 13.0 µs: 13.2 µs, **missed**"},
		{goal{row: "nobody", column: "pinned p50", unit: "µs", atMost: 13}, "nobody: pinned p50 ≤ 13.0 µs: not measured"},
	} {
		if got := c.goal.verdict("outwork", exampleResults()); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestWriteTable(t *testing.T) {
	tab := table{
		name: "example", title: "Example", note: "A note.",
		metrics: []metric{{"p50", "µs"}}, modes: []mode{pinned, free}, subject: "outwork",
		goals: []goal{{row: "outwork", column: "pinned p50", of: "floor", atMost: 1.4}},
	}
	res := exampleResults()
	res.failures = []string{"peer (free): exit status 1"}
	var b strings.Builder
	tab.write(&b, res)
	want := `
## Example (` + "`-only example`" + `)

A note.

|  | pinned p50, µs | outwork÷ | free p50, µs | outwork÷ | goal |
| --- | ---: | ---: | ---: | ---: | --- |
| floor | 11.0 (10.0–12.0) | 1.20× | – |  | pinned p50 ≤ 1.40×: 1.20×, met |
| outwork | 13.2 (13.2–13.2) |  | – |  |  |

Not measured: peer (free): exit status 1
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
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
