package container

import (
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/internal/filekind"
)

const (
	// MaxFileView is how many bytes View reads of a container that
	// FromFile made.
	MaxFileView = 64 << 20

	// maxIdleFiles is how many files, sealed memory among them, this
	// process keeps open for containers that nobody is using.
	maxIdleFiles = 128

	// fileWindow is how many bytes of a file are searched at a time. It
	// fits the processor's cache.
	fileWindow = 256 << 10
)

// files bounds the open files that can be opened again.
var files = &cache[*os.File]{limit: maxIdleFiles}

// keptFiles are those that cannot be opened again.
var keptFiles = &cache[*os.File]{limit: math.MaxInt}

// file is a file that is read with pread.
type file struct {
	name  string
	base  int64 // where the container's bytes begin
	files *entry[*os.File]
	fresh func() (*os.File, error) // opens it anew; nil if that is impossible
}

// FromFile is a container of the regular file at path, as large as the file is
// now. The file is opened at its first use, and stays open only while it is one
// of the maxIdleFiles used last. Whenever it is opened again, it must be the
// same in device, inode, size, mode and time of change, or the use fails with
// an error that matches ErrChanged. What is written to it while it is open is
// read without notice.
//
// Directories, pipes, sockets and devices, and files that may not be read, are
// errors here already. Files whose size the system tells as 0 though they have
// contents, as in /proc, are empty containers: FromReader is for those.
//
// Passing it, or a slice of it, gives the receiver the whole file to read.
func FromFile(path string) (Container, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("container from a file: %w", err)
	}
	if err := checkRegular(path); err != nil {
		return nil, fmt.Errorf("container from a file: %w", err)
	}
	f, info, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("container from a file: %w", err)
	}
	f.Close()
	is := identify(info)
	open := func() (*os.File, error) { return openSame(path, is) }
	src := &file{
		name:  path,
		files: &entry[*os.File]{cache: files, make: open},
		fresh: open,
	}
	return newView(share(src), 0, info.Size()), nil
}

// readHandle is the container of a handle whose file is read, and not mapped. fresh opens that
// anew; if it is nil, the file is kept open.
func readHandle(h Handle, fresh func() (*os.File, error)) Container {
	src := &file{name: "the handle's file", base: h.Offset, fresh: fresh, files: &entry[*os.File]{cache: keptFiles}}
	if fresh != nil {
		src.files = &entry[*os.File]{cache: files, make: fresh}
	}
	src.files.put(h.File)
	src.files.release()
	return newView(share(src), 0, h.Size)
}

// checkRegular looks before the file is opened, because opening a device may
// do something.
func checkRegular(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return regular(path, info.Mode())
}

// openRegular opens path for reading, without waiting in case a pipe has taken
// the file's place.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// openSame is openRegular for the file that was path when is was taken.
func openSame(path string, is identity) (*os.File, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	if !is.same(info) {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", path, ErrChanged)
	}
	return f, nil
}

// regular is the error for a file that is not a regular one.
func regular(name string, mode fs.FileMode) error {
	if mode.IsRegular() {
		return nil
	}
	kind := filekind.Of(mode).Words()
	if mode&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice {
		kind = "a block device (FromDevice)"
	}
	return fmt.Errorf("%s is %s, not a regular file", name, kind)
}

func (f *file) immutable() bool { return false }
func (f *file) window() int64   { return fileWindow }
func (f *file) close()          { f.files.close() }

func (f *file) readAt(p []byte, off int64) (int, error) {
	open, err := f.files.acquire()
	if err != nil {
		return 0, err
	}
	defer f.files.release()
	n, err := open.ReadAt(p, f.base+off)
	if err == io.EOF {
		err = ErrShrunk
	}
	if err != nil {
		err = fmt.Errorf("%s: %d of %d bytes at %d: %w", f.name, n, len(p), off, plain(err))
	}
	return n, err
}

// plain is err without the name of the file, which is told already.
func plain(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

func (f *file) with(off, n int64, fn func(b []byte) error) error {
	if n > MaxFileView {
		return fmt.Errorf("view %s: its %d bytes are more than the %d that are read at once; use ReadAt, Find or All", f.name, n, MaxFileView)
	}
	b, done := buffer(int(n))
	defer done()
	if _, err := f.readAt(b, off); err != nil {
		return err
	}
	return fn(b)
}

func (f *file) pin(int64, int64) ([]byte, func(), error) {
	return nil, nil, ErrMutable
}

func (f *file) file(off, _ int64) (*os.File, int64, error) {
	if f.fresh == nil {
		return nil, 0, fmt.Errorf("pass %s: a file that came from another process cannot be passed on here", f.name)
	}
	open, err := f.fresh()
	return open, f.base + off, err
}

// windowRoom is a window and room for the overlap that common patterns need.
const windowRoom = fileWindow + 4<<10

var windows = sync.Pool{New: func() any { return new([windowRoom]byte) }}

// buffer is n bytes, and what gives them back.
func buffer(n int) (b []byte, done func()) {
	if n > windowRoom {
		return make([]byte, n), func() {}
	}
	w := windows.Get().(*[windowRoom]byte)
	return w[:n:n], func() { windows.Put(w) }
}
