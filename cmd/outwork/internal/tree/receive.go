package tree

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// destination is where a tree is written.
type destination struct {
	root   *os.Root
	shown  string // for people
	rename string // what the only source is called there; "" for its own name
}

// open finds out what dest means for so many sources: a folder that they go into, or the
// new name of the only one. Real is where it leads.
func open(dest string, real func(string) string, many bool) (d destination, err error) {
	full := real(dest)
	into := many || strings.HasSuffix(dest, "/")
	if followed, err := filepath.EvalSymlinks(full); err == nil {
		full = followed
	}
	info, err := os.Stat(full)
	switch {
	case err == nil && info.IsDir():
		d.shown = strings.TrimSuffix(dest, "/")
		d.root, err = os.OpenRoot(full)
	case err == nil && into:
		err = errors.New("it is not a folder")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
	case into:
		d.shown = strings.TrimSuffix(dest, "/")
		if err = os.Mkdir(full, 0o777); err == nil {
			d.root, err = os.OpenRoot(full)
		}
	default:
		d.shown, d.rename = filepath.Dir(dest), filepath.Base(full)
		d.root, err = os.OpenRoot(filepath.Dir(full))
	}
	if err != nil {
		return d, cannot("write to", dest, err)
	}
	return d, nil
}

// receiver writes a tree.
type receiver struct {
	destination
	asked   *asked // for; nil: whatever comes
	begun   bool   // the first of what was asked for
	notice  func(string)
	moved   func(n int64, name string) // for each piece
	folders []openFolder               // that are under way, the outermost first
	file    *incoming                  // that is under way
	report  Report
}

// openFolder is a folder whose contents are still coming.
type openFolder struct {
	path string
	mode fs.FileMode
	time time.Time
}

// incoming is a file that is being written.
type incoming struct {
	entry *Entry
	path  string // after renaming
	out   spool
	sum   hash.Hash
	n     int64
}

// receive writes all parts, and returns what there was, also with an error.
func (r *receiver) receive(parts iter.Seq2[Part, error]) (report Report, err error) {
	defer func() {
		if r.file != nil {
			r.file.out.drop()
			r.file = nil
		}
	}()
	for p, err := range parts {
		if err == nil {
			err = r.part(&p)
		}
		if err != nil {
			return r.report, err
		}
	}
	if r.file != nil {
		return r.report, r.failed("write", r.file.path, errors.New("its end is missing"))
	}
	return r.report, r.leave(0)
}

func (r *receiver) part(p *Part) error {
	switch {
	case p.Notice != "":
		r.notice(p.Notice)
		return nil
	case p.Entry != nil:
		return r.entry(p.Entry)
	case r.file == nil:
		return errors.New("contents of no file were sent")
	case p.Sum != nil:
		return r.finish(p.Sum)
	}
	return r.data(p.Data)
}

// failed is err of doing something with a path of the tree.
func (r *receiver) failed(do, name string, err error) error {
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return cannot(do, joined(r.shown, name), err)
}

// entry begins a file, folder or link.
func (r *receiver) entry(e *Entry) error {
	if r.file != nil {
		return refused(string(e.Path), "it comes in the middle of a file")
	}
	if err := e.check(); err != nil {
		return err
	}
	name := r.renamed(string(e.Path))
	dir, _ := base(name)
	if err := r.leave(r.depth(dir)); err != nil {
		return err
	}
	if at := len(r.folders); dir != "" && (at == 0 || r.folders[at-1].path != dir) {
		return refused(name, "the folder that it lies in was not sent before")
	}
	if dir == "" {
		if err := r.top(e); err != nil {
			return err
		}
	}
	switch e.Kind {
	case folder:
		return r.folder(e, name)
	case link:
		return r.link(e, name)
	}
	return r.begin(e, name)
}

// top is why an entry cannot be one of those that were asked for.
func (r *receiver) top(e *Entry) error {
	name := string(e.Path)
	if e.Kind == link { // the next transfer to this place would go through it
		return refused(name, "it is a link, and what is asked for is followed")
	}
	if r.rename != "" && r.begun {
		return refused(name, "one file or folder was asked for")
	}
	r.begun = true
	if r.asked == nil || r.rename != "" {
		return nil
	}
	_, err := r.root.Lstat(name)
	return r.asked.take(e, err == nil)
}

// renamed is a path with the new name of the source in it.
func (r *receiver) renamed(name string) string {
	if r.rename == "" {
		return name
	}
	_, rest, ok := strings.Cut(name, "/")
	if !ok {
		return r.rename
	}
	return r.rename + "/" + rest
}

