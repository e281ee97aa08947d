//go:build race

package attack

// sample is how many attempts by programs there are for one that is made: with the race
// detector a program takes its time to start, and what holds it is its worker's.
const sample = 12
