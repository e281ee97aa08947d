package container

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxSpool is how many bytes FromReader takes.
const maxSpool = 16 << 30

// allSeals leave nothing to change, the seals neither.
const allSeals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// steady are the seals without which another process could change the bytes,
// or make them shorter than a map of them.
var steady = []struct {
	seal    int
	against string
}{
	{unix.F_SEAL_WRITE, "writing"},
	{unix.F_SEAL_SHRINK, "shrinking"},
	{unix.F_SEAL_GROW, "growing"},
}

// sealedEntry is a copy in sealed memory, kept while there is room.
type sealedEntry = entry[*os.File]

// passSealed is a new descriptor of sealed memory with n bytes of src at off
// and nothing else.
func (h *hold) passSealed(src source, off, n int64) (*os.File, error) {
	e, err := h.sealedEntry(src, off, n)
	if err != nil {
		return nil, err
	}
	f, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release()
	return duplicate(f)
}

func (h *hold) sealedEntry(src source, off, n int64) (*sealedEntry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.src == nil {
		return nil, ErrClosed
	}
	if h.sealed == nil {
		h.sealed = &sealedEntry{cache: files, make: func() (*os.File, error) { return copySealed(src, off, n) }}
	}
	return h.sealed, nil
}

func copySealed(src source, off, n int64) (*os.File, error) {
	return newSealed(func(f *os.File) error {
		return src.with(off, n, func(b []byte) error {
			_, err := f.Write(b)
			return err
		})
	})
}

// spool is a container of all that r yields. Its memory stays mapped; the
// descriptor can be had again by a copy, and does not count for long.
func spool(r io.Reader) (Container, error) {
	f, err := newSealed(func(f *os.File) error {
		_, err := io.Copy(f, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, err
	}
	m, err := newMapping(f, 0, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	src := &mapped{size: size, sealed: true, maps: &entry[*mapping]{cache: keptMaps}}
	src.maps.put(m)
	src.maps.release()
	v := newView(share(src), 0, size)
	v.keepSealed(src, f)
	return v, nil
}

// keepSealed gives f to the view, as its bytes in sealed memory.
func (v *view) keepSealed(src source, f *os.File) {
	e, err := v.hold.sealedEntry(src, v.off, v.n)
	if err != nil {
		f.Close()
		return
	}
	e.put(f)
	e.release()
}

// newSealed is memory that fill wrote and that nothing can change any more.
func newSealed(fill func(f *os.File) error) (*os.File, error) {
	f, err := newMemory()
	if err != nil {
		return nil, err
	}
	if err := fill(f); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, allSeals); err != nil {
		f.Close()
		return nil, fmt.Errorf("seal memory: %w", err)
	}
	return f, nil
}

// newMemory is empty memory which nobody can execute, on kernels that know how
// to forbid it (Linux 6.3).
func newMemory() (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("outwork", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("outwork", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("make sealed memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "sealed memory"), nil
}

// checkSealed is the error for a file that another process could change or
// shrink, or whose bytes need memory that is not there yet: holes take it when
// they are read, and huge pages may then fail to appear. Who is trusted is not
// searched for holes.
func checkSealed(f *os.File, trusted bool) error {
	fd := int(f.Fd())
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return fmt.Errorf("the handle's file: %w", err)
	}
	if system.Type != unix.TMPFS_MAGIC {
		return errors.New("the handle claims to be immutable, but its file is not sealed memory")
	}
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("the seals of the handle's file: %w", err)
	}
	for _, s := range steady {
		if seals&s.seal == 0 {
			return fmt.Errorf("the handle claims to be immutable, but its memory is not sealed against %s", s.against)
		}
	}
	if trusted {
		return nil
	}
	return checkWhole(fd)
}

// checkWhole is the error for memory with holes. The kernel is asked where the first
// one is: that the file has as many blocks as its size wants says nothing, as some may
// lie beyond its end.
func checkWhole(fd int) error {
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err != nil {
		return fmt.Errorf("the handle's memory: %w", err)
	}
	if size == 0 {
		return nil
	}
	hole, err := unix.Seek(fd, 0, unix.SEEK_HOLE)
	if err != nil {
		return fmt.Errorf("the handle's memory: %w", err)
	}
	if hole < size {
		return errors.New("the handle's memory has holes")
	}
	return nil
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate sealed memory: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
