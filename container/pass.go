package container

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// InlineMax is how many immutable bytes a Handle carries itself, instead of a
// file descriptor.
const InlineMax = 32 << 10

// Handle is a container on its way to another process: either the bytes
// themselves, or an open file that has them.
type Handle struct {
	// Inline is the bytes, when there is no File.
	Inline []byte

	// File has the bytes: sealed memory if Immutable is true, otherwise a
	// regular file open for reading. Whoever has the handle closes it,
	// after sending it or by Open.
	File *os.File

	// Offset is where the bytes begin in File, and Size their number.
	Offset, Size int64

	// Immutable claims that the bytes cannot change. Open checks it.
	Immutable bool
}

// OpenOptions says how a handle is opened. The zero value is ready.
type OpenOptions struct {
	// Reopen asks for the same container's handle again. If it is set, the
	// map may be given back while nobody uses the container, and a handle
	// without Inline and File may be opened: it is asked for at the first
	// use. Uses wait for Reopen, which must not use the container, and fail
	// with its error. What it returns is checked like the first handle.
	Reopen func() (Handle, error)

	// Trusted says that the handle comes from whom this process works for
	// anyway, and may be opened without a search for holes in its memory, which
	// takes 8 µs a MiB, or ten times that when the processor's cache is cold.
	Trusted bool
}

var errNoFile = errors.New("the handle has neither the bytes nor a file")

// Pass is a handle of c for another process. The caller closes its File.
//
// Immutable containers up to InlineMax go as their bytes. Larger ones go as
// sealed memory which has these bytes only: a slice gets its own. Files go as
// a descriptor of the whole file, opened anew. What was opened from a handle
// of a file goes as what its Reopen gives, or not at all. A Container of
// another package is copied at each Pass, as it is at that moment.
//
// Sealed memory is there on Linux only: elsewhere what would need it is an
// error that says so.
func Pass(c Container) (Handle, error) {
	v, ok := c.(*view)
	if !ok {
		return passCopy(c)
	}
	h, err := v.pass()
	if err != nil {
		return Handle{}, fmt.Errorf("pass a container: %w", err)
	}
	return h, nil
}

func passCopy(c Container) (Handle, error) {
	copied, err := FromReader(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		return Handle{}, err
	}
	defer copied.Close()
	if copied.Size() != c.Size() {
		return Handle{}, fmt.Errorf("pass a container: it has %d bytes instead of %d", copied.Size(), c.Size())
	}
	return Pass(copied)
}

func (v *view) pass() (Handle, error) {
	src, err := v.use()
	if err != nil {
		return Handle{}, err
	}
	defer src.release()
	h := Handle{Size: v.n, Immutable: v.immutable}
	if v.immutable && v.n <= InlineMax {
		h.Inline = make([]byte, v.n)
		_, err := src.readAt(h.Inline, v.off)
		return h, err
	}
	h.File, h.Offset, err = src.file(v.off, v.n)
	if err == nil && h.File == nil {
		h.File, err = v.hold.passSealed(src, v.off, v.n)
	}
	return h, err
}

// Open is the container of a handle that may come from a process that nobody
// trusts. It takes h.Inline and h.File over, and closes the file also when it
// fails. Whoever wants nothing that may change refuses handles that are not
// Immutable: the claim is checked here. Immutable bytes have to be Inline, or
// sealed against writing, shrinking and growing; else the error says what is
// missing. Elsewhere than on Linux, and where there is no room for the map, a file
// is read instead of mapped.
func Open(h Handle, o OpenOptions) (Container, error) {
	c, err := open(h, o)
	if err != nil {
		if h.File != nil {
			h.File.Close()
		}
		return nil, fmt.Errorf("open a container: %w", err)
	}
	return c, nil
}

// open leaves h.File open if it fails.
func open(h Handle, o OpenOptions) (Container, error) {
	switch {
	case h.Offset < 0 || h.Size < 0 || h.Offset > math.MaxInt64-h.Size:
		return nil, fmt.Errorf("the handle of %d bytes at %d: %w", h.Size, h.Offset, ErrRange)
	case h.File != nil && h.Inline != nil:
		return nil, errors.New("the handle has both the bytes and a file")
	case h.File != nil:
		return openFile(h, o)
	case h.Size == int64(len(h.Inline)) && h.Offset == 0 && h.Immutable:
		return FromBytes(h.Inline), nil
	case h.Inline != nil:
		return nil, fmt.Errorf("the handle has %d bytes inline, but says %d at %d, immutable %t", len(h.Inline), h.Size, h.Offset, h.Immutable)
	case o.Reopen != nil:
		return openFile(h, o)
	}
	return nil, errNoFile
}

// checkFile is the error for a file that cannot have the bytes of h.
func checkFile(h Handle, trusted bool) error {
	info, err := h.File.Stat()
	if err != nil {
		return err
	}
	if err := regular("the handle's file", info.Mode()); err != nil {
		return err
	}
	if info.Size() < h.Offset+h.Size {
		return fmt.Errorf("the handle of %d bytes at %d is of a file of %d bytes: %w", h.Size, h.Offset, info.Size(), ErrShrunk)
	}
	if h.Immutable {
		return checkSealed(h.File, trusted)
	}
	return nil
}
