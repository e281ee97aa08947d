package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// file is the sink that is a file of JSON lines.
//
//	0         end                backed
//	├─ lines ──┼─ allocated: room ──┤
type file struct {
	path string
	room int64 // bytes of the disk that denials leave free

	f      *os.File
	end    int64 // where the next line goes
	backed int64 // the disk has room up to here
	torn   bool  // the last line is not whole and could not be taken back
	weak   bool  // the filesystem cannot allocate
}

const (
	fileMode = 0o640
	dirMode  = 0o750

	// ahead is how many bytes are allocated at once beyond what is needed.
	ahead = 256 << 10
)

func openFile(path string, room int64) (sink, error) {
	f := &file{path: path, room: room}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("open the audit: %w", err)
	}
	_ = f.back(maxDone) // a full disk need not stay full: Before says so
	return f, nil
}

func (f *file) name() string { return "audit file " + f.path }

func (f *file) describe() string {
	if f.weak {
		return f.name() + " (its filesystem cannot keep room for what calls that began have yet to record)"
	}
	return f.name()
}

func (f *file) encode(b []byte, r *Record) []byte { return appendJSON(b, r) }

// open opens the path in place of the file that f has.
func (f *file) open() error {
	d, err := openDir(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	opened, err := d.open(filepath.Base(f.path))
	d.close()
	if errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%s is a symbolic link: name the file itself", f.path)
	}
	if err != nil {
		return err
	}
	next := &file{path: f.path, room: f.room, f: opened}
	if err := next.check(); err != nil {
		opened.Close()
		return err
	}
	*f = *next
	return nil
}

// check refuses what is no file of ours, and finds where it ends.
func (f *file) check() error {
	st, err := f.stat()
	if err != nil {
		return err
	}
	if err := trusted(f.path, &st); err != nil {
		return err
	}
	f.end = st.Size
	return f.mend()
}

// look finds out whether the file is still the one that it was: with the same
// end, and with a name.
func (f *file) look(open int) error {
	st, err := f.stat()
	if err != nil {
		return err
	}
	if st.Nlink == 0 { // nobody would ever read what is written here
		return f.reopen(open)
	}
	if st.Size != f.end { // cut by logrotate's copytruncate, for instance
		f.end, f.backed = st.Size, 0
	}
	return nil
}

func (f *file) prepare(size, open int) error {
	if err := f.look(open); err != nil {
		return err
	}
	return f.back(int64(size) + 1 + int64(open)*maxDone) // and 1 to end a torn line
}

// write writes a line. One that was written in part is taken back.
func (f *file) write(line []byte) error {
	if f.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := f.f.Write(line)
	if err == nil {
		f.end += int64(n)
		f.torn = false
		return nil
	}
	if n > 0 {
		f.takeBack(int64(n))
	}
	return err
}

// takeBack takes n bytes off the end, or remembers to end the line.
func (f *file) takeBack(n int64) {
	st, err := f.stat()
	if err == nil {
		f.end = st.Size - n
		err = f.f.Truncate(f.end)
	}
	if err != nil {
		f.end += n
		f.torn = true
		return
	}
	f.backed = f.end // the rest is gone with what was cut off
}

func (f *file) reopen(open int) error {
	next := &file{path: f.path, room: f.room}
	if err := next.open(); err != nil {
		return err
	}
	if same, err := f.same(next); same || err != nil {
		return errors.Join(err, next.f.Close())
	}
	if err := next.back(int64(open) * maxDone); err != nil {
		return errors.Join(err, next.close())
	}
	old := *f
	*f = *next
	return old.close()
}

// same reports whether two are one file.
func (f *file) same(other *file) (bool, error) {
	a, aerr := f.stat()
	b, berr := other.stat()
	return a.Dev == b.Dev && a.Ino == b.Ino, errors.Join(aerr, berr)
}

// close gives back what was allocated and not used. Failing to costs room on the
// disk, and nothing else.
func (f *file) close() error {
	if st, err := f.stat(); err == nil && f.backed > st.Size {
		_ = f.f.Truncate(st.Size)
	}
	return f.f.Close()
}

func (f *file) stat() (st unix.Stat_t, err error) {
	err = f.control("stat", func(fd int) error { return unix.Fstat(fd, &st) })
	return st, err
}

// control runs a system call on the file's descriptor.
func (f *file) control(name string, call func(fd int) error) error {
	raw, err := f.f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for failed = call(int(fd)); failed == unix.EINTR; {
			failed = call(int(fd))
		}
	})
	if err == nil && failed != nil {
		err = &os.PathError{Op: name, Path: f.path, Err: failed}
	}
	return err
}
