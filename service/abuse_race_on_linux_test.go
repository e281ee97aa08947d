//go:build race

package service_test

// memoryFactor is how much more memory the race detector makes a process take.
const memoryFactor = 4
