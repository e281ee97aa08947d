//go:build race

package starlark

// deepest is how deep values can be nested; the race detector's frames are
// larger.
const deepest = "1000000"
