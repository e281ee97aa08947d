// Package container holds the read-only bytes that a manager shares with its
// workers.
package container

import (
	"io"
	"iter"
)

// Container is read-only bytes with a 64-bit size. It is safe for concurrent
// use.
type Container interface {
	// ReadAt reads as io.ReaderAt says.
	io.ReaderAt

	// Size is the number of bytes.
	Size() int64

	// Immutable reports whether the kernel guarantees that the bytes cannot
	// change: true of sealed memory, false of a file.
	Immutable() bool

	// Bytes is all of the bytes without a copy. It fails with ErrMutable
	// when the container is not immutable: use View there. The slice must
	// not be written to, and is valid until Close.
	Bytes() ([]byte, error)

	// View calls fn with all of the bytes. A fault in the memory behind
	// them (a file that shrank) ends fn and is returned as an error that
	// matches ErrShrunk. The slice is valid only during fn, and only in
	// fn's own goroutine.
	View(fn func(b []byte) error) error

	// Find is the offset of the first match of pattern at or after from,
	// or -1.
	Find(pattern []byte, from int64) (int64, error)

	// All yields the offsets of all matches, overlapping ones too, in
	// order. It ends after the first error.
	All(pattern []byte) iter.Seq2[int64, error]

	// Slice is a view of n bytes at off. It stays valid when c is closed.
	Slice(off, n int64) (Container, error)

	// Close releases what the container holds. Views keep what they need.
	// Closing twice is harmless.
	Close() error
}
