package main

import "fmt"

// goal is a ratio that outwork is to reach: the median at row and column over
// that at of and ofColumn. Without an of it is the median itself, in unit.
type goal struct {
	row, column string
	of          string
	ofColumn    string // column if empty
	unit        string
	atMost      float64
	atLeast     float64 // used if atMost is zero
}

// verdict is what became of a goal, as lists of goals begin with it.
type verdict string

const (
	met        verdict = "met"
	missed     verdict = "**missed**"
	unmeasured verdict = "not measured"
)

// line is g in the list of its table: the verdict, what was measured, what is wanted.
func (g goal) line(res *results) string {
	value, ok := g.value(res)
	what := g.column + " of " + g.row
	if !ok {
		if g.of != "" {
			what += " against " + g.of
		}
		return g.listed(unmeasured, what)
	}
	of := ""
	if g.of != "" {
		of = " that of " + g.of
	}
	if g.ofColumn != "" {
		of = fmt.Sprintf(" the %s of %s", g.ofColumn, g.of)
	}
	what += " is " + g.amount(value) + of
	if g.reached(value) {
		return g.listed(met, what)
	}
	return g.listed(missed, what)
}

func (g goal) listed(v verdict, what string) string {
	return fmt.Sprintf("- %s: %s (%s)", v, what, g.limit())
}

// value is what is to be met; false if it was not measured.
func (g goal) value(res *results) (float64, bool) {
	if g.of == "" {
		s := res.summary(g.row, g.column)
		return s.Median, s.N > 0
	}
	return res.ratio(g.row, g.column, g.of, g.againstColumn())
}

func (g goal) reached(value float64) bool {
	if g.atMost > 0 {
		return value <= g.atMost
	}
	return value >= g.atLeast
}

func (g goal) limit() string {
	if g.atMost > 0 {
		return "at most " + g.amount(g.atMost)
	}
	return "at least " + g.amount(g.atLeast)
}

func (g goal) amount(v float64) string {
	if g.of == "" {
		return number(v) + " " + g.unit
	}
	return number(v) + "×"
}

func (g goal) againstColumn() string {
	if g.ofColumn != "" {
		return g.ofColumn
	}
	return g.column
}
