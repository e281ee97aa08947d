package stat

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []float64
		want    Summary
	}{
		{"none", nil, Summary{}},
		{"one", []float64{3}, Summary{3, 3, 3, 1}},
		{"odd, unsorted", []float64{9, 1, 5}, Summary{5, 1, 9, 3}},
		{"even", []float64{4, 1, 3, 2}, Summary{3, 1, 4, 4}},
	} {
		before := slices.Clone(c.samples)
		if got := Summarize(c.samples); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		if !slices.Equal(before, c.samples) {
			t.Errorf("%s: the samples were changed", c.name)
		}
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 99 - i
	}
	for p, want := range map[int]int{0: 0, 50: 50, 99: 99, 100: 99} {
		if got := Percentile(hundred, p); got != want {
			t.Errorf("percentile %d of 0 to 99 is %d, want %d", p, got, want)
		}
	}
	if got := Percentile([]int(nil), 99); got != 0 {
		t.Errorf("of nothing it is %d", got)
	}
}
