package link

import "unsafe"

// stringBytes is s without a copy; it must not be written to.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// bytesString is b without a copy; b must not be written to from then on.
func bytesString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