// depth is how many of the open folders dir lies in or is.
func (r *receiver) depth(dir string) int {
	for i, f := range r.folders {
		if dir != f.path && !strings.HasPrefix(dir, f.path+"/") {
			return i
		}
	}
	return len(r.folders)
}

// folder makes a folder, or goes on in one that is there.
func (r *receiver) folder(e *Entry, name string) error {
	err := r.root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = r.enter(name)
	}
	if err != nil {
		return r.failed("write", name, err)
	}
	r.folders = append(r.folders, openFolder{name, perm(e.Mode), e.Time})
	return nil
}

// enter makes sure that what is there is a folder that can be written to. Its own mode,
// which may forbid that, comes when it is left.
func (r *receiver) enter(name string) error {
	info, err := r.root.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("there is a link of that name, not a folder")
	case !info.IsDir():
		return errors.New("there is a file of that name, not a folder")
	case info.Mode().Perm()&0o700 != 0o700:
		return r.root.Chmod(name, info.Mode()|0o700)
	}
	return nil
}

// leave finishes the folders beyond the first n: their modes may forbid writing, and
// writing changes their times.
func (r *receiver) leave(n int) error {
	for i := len(r.folders) - 1; i >= n; i-- {
		f := r.folders[i]
		r.folders = r.folders[:i]
		if err := r.settle(f); err != nil {
			return r.failed("write", f.path, err)
		}
		r.report.Folders++
	}
	return nil
}

func (r *receiver) settle(f openFolder) error {
	dir, err := r.root.Open(f.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := syncFolder(dir); err != nil {
		return err
	}
	if err := dir.Chmod(f.mode); err != nil {
		return err
	}
	return r.root.Chtimes(f.path, f.time, f.time)
}

// link makes a link under another name, and renames it.
func (r *receiver) link(e *Entry, name string) error {
	if err := r.replaceable(name); err != nil {
		return r.failed("write", name, err)
	}
	dir, _ := base(name)
	temp := join(orHere(dir), tempName())
	err := r.root.Symlink(string(e.Target), temp)
	if err == nil {
		if err = r.root.Rename(temp, name); err != nil {
			r.root.Remove(temp)
		}
	}
	if err != nil {
		return r.failed("write", name, err)
	}
	setLinkTime(r.root, name, e.Time)
	r.report.Links++
	return nil
}

func orHere(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// replaceable is why what is there cannot be replaced by a file.
func (r *receiver) replaceable(name string) error {
	if info, err := r.root.Lstat(name); err == nil && info.IsDir() {
		return errors.New("there is a folder of that name")
	}
	return nil
}

func (r *receiver) begin(e *Entry, name string) error {
	if err := r.replaceable(name); err != nil {
		return r.failed("write", name, err)
	}
	dir, _ := base(name)
	out, err := newSpool(r.root, orHere(dir))
	if err != nil {
		return r.failed("write", name, err)
	}
	r.file = &incoming{entry: e, path: name, out: out, sum: newHash()}
	return nil
}

func (r *receiver) data(b []byte) error {
	f := r.file
	if f.n += int64(len(b)); f.n > f.entry.Size {
		return refused(f.path, "it has more than its %d bytes", f.entry.Size)
	}
	f.sum.Write(b)
	if _, err := f.out.file().Write(b); err != nil {
		return r.failed("write", f.path, err)
	}
	r.moved(int64(len(b)), f.path)
	return nil
}

// finish puts a file in its place, if it is what was sent.
func (r *receiver) finish(sum []byte) error {
	f := r.file
	r.file = nil
	err := f.check(sum)
	if err == nil {
		err = f.settle()
	}
	if err == nil {
		err = f.out.keep(f.path)
	}
	f.out.drop()
	if err != nil {
		return r.failed("write", f.path, err)
	}
	r.report.Files++
	r.report.Bytes += f.n
	return nil
}

func (f *incoming) check(sum []byte) error {
	if f.n != f.entry.Size {
		return fmt.Errorf("%d of its %d bytes came", f.n, f.entry.Size)
	}
	if !bytes.Equal(sum, f.sum.Sum(nil)) {
		return errDamaged
	}
	return nil
}

// settle gives the file its mode and time, and has the disk keep it.
func (f *incoming) settle() error {
	out := f.out.file()
	if err := out.Chmod(perm(f.entry.Mode)); err != nil {
		return err
	}
	if err := f.out.setTime(f.entry.Time); err != nil {
		return err
	}
	return out.Sync()
}
