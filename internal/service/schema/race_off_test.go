//go:build !race

package schema

// poolLoss is how many allocations of what is kept in a sync.Pool are to be
// expected.
const poolLoss = 0
