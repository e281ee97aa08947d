package main

import "fmt"

// goal is a ratio that outwork is to reach: the median at row and column over
// that at of and ofColumn.
type goal struct {
	row, column string
	of          string
	ofColumn    string // column if empty
	atMost      float64
	atLeast     float64 // used if atMost is zero
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
	ratio, ok := res.ratio(g.row, g.column, g.of, g.againstColumn())
	if !ok {
		return wanted + ": not measured"
	}
	verdict := "**missed**"
	if g.met(ratio) {
		verdict = "met"
	}
	return fmt.Sprintf("%s: %s×, %s", wanted, number(ratio), verdict)
}

func (g goal) met(ratio float64) bool {
	if g.atMost > 0 {
		return ratio <= g.atMost
	}
	return ratio >= g.atLeast
}

func (g goal) limit() string {
	if g.atMost > 0 {
		return "≤ " + number(g.atMost) + "×"
	}
	return "≥ " + number(g.atLeast) + "×"
}

func (g goal) againstColumn() string {
	if g.ofColumn != "" {
		return g.ofColumn
	}
	return g.column
}
