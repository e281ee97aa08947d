//go:build !race

package starlark

// deepest is how deep values can be nested within the default limit, nearly.
const deepest = "4500000"
