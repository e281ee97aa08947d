package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/outwork-go/outwork"
)

const (
	// MaxRead is the size of the largest file of a Folder that is read, in bytes.
	MaxRead = 4 << 20

	// maxEntries is how many entries of a folder are listed at most.
	maxEntries = 20_000
)

// The worker's side. It never leaves the folder, whatever links there are.
var (
	folderStat = outwork.Func("outwork.folder.stat", statIn)
	folderList = outwork.Func("outwork.folder.list", listIn)
	folderRead = outwork.Func("outwork.folder.read", readIn)
)

type (
	folderArgs struct{ Folder, Name []byte }

	// entry is a file in a folder. Its methods are those of fs.FileInfo.
	entry struct {
		Base   string
		Bytes  int64
		Bits   uint32 // an fs.FileMode
		Change int64  // nanoseconds since 1970
	}

	entries struct{ All []entry }

	contents struct {
		Info entry
		Data []byte
	}
)

func (e *entry) Name() string       { return e.Base }
func (e *entry) Size() int64        { return e.Bytes }
func (e *entry) Mode() fs.FileMode  { return fs.FileMode(e.Bits) }
func (e *entry) ModTime() time.Time { return time.Unix(0, e.Change) }
func (e *entry) IsDir() bool        { return e.Mode().IsDir() }
func (e *entry) Sys() any           { return nil }

func entryOf(info fs.FileInfo) entry {
	return entry{info.Name(), info.Size(), uint32(info.Mode()), info.ModTime().UnixNano()}
}

// inside opens the folder of a.
func (a *folderArgs) inside() (*os.Root, error) {
	root, err := os.OpenRoot(home(string(a.Folder)))
	if err != nil {
		return nil, bare(err)
	}
	return root, nil
}

func statIn(_ context.Context, a folderArgs) (entry, error) {
	root, err := a.inside()
	if err != nil {
		return entry{}, err
	}
	defer root.Close()
	info, err := root.Stat(string(a.Name))
	if err != nil {
		return entry{}, bare(err)
	}
	return entryOf(info), nil
}

func listIn(_ context.Context, a folderArgs) (all entries, err error) {
	all.All = []entry{}
	root, err := a.inside()
	if err != nil {
		return all, err
	}
	defer root.Close()
	f, err := root.OpenFile(string(a.Name), os.O_RDONLY|noWait, 0) // it may be a pipe
	if err != nil {
		return all, bare(err)
	}
	defer f.Close()
	found, err := f.ReadDir(maxEntries + 1)
	if err != nil && err != io.EOF {
		return all, bare(err)
	}
	if len(found) > maxEntries {
		return all, fmt.Errorf("it has more than %d entries", maxEntries)
	}
	for _, e := range found {
		if !utf8.ValidString(e.Name()) {
			continue // no module has such a name
		}
		if info, err := e.Info(); err == nil { // else it is gone
			all.All = append(all.All, entryOf(info))
		}
	}
	return all, nil
}

func readIn(_ context.Context, a folderArgs) (c contents, err error) {
	root, err := a.inside()
	if err != nil {
		return c, err
	}
	defer root.Close()
	info, err := root.Stat(string(a.Name)) // before it is opened: opening a device may do something
	if err == nil {
		err = regular(info.Mode())
	}
	if err != nil {
		return c, bare(err)
	}
	f, err := root.OpenFile(string(a.Name), os.O_RDONLY|noWait, 0)
	if err != nil {
		return c, bare(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = regular(info.Mode())
	}
	if err != nil {
		return c, bare(err)
	}
	c.Info = entryOf(info)
	if c.Data, err = io.ReadAll(io.LimitReader(f, MaxRead+1)); err != nil {
		return c, bare(err)
	}
	if len(c.Data) > MaxRead {
		return c, fmt.Errorf("it is larger than %d MiB", MaxRead>>20)
	}
	return c, nil
}

// Folder is the folder at path on w's machine, as a tree of files to read, of at most
// MaxRead bytes each. One that begins with ~/ is below the home folder. What lies outside
// is not to be had, by links neither. Each operation is a call, which ctx ends. It is safe
// for concurrent use, and to be used while w lives.
func Folder(ctx context.Context, w *outwork.Worker, path string) fs.FS {
	return &folder{ctx, w, []byte(path)}
}

type folder struct {
	ctx    context.Context
	worker *outwork.Worker
	path   []byte
}

// ask calls f for name. What a worker says of a file is an error like those of package os.
func ask[R any](d *folder, f *outwork.Function[folderArgs, R], op, name string) (r R, err error) {
	if !fs.ValidPath(name) {
		return r, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	r, err = f.Call(d.ctx, d.worker, folderArgs{d.path, []byte(name)})
	if err != nil {
		err = &fs.PathError{Op: op, Path: name, Err: err}
	}
	return r, err
}

// Stat is of fs.StatFS.
func (d *folder) Stat(name string) (fs.FileInfo, error) {
	e, err := ask(d, folderStat, "stat", name)
	if err != nil {
		return nil, err
	}
	e.Base = path.Base(name)
	return &e, nil
}

// ReadDir is of fs.ReadDirFS.
func (d *folder) ReadDir(name string) ([]fs.DirEntry, error) {
	found, err := ask(d, folderList, "readdir", name)
	if err != nil {
		return nil, err
	}
	return found.sorted(), nil
}

// sorted are the entries by their names. Names that are none are left out: a worker may
// say anything.
func (e *entries) sorted() (all []fs.DirEntry) {
	for _, e := range e.All {
		if fs.ValidPath(e.Base) && path.Base(e.Base) == e.Base && e.Base != "." {
			all = append(all, fs.FileInfoToDirEntry(&e))
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all
}

// Open is of fs.FS. It reads the whole file; folders are not opened, but listed by ReadDir.
func (d *folder) Open(name string) (fs.File, error) {
	c, err := ask(d, folderRead, "open", name)
	if err != nil {
		return nil, err
	}
	c.Info.Base, c.Info.Bytes = path.Base(name), int64(len(c.Data))
	return &file{&c.Info, bytes.NewReader(c.Data)}, nil
}

// file is a file that was read.
type file struct {
	info *entry
	*bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }
