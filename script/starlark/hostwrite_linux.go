package starlark

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.starlark.net/starlark"
	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/legible"
)

const newFileMode = 0o644

func hostWrite(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path hostPath
	var data hostData
	var mode starlark.Value = starlark.None
	if err := starlark.UnpackArgs(name, args, kwargs, "path", &path, "data", &data, "mode??", &mode); err != nil {
		return nil, err
	}
	w := writing{path: string(path)}
	err := w.look()
	if err == nil && mode != starlark.None {
		w.mode, err = permissions(mode)
	}
	if err == nil {
		err = w.write(looking{r, data.reader()})
	}
	if err != nil {
		return nil, hostError(name, string(path), err)
	}
	return starlark.None, nil
}

func permissions(v starlark.Value) (uint32, error) {
	var mode int
	if err := starlark.AsInt(v, &mode); err != nil || mode < 0 || mode > modeBits {
		return 0, fmt.Errorf("mode is %s, not 0 to 0o7777", legible.Cut(v.String(), 30))
	}
	return uint32(mode), nil
}

// hostData unpacks what is to be written or read by a command: a string, bytes
// or a container.
type hostData struct{ value starlark.Value }

// Unpack implements starlark.Unpacker.
func (d *hostData) Unpack(v starlark.Value) error {
	switch v.(type) {
	case starlark.String, starlark.Bytes, *containerValue:
		d.value = v
		return nil
	}
	return fmt.Errorf("got %s, want string, bytes or a container", v.Type())
}

// reader reads the data, or is nil if there is none.
func (d hostData) reader() io.Reader {
	switch v := d.value.(type) {
	case starlark.String:
		return strings.NewReader(string(v))
	case starlark.Bytes:
		return strings.NewReader(string(v))
	case *containerValue:
		return io.NewSectionReader(v.c, v.off, v.n)
	}
	return nil
}

// writing is one file being replaced. Whoever opens path sees all of the old
// file or all of the new one, even if the machine stops in between.
type writing struct {
	path     string
	mode     uint32
	replaces bool
	uid, gid int // of the file that is replaced
}

// look takes owner and mode from the file that is there. It does not follow a
// link: somebody else could have put it there to have their choice of file
// written.
func (w *writing) look() error {
	w.mode = newFileMode
	if strings.HasSuffix(w.path, "/") {
		return errors.New("a file's name does not end with a slash")
	}
	info, err := os.Lstat(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(w.path)
		return fmt.Errorf("it is a symbolic link to %q: write there, or remove it first", target)
	}
	if err := wantRegular(info.Mode()); err != nil {
		return err
	}
	s := info.Sys().(*syscall.Stat_t)
	w.replaces, w.uid, w.gid, w.mode = true, int(s.Uid), int(s.Gid), s.Mode&modeBits
	return nil
}

// write makes the new file beside the old one, and puts it in its place.
func (w *writing) write(from io.Reader) (err error) {
	folder := filepath.Dir(w.path)
	f, err := os.CreateTemp(folder, ".outwork-*")
	if err != nil {
		if _, absent := os.Stat(folder); isAbsent(absent) {
			return errors.New("its folder is not there")
		}
		return fmt.Errorf("cannot make a file in its folder: %w", plainError(err))
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	if err := w.dress(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), w.path); err != nil {
		return err
	}
	syncFolder(folder)
	return nil
}

// dress gives f its owner and its mode, in this order: a change of owner takes
// bits away from the mode.
func (w *writing) dress(f *os.File) error {
	if w.replaces {
		if err := w.keepOwner(f); err != nil {
			return err
		}
	}
	return unix.Fchmod(int(f.Fd()), w.mode)
}

func (w *writing) keepOwner(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if s := info.Sys().(*syscall.Stat_t); int(s.Uid) == w.uid && int(s.Gid) == w.gid {
		return nil
	}
	if err := f.Chown(w.uid, w.gid); err != nil {
		return fmt.Errorf("cannot keep its owner, user %d and group %d: %w", w.uid, w.gid, plainError(err))
	}
	return nil
}

// syncFolder makes the rename last. Not every file system can; then it lasts
// when the system gets to it.
func syncFolder(path string) {
	if f, err := os.Open(path); err == nil {
		_ = f.Sync()
		f.Close()
	}
}
