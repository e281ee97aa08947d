package tree

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/outwork-go/outwork"
)

// Watcher is told what happens. Its functions are called by one goroutine at a time of
// each Put or Get, and may be nil.
type Watcher struct {
	Notice func(text string)              // what was skipped, and why
	Moved  func(bytes int64, name string) // so many bytes more, of that file
}

func (w Watcher) notice(text string) {
	if w.Notice != nil {
		w.Notice(text)
	}
}

func (w Watcher) moved(n int64, name string) {
	if w.Moved != nil {
		w.Moved(n, name)
	}
}

type putArgs struct {
	Dest  []byte
	Many  bool
	Parts *outwork.Stream[Part]
}

type getArgs struct{ Paths [][]byte }

// put and get are the worker's side.
var (
	put = outwork.Func("outwork.put", func(ctx context.Context, a putArgs) (Report, error) {
		d, err := open(string(a.Dest), home, a.Many)
		if err != nil {
			return Report{}, err
		}
		defer d.root.Close()
		r := receiver{destination: d, notice: func(string) {}, moved: func(int64, string) {}}
		return r.receive(a.Parts.All())
	})
	get = outwork.Func("outwork.get", func(ctx context.Context, a getArgs) (*outwork.Stream[Part], error) {
		var paths []string
		for _, p := range a.Paths {
			paths = append(paths, string(p))
		}
		all, err := sources(paths, home)
		if err != nil {
			return nil, err
		}
		return outwork.StreamOf(walk(ctx, all)), nil
	})
)

// Put writes files and folders of this machine to dest at w's: into it when it is a
// folder there, ends in a slash, or is to take several; else dest is the new name.
// There, ~ and what begins with ~/ is the home folder's; here it is a name like others.
func Put(ctx context.Context, w *outwork.Worker, paths []string, dest string, watch Watcher) (Report, error) {
	all, err := sources(paths, here)
	if err != nil {
		return Report{}, err
	}
	if w.Host() == "" {
		if err := intoItself(all, dest, home(dest)); err != nil {
			return Report{}, err
		}
	}
	var failure atomic.Pointer[error]
	parts := watched(walk(ctx, all), watch, &failure)
	r, err := put.Call(ctx, w, putArgs{[]byte(dest), len(paths) > 1, outwork.StreamOf(parts)})
	if own := failure.Load(); own != nil { // it crossed, and came back as the worker's
		err = *own
	}
	return r, err
}

// watched tells of parts that pass. What is for people stays here, and so does an error:
// it is this side's.
func watched(parts iter.Seq2[Part, error], watch Watcher, failure *atomic.Pointer[error]) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		name := ""
		for p, err := range parts {
			switch {
			case err != nil:
				failure.Store(&err)
			case p.Notice != "":
				watch.notice(p.Notice)
				continue
			case p.Entry != nil:
				name = string(p.Entry.Path)
			}
			if !yield(p, err) {
				return
			}
			if p.Data != nil {
				watch.moved(int64(len(p.Data)), name)
			}
		}
	}
}

// Get writes files and folders of w's machine to dest here, which means what it means
// for Put. With below, that is a folder which is made, and dest too.
func Get(ctx context.Context, w *outwork.Worker, paths []string, dest, below string, watch Watcher) (Report, error) {
	if w.Host() == "" {
		all, err := sources(paths, home)
		if err == nil {
			err = intoItself(all, dest, here(dest))
		}
		if err != nil {
			return Report{}, err
		}
	}
	var raw [][]byte
	for _, p := range paths {
		raw = append(raw, []byte(p))
	}
	parts, err := get.Call(ctx, w, getArgs{raw})
	if err != nil {
		return Report{}, err
	}
	defer parts.Close()
	d, err := destinationHere(dest, below, len(paths) > 1) // not made for a host that is not reached
	if err != nil {
		return Report{}, err
	}
	defer d.root.Close()
	names := askedFor(paths)
	names.own = below != ""
	r := receiver{destination: d, asked: names, notice: watch.notice, moved: watch.moved}
	return r.receive(parts.All())
}

// intoItself refuses to write a folder below itself, where it would meet its own copy on
// the way. All of it is on this machine; dest leads to at.
func intoItself(all []source, dest, at string) error {
	at = folderThatIs(at)
	for info, err := os.Stat(at); err == nil; {
		for _, s := range all {
			if from, err := os.Stat(s.real); err == nil && os.SameFile(from, info) {
				return fmt.Errorf("cannot copy %s into itself, to %s", s.path, dest)
			}
		}
		at += "/.." // as the kernel has it, whatever links led here
		below := info
		if info, err = os.Stat(at); err == nil && os.SameFile(info, below) {
			break // the root
		}
	}
	return nil
}

// folderThatIs is at, or the first above it that is a folder.
func folderThatIs(at string) string {
	for {
		info, err := os.Stat(at)
		up := filepath.Dir(at)
		if err == nil && info.IsDir() || up == at {
			return at
		}
		at = up
	}
}

func destinationHere(dest, below string, many bool) (destination, error) {
	if below == "" {
		return open(dest, here, many)
	}
	dest = filepath.Join(dest, below)
	if err := os.MkdirAll(dest, 0o777); err != nil {
		return destination{}, cannot("write to", dest, err)
	}
	return open(dest, here, true)
}
