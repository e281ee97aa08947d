package container

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FromDevice is a container of the block device at path, a live source: as large as it
// is now, and read when it is asked for. It is opened for reading at once, and stays so
// until the container is released. A sector that cannot be read is an error with its
// offset in the read that wants it. Directories, files and other devices are errors here.
func FromDevice(path string) (Container, error) {
	c, err := fromDevice(path)
	if err != nil {
		return nil, fmt.Errorf("container from a device: %w", err)
	}
	return c, nil
}

func fromDevice(path string) (Container, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !isBlock(info) {
		return nil, fmt.Errorf("%s is no block device; FromFile is for files", path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	size, err := deviceSize(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return FromReaderAt(f, size, Live{Name: path, Close: f.Close}), nil
}

func isBlock(info fs.FileInfo) bool {
	return info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice
}

// deviceSize looks at what was opened: something else may have taken the path's place.
func deviceSize(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !isBlock(info) {
		return 0, fmt.Errorf("%s is no block device any more", f.Name())
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size == 0 {
		err = fmt.Errorf("%s has no bytes: is there a medium in it?", f.Name())
	}
	return size, err
}
