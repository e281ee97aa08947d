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

// at is the row behind which the goal is shown.
func (g goal) at() string {
	if g.of == "" {
		return g.row
	}
	return g.of
}

// verdict says what is wanted, what was measured, and whether that is enough.
// It names the row unless that is subject.
func (g goal) verdict(subject string, res *results) string {
	wanted := fmt.Sprintf("%s %s", g.column, g.limit())
	if g.ofColumn != "" {
		wanted += " " + g.ofColumn
	}
	if g.row != subject {
		wanted = g.row + ": " + wanted
	}
	value, ok := g.value(res)
	if !ok {
		return wanted + ": not measured"
	}
	verdict := "**missed**"
	if g.met(value) {
		verdict = "met"
	}
	return fmt.Sprintf("%s: %s, %s", wanted, g.amount(value), verdict)
}

// value is what is to be met; false if it was not measured.
func (g goal) value(res *results) (float64, bool) {
	if g.of == "" {
		s := res.summary(g.row, g.column)
		return s.Median, s.N > 0
	}
	return res.ratio(g.row, g.column, g.of, g.againstColumn())
}

func (g goal) met(value float64) bool {
	if g.atMost > 0 {
		return value <= g.atMost
	}
	return value >= g.atLeast
}

func (g goal) limit() string {
	if g.atMost > 0 {
		return "≤ " + g.amount(g.atMost)
	}
	return "≥ " + g.amount(g.atLeast)
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
