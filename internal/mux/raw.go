package mux

import (
	"strings"
	"unsafe"
)

// rawBytes is a slice of n bytes that nobody has set to zero: for memory that
// is about to be read into, of which no more is ever shown than was read.
// Clearing it would take a fifth of the time of reading it.
func rawBytes(n int) []byte {
	if n == 0 {
		return nil
	}
	var b strings.Builder
	b.Grow(n) // not cleared
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)
}
