//go:build !linux

package mux

import "os"

// CloseForeign closes a file that a peer has passed.
func CloseForeign(f *os.File) { f.Close() }
