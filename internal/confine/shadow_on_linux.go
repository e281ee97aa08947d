//go:build race || msan || asan

package confine

// shadowed says that a sanitizer keeps its own memory beside the program's, as much again
// several times over: what the process maps says nothing then.
const shadowed = true
