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
	subject  string    // the row whose ratio to every other is shown; "": none is
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

// section is t with what was measured, as it is printed and as it stands in a report.
// measured says when and how.
func (t table) section(res *results, measured string) section {
	var b strings.Builder
	if t.note != "" {
		fmt.Fprintf(&b, "%s\n\n", t.note)
	}
	fmt.Fprintf(&b, "%s\n\n", measured)
	header := []string{""}
	for _, c := range t.columns() {
		header = append(header, c.name+", "+c.unit)
		if t.subject != "" {
			header = append(header, subjectHeader)
		}
	}
	writeRow(&b, header)
	writeRow(&b, rule(len(header)))
	for _, row := range res.rows {
		writeRow(&b, t.cells(row, res))
	}
	if len(t.goals)+len(res.failures) > 0 {
		fmt.Fprintln(&b)
	}
	for _, g := range t.goals {
		fmt.Fprintln(&b, g.line(res))
	}
	for _, f := range res.failures {
		fmt.Fprintf(&b, "- %s: %s\n", unmeasured, f.contender)
	}
	return section{title: t.heading(), text: b.String()}
}

// heading is what t's section is known by. It says how to measure t again.
func (t table) heading() string { return fmt.Sprintf("%s (`-only %s`)", t.title, t.name) }

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
		cells = append(cells, res.figure(row, c.name))
		if t.subject != "" {
			cells = append(cells, t.ratioTo(row, c.name, res))
		}
	}
	return cells
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

// rule is the line below a header of n cells: text, then figures.
func rule(n int) []string {
	cells := slices.Repeat([]string{"---:"}, n)
	cells[0] = "---"
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
