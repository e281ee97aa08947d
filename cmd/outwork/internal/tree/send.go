package tree

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/outwork-go/outwork/internal/filekind"
)

// sources are what is sent, each under its last name. Real is where a path leads.
func sources(paths []string, real func(string) string) (all []source, err error) {
	seen := map[string]string{}
	for _, p := range paths {
		at := real(p)
		name, err := nameOf(p, at)
		if err != nil {
			return nil, err
		}
		if other, ok := seen[name]; ok {
			return nil, fmt.Errorf("%s and %s have the same name", other, p)
		}
		seen[name] = p
		all = append(all, source{at, p, name})
	}
	return all, nil
}

type source struct {
	real string
	path string // as the user wrote it
	name string // in the tree
}

// here is a path of the machine that the command was given on: its shell has expanded
// what it should, and ~ is a name.
func here(p string) string { return p }

// nameOf is the last name of at, which p leads to.
func nameOf(p, at string) (string, error) {
	full, err := filepath.Abs(at)
	if err != nil {
		return "", err
	}
	name := filepath.Base(full)
	if name == string(filepath.Separator) {
		return "", fmt.Errorf("%s has no name: name a folder in it", p)
	}
	return name, nil
}

// home is a path of a worker's machine with ~ for the home folder, as a shell there would
// have it.
func home(p string) string {
	rest, ok := strings.CutPrefix(p, "~")
	if !ok || rest != "" && rest[0] != '/' {
		return p
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return p
	}
	return dir + rest
}

// walk yields the parts of all sources. An error is the last.
func walk(ctx context.Context, all []source) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		w := walker{ctx: ctx, yield: yield, piece: make([]byte, pieceSize)}
		for _, s := range all {
			if err := w.source(s); err != nil {
				if err != errLeft {
					yield(Part{}, err)
				}
				return
			}
		}
	}
}

// errLeft is that nobody wants more.
var errLeft = errors.New("left early")

type walker struct {
	ctx   context.Context
	yield func(Part, error) bool
	piece []byte
}

func (w *walker) send(p Part) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if !w.yield(p, nil) {
		return errLeft
	}
	return nil
}

// source sends what the user named, and follows it when it is a link.
func (w *walker) source(s source) error {
	info, err := os.Stat(s.real)
	if err != nil {
		return cannot("read", s.path, err)
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return w.special(s.path, info.Mode())
		}
		return w.file(s.path, s.name, func() (*os.File, error) { return openFile(s.real) })
	}
	root, err := os.OpenRoot(s.real)
	if err != nil {
		return cannot("read", s.path, err)
	}
	defer root.Close()
	return w.folder(root, s, ".", info)
}

// cannot is err of doing something with a file.
func cannot(do, name string, err error) error {
	return fmt.Errorf("cannot %s %s: %w", do, name, bare(err))
}

// folder sends a folder of root and all that lies in it.
func (w *walker) folder(root *os.Root, s source, at string, info fs.FileInfo) error {
	if err := w.send(Part{Entry: entry(folder, joined(s.name, at), info)}); err != nil {
		return err
	}
	dir, err := root.Open(at)
	if err != nil {
		return cannot("read", joined(s.path, at), err)
	}
	defer dir.Close()
	for {
		const some = 256 // entries
		list, err := dir.ReadDir(some)
		for _, e := range list {
			if err := w.entry(root, s, join(at, e.Name())); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return cannot("read", joined(s.path, at), err)
		}
	}
}

// entry sends what lies at a place in root. What has gone since it was listed is
// skipped.
func (w *walker) entry(root *os.Root, s source, at string) error {
	shown := joined(s.path, at)
	info, err := root.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cannot("read", shown, err)
	case info.IsDir():
		return w.folder(root, s, at, info)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := root.Readlink(at)
		if err != nil {
			return cannot("read", shown, err)
		}
		e := entry(link, joined(s.name, at), info)
		e.Target = []byte(target)
		return w.send(Part{Entry: e})
	case !info.Mode().IsRegular():
		return w.special(shown, info.Mode())
	}
	return w.file(shown, joined(s.name, at), func() (*os.File, error) {
		return root.OpenFile(at, os.O_RDONLY|noWait, 0)
	})
}

// special skips what has no contents to send.
func (w *walker) special(shown string, mode fs.FileMode) error {
	return w.send(Part{Notice: fmt.Sprintf("skipped %s: it is %s", shown, filekind.Of(mode).Words())})
}

// file sends a file: its entry, its contents, its sum.
func (w *walker) file(shown, name string, open func() (*os.File, error)) error {
	f, err := open()
	if err != nil {
		return cannot("read", shown, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return cannot("read", shown, err)
	}
	if !info.Mode().IsRegular() { // since it was looked at
		return cannot("read", shown, errChanged)
	}
	if err := w.send(Part{Entry: entry(file, name, info)}); err != nil {
		return err
	}
	sum := newHash()
	n, err := w.contents(f, shown, sum, info.Size())
	if err != nil {
		return err
	}
	if n != info.Size() {
		return cannot("read", shown, otherSize(f, info))
	}
	return w.send(Part{Sum: sum.Sum(nil)})
}

// contents sends what f has, and returns how much that is. More than size is not sent: it
// is enough to know.
func (w *walker) contents(f *os.File, shown string, sum hash.Hash, size int64) (n int64, err error) {
	for {
		got, err := f.Read(w.piece)
		if n += int64(got); n > size {
			return n, nil
		}
		if got > 0 {
			sum.Write(w.piece[:got])
			if err := w.send(Part{Data: w.piece[:got]}); err != nil {
				return n, err
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, cannot("read", shown, err)
		}
	}
}

// otherSize is why what was read of f is not as much as was told before. The kernel's own
// files are that way, and do not change.
func otherSize(f *os.File, before fs.FileInfo) error {
	now, err := f.Stat()
	if err == nil && now.Size() == before.Size() && now.ModTime().Equal(before.ModTime()) {
		return errOtherSize
	}
	return errChanged
}

func openFile(p string) (*os.File, error) { return os.OpenFile(p, os.O_RDONLY|noWait, 0) }

func entry(kind, name string, info fs.FileInfo) *Entry {
	e := &Entry{Kind: kind, Path: []byte(name), Mode: uint32(info.Mode().Perm()), Time: info.ModTime()}
	if kind == file {
		e.Size = info.Size()
	}
	return e
}

func join(at, name string) string {
	if at == "." {
		return name
	}
	return at + "/" + name
}

// joined is a place below a name.
func joined(name, at string) string {
	if at == "." {
		return name
	}
	return strings.TrimSuffix(name, "/") + "/" + filepath.ToSlash(at)
}
