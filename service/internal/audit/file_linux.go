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
	return f, nil
}

func (f *file) name() string                      { return "audit file " + f.path }
func (f *file) encode(b []byte, r *Record) []byte { return appendJSON(b, r) }

// open opens the path in place of the file that f has.
func (f *file) open() error {
	if err := os.MkdirAll(filepath.Dir(f.path), dirMode); err != nil {
		return err
	}
	// A FIFO must not block the open, nor a terminal become this process's.
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	opened, err := os.OpenFile(f.path, flags, fileMode)
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
	var st unix.Stat_t
	if err := f.control("fstat", func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
		return err
	}
	if err := trusted(f.path, &st); err != nil {
		return err
	}
	f.end = st.Size
	return f.mend()
}

// trusted says what is wrong with a file that records are to be added to.
func trusted(path string, st *unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s is not a regular file", path)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d, not to uid %d: chown or move it", path, st.Uid, os.Geteuid())
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s has mode %#o, so that others may write it: chmod go-w", path, st.Mode&0o7777)
	}
	return nil
}

// look finds out whether the file is still the one that it was: with the same
// end, and with a name.
func (f *file) look(open int) error {
	var st unix.Stat_t
	if err := f.control("fstat", func(fd int) error { return unix.Fstat(fd, &st) }); err != nil {
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
	if err := f.f.Truncate(f.end); err != nil {
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
	if err := next.back(int64(open) * maxDone); err != nil {
		return errors.Join(err, next.close())
	}
	old := *f
	*f = *next
	return old.close()
}

// close gives back what was allocated and not used.
func (f *file) close() error {
	if f.backed > f.end {
		_ = f.f.Truncate(f.end) // costs room on the disk at worst
	}
	return f.f.Close()
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
