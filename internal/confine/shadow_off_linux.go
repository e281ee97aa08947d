//go:build !race && !msan && !asan

package confine

const shadowed = false
