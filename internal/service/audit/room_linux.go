package audit

import (
	"errors"

	"golang.org/x/sys/unix"
)

// back makes the disk have room for size bytes beyond the end.
func (f *file) back(size int64) error {
	if f.end+size <= f.backed {
		return nil
	}
	err := f.allocate(size + ahead)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		err = f.allocate(size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		f.weak = true
		return f.expect(size)
	}
	return err
}

// allocate allocates size bytes beyond the end, without moving it.
func (f *file) allocate(size int64) error {
	err := f.control("allocate room in", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, f.end, size)
	})
	if err == nil {
		f.backed = f.end + size
	}
	return err
}

// expect is for a filesystem that cannot allocate: size bytes must be free.
func (f *file) expect(size int64) error {
	free, err := f.free()
	if err == nil && free < size {
		err = unix.ENOSPC
	}
	return err
}

// spare reports whether more is free than is kept for mutations.
func (f *file) spare() bool {
	free, err := f.free()
	return err == nil && free >= f.room
}

// free is how many bytes of the disk this process could use without privilege.
func (f *file) free() (free int64, err error) {
	var st unix.Statfs_t
	err = f.control("statfs", func(fd int) error { return unix.Fstatfs(fd, &st) })
	if st.Blocks == 0 { // a tmpfs without a size
		return 1 << 62, err
	}
	return int64(min(st.Bavail, 1<<40)) * st.Bsize, err
}
