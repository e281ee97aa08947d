package main

import (
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
)

// walk is the flags that say which files of folders are meant.
type walk struct {
	verb             string // what is done to them
	recursive        bool
	offered          bool // files of a folder are offered to choose one
	include, exclude []string
	apart            fs.FileInfo // a folder that is not gone into; nil: none
}

func (w *walk) add(f *pflag.FlagSet, verb string) {
	w.verb = verb
	f.BoolVarP(&w.recursive, "recursive", "r", false, verb+" all files in folders, and in those below")
	f.StringArrayVar(&w.include, "include", nil, "with -r: only files whose name this `glob` fits; may be repeated")
	f.StringArrayVar(&w.exclude, "exclude", nil, "with -r: no files and folders whose name this `glob` fits; may be repeated")
}

// check refuses globs that are none.
func (w *walk) check() error {
	for i, glob := range slices.Concat(w.include, w.exclude) {
		flag := "include"
		if i >= len(w.include) {
			flag = "exclude"
		}
		if _, err := path.Match(glob, ""); err != nil {
			return usage("--%s %q: it is no pattern for names: write one as in '*.so'", flag, glob)
		}
	}
	switch {
	case w.verb == "" && len(w.include) > 0 && !w.offered:
		return usage("--include chooses what is offered without a FILE, and there is one")
	case !w.recursive && (len(w.exclude) > 0 || len(w.include) > 0 && !w.offered):
		return usage("--include and --exclude choose files of folders: they need -r")
	}
	return nil
}

// fits reports whether a glob fits the name.
func fits(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, _ := path.Match(glob, name)
		return ok
	})
}

// all yields the files that names mean.
func (w *walk) all(names []string) iter.Seq[named] {
	return func(yield func(named) bool) {
		for _, name := range names {
			info, err := os.Stat(name)
			switch {
			case w.recursive && err == nil && info.IsDir() && w.isApart(info):
				err = w.withApart(name)
			case w.recursive && err == nil && info.IsDir():
				if !w.folder(name, yield) {
					return
				}
				continue
			case w.recursive && place.IsURL(name) && name[len(name)-1] == '/':
				err = usage("cannot %s %s: -r reads folders of this machine", w.verb, name)
			case err == nil && info.IsDir():
				err = usage("cannot %s %s: it is a folder; %[1]s what is in it with -r", w.verb, name)
			default:
				err = nil // openSource says it
			}
			if !yield(named{name: name, trouble: err}) {
				return
			}
		}
	}
}

// clear refuses names that are the folder to be kept apart.
func (w *walk) clear(names []string) error {
	for _, name := range names {
		if info, err := os.Stat(name); w.recursive && err == nil && w.isApart(info) {
			return w.withApart(name)
		}
	}
	return nil
}

func (w *walk) withApart(name string) error {
	return usage("cannot %s %s: what is emitted comes to be there: name another folder with --out", w.verb, name)
}

func (w *walk) isApart(info fs.FileInfo) bool { return w.apart != nil && os.SameFile(w.apart, info) }

// leadsApart reports whether what was found is the folder to be kept apart.
func (w *walk) leadsApart(d fs.DirEntry) bool {
	if w.apart == nil || !d.IsDir() {
		return false
	}
	info, err := d.Info()
	return err == nil && w.isApart(info)
}

// folder yields what is below a folder. A link to one is followed only if it was named.
func (w *walk) folder(name string, yield func(named) bool) bool {
	root := name
	if name != string(filepath.Separator) && !os.IsPathSeparator(name[len(name)-1]) {
		root += string(filepath.Separator) // leads through a link
	}
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if !yield(named{name: at, trouble: noFile(at, err)}) {
				return errStopped
			}
			return nil
		case at != root && w.leadsApart(d):
			return fs.SkipDir
		case at != root && fits(w.exclude, d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular(), len(w.include) > 0 && !fits(w.include, d.Name()):
			return nil
		case !yield(named{name: at, below: true}):
			return errStopped
		}
		return nil
	})
	return err == nil
}

// errStopped is that nobody wants more files.
var errStopped = fs.ErrClosed
