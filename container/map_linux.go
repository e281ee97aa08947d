package container

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// maxIdleMaps is how many maps this process keeps for containers that nobody
// is using and that have a Reopen: a sixteenth of what Linux allows a process.
const maxIdleMaps = 4096

var (
	// maps bounds the maps that can be asked for again.
	maps = &cache[*mapping]{limit: maxIdleMaps}

	// keptMaps are those that cannot.
	keptMaps = &cache[*mapping]{limit: math.MaxInt}
)

// mapping is a range of a file in memory.
type mapping struct {
	b     []byte
	whole []byte // b and what precedes it in its page
}

// newMapping maps size bytes at off, read-only and private: nothing that
// happens in this process reaches the file. Asking for the pages beforehand
// (MAP_POPULATE, MADV_POPULATE_READ) made the first search slower, as the
// kernel maps 16 pages a fault anyway.
func newMapping(f *os.File, off, size int64) (*mapping, error) {
	if size == 0 {
		return &mapping{b: []byte{}}, nil
	}
	before := off % int64(os.Getpagesize())
	if size > math.MaxInt-before {
		return nil, fmt.Errorf("map %d bytes: %w", size, unix.ENOMEM)
	}
	whole, err := unix.Mmap(int(f.Fd()), off-before, int(before+size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return &mapping{b: whole[before:], whole: whole}, nil
}

// unmappable reports whether err says that there is no room for a map, or that files of that
// kind, as those of /sys, have none: they can still be read.
func unmappable(err error) bool { return errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENODEV) }

func (m *mapping) Close() error {
	if m.whole == nil {
		return nil
	}
	return unix.Munmap(m.whole)
}

// mapped is what another process passed.
type mapped struct {
	size   int64
	sealed bool
	maps   *entry[*mapping]
	reopen func() (Handle, error) // nil if the map has to be kept

	trusted bool // as OpenOptions says
}

// openFile maps h.File, or leaves that to the first use if there is none. A file that cannot be
// mapped, as it is larger than what is free of the addresses, is read instead.
func openFile(h Handle, o OpenOptions) (Container, error) {
	src := &mapped{size: h.Size, sealed: h.Immutable, trusted: o.Trusted, maps: &entry[*mapping]{cache: keptMaps}}
	if o.Reopen != nil {
		src.reopen = o.Reopen
		src.maps = &entry[*mapping]{cache: maps, make: src.mapAgain}
	}
	if h.File != nil {
		m, err := mapHandle(h, o.Trusted)
		if !h.Immutable && unmappable(err) {
			return readHandle(h, src.openAgain(h.Offset)), nil
		}
		if err != nil {
			return nil, err
		}
		h.File.Close()
		src.maps.put(m)
		src.maps.release()
	}
	return newView(share(src), 0, h.Size), nil
}

func mapHandle(h Handle, trusted bool) (*mapping, error) {
	if err := checkFile(h, trusted); err != nil {
		return nil, err
	}
	return newMapping(h.File, h.Offset, h.Size)
}

// openAgain opens what Reopen gives, where it is to be read from that offset on; nil if there is
// no Reopen.
func (s *mapped) openAgain(off int64) func() (*os.File, error) {
	if s.reopen == nil {
		return nil
	}
	return func() (*os.File, error) {
		h, err := s.ask()
		if err != nil {
			return nil, err
		}
		if err = checkFile(h, s.trusted); err == nil && h.Offset != off {
			err = fmt.Errorf("reopen a container at %d: the handle says %d: %w", off, h.Offset, ErrChanged)
		}
		if err != nil {
			h.File.Close()
			return nil, err
		}
		return h.File, nil
	}
}

// mapAgain maps what Reopen gives.
func (s *mapped) mapAgain() (*mapping, error) {
	h, err := s.ask()
	if err != nil {
		return nil, err
	}
	defer h.File.Close()
	return mapHandle(h, s.trusted)
}

// ask is the handle of the same container that Reopen gives, with a file.
func (s *mapped) ask() (Handle, error) {
	h, err := s.reopen()
	if err != nil {
		return Handle{}, fmt.Errorf("reopen a container: %w", err)
	}
	if h.File == nil {
		return Handle{}, fmt.Errorf("reopen a container: %w", errNoFile)
	}
	if h.Size != s.size || h.Immutable != s.sealed || h.Offset < 0 || h.Offset > math.MaxInt64-h.Size {
		h.File.Close()
		return Handle{}, fmt.Errorf("reopen a container of %d bytes, immutable %t: the handle says %d at %d, immutable %t: %w",
			s.size, s.sealed, h.Size, h.Offset, h.Immutable, ErrChanged)
	}
	return h, nil
}

func (s *mapped) immutable() bool { return s.sealed }
func (s *mapped) window() int64   { return memoryWindow }
func (s *mapped) close()          { s.maps.close() }

func (s *mapped) with(off, n int64, fn func(b []byte) error) error {
	m, err := s.maps.acquire()
	if err != nil {
		return err
	}
	defer s.maps.release()
	return guard(m.b[off:off+n:off+n], fn)
}

func (s *mapped) readAt(p []byte, off int64) (n int, err error) {
	err = s.with(off, int64(len(p)), func(b []byte) error {
		n = copy(p, b)
		return nil
	})
	return n, err
}

func (s *mapped) pin(off, n int64) ([]byte, func(), error) {
	m, err := s.maps.acquire()
	if err != nil {
		return nil, nil, err
	}
	return m.b[off : off+n : off+n], s.maps.release, nil
}

// file is a descriptor that Reopen gives: of a file, or of sealed memory of
// which all was given to this process anyway.
func (s *mapped) file(off, n int64) (*os.File, int64, error) {
	switch {
	case s.reopen != nil && (!s.sealed || n == s.size):
		h, err := s.ask()
		return h.File, h.Offset + off, err
	case s.sealed:
		return nil, 0, nil
	}
	return nil, 0, errors.New("a file from another process cannot be passed on without Reopen")
}
