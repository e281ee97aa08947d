package main

import "github.com/outwork-go/outwork/bench/internal/stat"

// results is what one table's probes have read.
type results struct {
	rows     []string                        // in order of appearance
	samples  map[string]map[string][]float64 // by row, then column
	instead  map[[2]string]string            // what is said without samples, by row and column
	failures []failure
}

// failure is a contender that could not be measured.
type failure struct {
	contender string
	err       error
}

func (r *results) add(row, column string, value float64) {
	r.addRow(row)
	r.samples[row][column] = append(r.samples[row][column], value)
}

// say has instead shown at row and column, where nothing could be measured.
func (r *results) say(row, column, instead string) {
	r.addRow(row)
	if r.instead == nil {
		r.instead = make(map[[2]string]string)
	}
	r.instead[[2]string{row, column}] = instead
}

func (r *results) addRow(row string) {
	if r.samples[row] == nil {
		r.rows = append(r.rows, row)
		r.samples[row] = make(map[string][]float64)
	}
}

// figure is what is shown at row and column.
func (r *results) figure(row, column string) string {
	if instead := r.instead[[2]string{row, column}]; instead != "" {
		return instead
	}
	return figure(r.summary(row, column))
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
