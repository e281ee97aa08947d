package main

import "github.com/outwork-go/outwork/bench/internal/stat"

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
