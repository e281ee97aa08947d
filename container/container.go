// Package container holds the read-only bytes that a manager shares with its
// workers.
//
// A container is made from bytes, a file, a reader, or a live source, which is
// read when it is asked and never copied: anything with a ReadAt, a process's
// memory, a block device. Pass turns it into a Handle, which one process sends
// to another, and Open makes a container of that. Small ones travel as their bytes, others as a file descriptor: memory
// that the kernel has sealed against every change, or the file itself. The
// side that opens a handle maps it, and reads a file that there is no room to map; the side that
// made it from a file reads with pread and never maps it, so that no file can hurt it by shrinking.
//
// Where no file descriptor crosses, as to another machine, containers stay where they
// are, and so do live sources everywhere. Their methods ask for what they need: the
// functions ReadAt, Search, Find, All, Count, Extent, Compare and those that hash do too,
// with a context that ends the waiting. What can be done where the bytes are is done there.
//
// All methods and functions may be called from several goroutines at once.
// They block for memory, for the disk and, after a map was given back, for
// OpenOptions.Reopen. Close releases what a container holds and never waits
// for calls that are still running: those end as if it had not been called. A
// container that is dropped without Close is released by the garbage
// collector, unless its Bytes were taken.
//
// Bounds: at most 128 files and 4096 maps that can be made
// again stay open while nobody uses them, whatever the number of containers.
//
// The package does not notice that a file changed while it is open, does not
// hide the rest of a file from the receiver of a slice of it, and sends
// nothing: that is for the link between the processes.
package container

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Container is read-only bytes with a 64-bit size. It is safe for concurrent
// use. Offsets and sizes are in bytes. After Close, Size and Immutable still
// answer, and all else fails with an error that matches ErrClosed.
type Container interface {
	// ReadAt reads as io.ReaderAt says.
	io.ReaderAt

	// Size is the number of bytes.
	Size() int64

	// Immutable reports whether the bytes cannot change. That is the
	// kernel's word for sealed memory, and the caller's promise for
	// FromBytes, which becomes the kernel's word in the process that opens
	// it, and of a container that stays in another process, that process's.
	// A file is not immutable.
	Immutable() bool

	// Bytes is all of the bytes without a copy. It fails with ErrMutable
	// when the container is not immutable: use View there. The slice must
	// not be written to, and is valid until Close; a container that is
	// dropped without Close keeps its memory from then on. What stays in
	// another process is read into memory for it, which fails above
	// MaxFileView bytes.
	Bytes() ([]byte, error)

	// View calls fn with all of the bytes. A fault in the memory behind
	// them (a file that shrank) ends fn and is returned as an error that
	// matches ErrShrunk; other errors of fn are returned as they are. The
	// slice must not be written to, and is valid only during fn, and only
	// in fn's own goroutine: a fault in another one ends the process, and so
	// does one in the runtime itself, as where b[i] is what is sent to a
	// channel (x := b[i] before that is read by fn). What FromFile made, stays in another
	// process or could not be mapped is read into memory for it, which fails above MaxFileView
	// bytes.
	View(fn func(b []byte) error) error

	// Find is the offset of the first match of pattern at or after from,
	// or -1. An empty pattern is an error, and so is a from that is
	// negative or beyond the end.
	Find(pattern []byte, from int64) (int64, error)

	// All yields the offsets of all matches, overlapping ones too, in
	// order. It ends after the first error, whose offset is -1.
	All(pattern []byte) iter.Seq2[int64, error]

	// Slice is a view of n bytes at off. It stays valid when c is closed,
	// and has to be closed itself.
	Slice(off, n int64) (Container, error)

	// Close releases what the container holds. Views keep what they need.
	// Closing twice is harmless, and the error is always nil.
	Close() error
}

// The errors that those of this package match.
var (
	// ErrMutable says that Bytes was asked of a container whose bytes may
	// change.
	ErrMutable = errors.New("the container's bytes may change")

	// ErrShrunk says that a file has become shorter than its container, or
	// that the disk no longer gives the bytes. A map shows zeros between
	// the new end of a file and the end of that page, without an error.
	ErrShrunk = errors.New("the container's file shrank or cannot be read")

	// ErrChanged says that a file is not the one, or not in the state,
	// that the container was made from.
	ErrChanged = errors.New("the file changed since the container was made")

	// ErrClosed says that the container was closed.
	ErrClosed = errors.New("the container is closed")

	// ErrRange says that an offset or size is negative, or reaches beyond
	// the end.
	ErrRange = errors.New("outside the container")

	errEmptyPattern = errors.New("an empty pattern matches everywhere")
)

// rangeError tells what was asked for of a container of size bytes.
func rangeError(off, n, size int64) error {
	return fmt.Errorf("%d bytes at %d: %w of %d bytes", n, off, ErrRange, size)
}
