package starlark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/filekind"
	"github.com/outwork-go/outwork/internal/legible"
)

const hostIsHere = true

// hostFunc is a built-in of the module host.
type hostFunc func(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// hostModule is what the grant host gives.
func hostModule() starlark.Value {
	m := &starlarkstruct.Module{Name: "host", Members: starlark.StringDict{}}
	add := func(short string, fn hostFunc) {
		name := m.Name + "." + short
		m.Members[short] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return fn(runOf(t), name, args, kwargs)
		})
	}
	add("open", hostOpen)
	add("read", hostRead)
	add("stat", hostStat)
	add("glob", hostGlob)
	add("write", hostWrite)
	add("run", hostRun)
	add("facts", hostFacts)
	return m
}

// hostPath unpacks a path. Names of files are bytes, and so are strings here.
type hostPath string

// Unpack implements starlark.Unpacker.
func (p *hostPath) Unpack(v starlark.Value) error {
	s, ok := starlark.AsString(v)
	switch {
	case !ok:
		return fmt.Errorf("got %s, want string", v.Type())
	case s == "":
		return errors.New("a path cannot be empty")
	case strings.ContainsRune(s, 0):
		return errors.New("a path cannot have a NUL in it")
	}
	*p = hostPath(s)
	return nil
}

// hostError is err as a sentence that begins with what the script called.
func hostError(name, about string, err error) error {
	return fmt.Errorf("%s(%s): %w", name, strconv.Quote(legible.Cut(about, maxLineShown)), plainError(err))
}

var errNoFile = errors.New("no such file")

// plainError is err without the operation and the path, which the sentence
// around it names.
func plainError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	if err == syscall.ENOENT {
		return errNoFile
	}
	return err
}

func hostOpen(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path hostPath
	if err := starlark.UnpackArgs(name, args, kwargs, "path", &path); err != nil {
		return nil, err
	}
	c, err := r.openHost(string(path))
	if err != nil {
		return nil, hostError(name, string(path), err)
	}
	r.Keep(func() { c.Close() })
	return whole(c), nil
}

// openHost is the file at path as a container. A small one is read at once:
// that spares descriptors, and the system does not tell the true size of files
// in /proc and /sys.
func (r *run) openHost(path string) (container.Container, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > smallFile {
		return container.FromFile(path)
	}
	s, err := r.readHost(f)
	return memory(s), err
}

func hostRead(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path hostPath
	if err := starlark.UnpackArgs(name, args, kwargs, "path", &path); err != nil {
		return nil, err
	}
	f, _, err := openRegular(string(path))
	if err != nil {
		return nil, hostError(name, string(path), err)
	}
	defer f.Close()
	s, err := r.readHost(f)
	if err != nil {
		return nil, hostError(name, string(path), err)
	}
	return starlark.Bytes(s), nil
}

// readHost is all of f, if that is at most maxRead bytes. It ends with the
// context, even where reading waits, as in /proc/kmsg.
func (r *run) readHost(f *os.File) (string, error) {
	stop := context.AfterFunc(r.ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // those that cannot, do not wait
	defer stop()
	var b strings.Builder
	_, err := io.Copy(&b, io.LimitReader(looking{r, f}, maxRead+1))
	if stopped := r.interrupted(); stopped != nil {
		return "", stopped
	}
	if b.Len() > maxRead {
		return "", fmt.Errorf("it has more than %d MiB: host.open reads it part by part", maxRead>>20)
	}
	return b.String(), err
}

// looking looks at the context before it reads.
type looking struct {
	r *run
	io.Reader
}

// Read implements io.Reader.
func (l looking) Read(p []byte) (int, error) {
	if err := l.r.interrupted(); err != nil {
		return 0, err
	}
	return l.Reader.Read(p)
}

// openRegular opens the regular file at path. It looks first, because opening
// a device may do something, and does not wait for a pipe that took its place.
func openRegular(path string) (f *os.File, size int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if err := wantRegular(info.Mode()); err != nil {
		return nil, 0, err
	}
	if f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil {
		err = wantRegular(info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func wantRegular(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("it is a folder, not a file")
	}
	return fmt.Errorf("it is %s, not a file", filekind.Of(mode).Words())
}

func hostStat(_ *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path hostPath
	follow := true
	if err := starlark.UnpackArgs(name, args, kwargs, "path", &path, "follow?", &follow); err != nil {
		return nil, err
	}
	stat := os.Stat
	if !follow {
		stat = os.Lstat
	}
	info, err := stat(string(path))
	if isAbsent(err) {
		return starlark.None, nil
	}
	if err != nil {
		return nil, hostError(name, string(path), err)
	}
	return statValue(string(path), info), nil
}

// isAbsent reports whether err says that there is nothing at a path.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func statValue(path string, info fs.FileInfo) starlark.Value {
	mode, s := info.Mode(), info.Sys().(*syscall.Stat_t)
	var target starlark.Value = starlark.None
	if mode&fs.ModeSymlink != 0 {
		if t, err := os.Readlink(path); err == nil {
			target = starlark.String(t)
		}
	}
	return starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
		"name":    starlark.String(filepath.Base(path)),
		"size":    starlark.MakeInt64(info.Size()),
		"disk":    starlark.MakeInt64(s.Blocks * 512), // the unit of st_blocks, whatever the file system's is
		"mode":    starlark.MakeInt(int(s.Mode & modeBits)),
		"mtime":   startime.Time(info.ModTime()),
		"is_dir":  starlark.Bool(mode.IsDir()),
		"is_file": starlark.Bool(mode.IsRegular()),
		"is_link": starlark.Bool(mode&fs.ModeSymlink != 0),
		"target":  target,
		"uid":     starlark.MakeUint64(uint64(s.Uid)),
		"gid":     starlark.MakeUint64(uint64(s.Gid)),
		"links":   starlark.MakeUint64(uint64(s.Nlink)),
		"device":  starlark.MakeUint64(uint64(s.Dev)),
		"inode":   starlark.MakeUint64(s.Ino),
	})
}

// modeBits are the permissions, set-user-ID, set-group-ID and sticky.
const modeBits = 0o7777
