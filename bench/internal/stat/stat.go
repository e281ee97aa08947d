// Package stat reduces the samples of a noisy machine to figures worth reading:
// medians and the range around them.
package stat

import (
	"cmp"
	"slices"
)

// Summary is what a number of samples amount to.
type Summary struct {
	Median, Min, Max float64
	N                int
}

// Summarize is the summary of samples, and zero if there are none.
func Summarize(samples []float64) Summary {
	if len(samples) == 0 {
		return Summary{}
	}
	return Summary{
		Median: Median(samples),
		Min:    slices.Min(samples),
		Max:    slices.Max(samples),
		N:      len(samples),
	}
}

// Median is the middle of samples, the upper of the two in an even number of
// them, and zero if there are none. It does not change samples.
func Median[T cmp.Ordered](samples []T) T {
	return Percentile(samples, 50)
}

// Percentile is the sample that p percent of samples, 0 to 100, are below, and
// zero if there are none. It does not change samples.
func Percentile[T cmp.Ordered](samples []T, p int) T {
	if len(samples) == 0 {
		var none T
		return none
	}
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
