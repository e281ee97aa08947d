//go:build race

package schema

// poolLoss is how many allocations of what is kept in a sync.Pool, as regexp does,
// are to be expected: under the race detector a pool loses some on purpose.
const poolLoss = 2
