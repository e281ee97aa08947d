package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/bench/internal/stat"
)

// table is one measurement: what is measured, of whom, and what outwork is to
// reach.
type table struct {
	name     string
	title    string
	note     string // what one has to know to read it
	metrics  []metric
	modes    []mode
	probes   []probe
	programs []program // what the probes want built
	subject  string    // the row whose ratio to every other is shown
	goals    []goal
}

// metric is a kind of figure, and a column for each mode.
type metric struct{ name, unit string }

// mode is where the processes run.
type mode string

const (
	pinned mode = "pinned" // all on one processor
	free   mode = "free"   // where the scheduler puts them
)

// outworkRow is outwork's row where it has only one.
const outworkRow = "outwork"

// subjectHeader is above the ratios of the subject to a row.
const subjectHeader = "outwork÷"

// column is the name of metric's column in mode m.
func (t table) column(m mode, metric string) string {
	if len(t.modes) == 1 {
		return metric
	}
	return string(m) + " " + metric
}

// write writes t as Markdown.
func (t table) write(w io.Writer, res *results) {
	fmt.Fprintf(w, "\n## %s (`-only %s`)\n\n", t.title, t.name)
	if t.note != "" {
		fmt.Fprintf(w, "%s\n\n", t.note)
	}
	header := []string{""}
	for _, c := range t.columns() {
		header = append(header, c.name+", "+c.unit, subjectHeader)
	}
	header = append(header, "goal")
	writeRow(w, header)
	writeRow(w, rule(len(header)))
	for _, row := range res.rows {
		writeRow(w, t.cells(row, res))
	}
	for _, f := range res.failures {
		fmt.Fprintf(w, "\nNot measured: %s\n", f)
	}
}

func (t table) columns() []metric {
	var columns []metric
	for _, m := range t.modes {
		for _, c := range t.metrics {
			columns = append(columns, metric{name: t.column(m, c.name), unit: c.unit})
		}
	}
	return columns
}

func (t table) cells(row string, res *results) []string {
	cells := []string{row}
	for _, c := range t.columns() {
		cells = append(cells, figure(res.summary(row, c.name)), t.ratioTo(row, c.name, res))
	}
	var verdicts []string
	for _, g := range t.goals {
		if g.at() == row {
			verdicts = append(verdicts, g.verdict(t.subject, res))
		}
	}
	return append(cells, strings.Join(verdicts, "; "))
}

func (t table) ratioTo(row, column string, res *results) string {
	ratio, ok := res.ratio(t.subject, column, row, column)
	if !ok || row == t.subject {
		return ""
	}
	return number(ratio) + "×"
}

func writeRow(w io.Writer, cells []string) {
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

// rule is the line below a header of n cells: text, figures, text.
func rule(n int) []string {
	cells := slices.Repeat([]string{"---:"}, n)
	cells[0], cells[n-1] = "---", "---"
	return cells
}

// figure is the median with the range behind it.
func figure(s stat.Summary) string {
	if s.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

// number has three significant digits, and no exponent.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1 || v <= -1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
}
