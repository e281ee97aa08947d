package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/cmd/outwork/internal/remote"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/output"
)

// files opens the files on hosts that a command line names, by a worker on each host.
// It must be closed, behind what it opened.
type files struct {
	hosts   *hostFlags
	manager outwork.Manager

	mu      sync.Mutex // guards what follows
	workers map[string]*outwork.Worker
}

// newFiles reaches hosts as the flags say.
func newFiles(h *hostFlags) (*files, error) {
	f := &files{hosts: h, workers: map[string]*outwork.Worker{}}
	return f, h.prepare(&f.manager)
}

// Close leaves the hosts.
func (f *files) Close() error { return f.manager.Close() }

// open is the file that a URL names. ctx ends it.
func (f *files) open(ctx context.Context, text string) (container.Container, error) {
	file, err := place.ParseFile(text)
	if err != nil {
		return nil, usage("%s: %v", text, err)
	}
	return f.openAt(ctx, hostOf(file), text, file.Path)
}

// openAt is the file at path on a host, under a name for people.
func (f *files) openAt(ctx context.Context, d destination, name, path string) (container.Container, error) {
	w, err := f.worker(ctx, d)
	if err != nil {
		return nil, err
	}
	c, err := remote.Open(ctx, w, name, path)
	if err != nil {
		return nil, fileFailure(ctx, err)
	}
	return c, nil
}

// fileFailure is that a file on a host cannot be opened.
func fileFailure(ctx context.Context, err error) error {
	if _, said := errors.AsType[*outwork.RemoteError](err); said && ctx.Err() == nil {
		return usage("cannot read %s", output.Sanitize([]byte(err.Error())))
	}
	return ending(ctx, "", 0, err)
}

// worker is the one at a place.
func (f *files) worker(ctx context.Context, d destination) (*outwork.Worker, error) {
	key := strings.Join(slices.Concat(d.via, []string{d.host}), " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[key]; w != nil {
		return w, nil
	}
	if err := d.connectBack(f.hosts.back); err != nil {
		return nil, err
	}
	w, err := f.manager.Begin(ctx, placed(outwork.Target{}, d))
	if err != nil {
		return nil, ending(ctx, d.label, 0, &startError{err})
	}
	f.workers[key] = w
	return w, nil
}

// readScript is the script in a file on a host, as read reads a local one, and the folder
// that it lies in.
func (f *files) readScript(ctx context.Context, text string) (source string, folder fs.FS, err error) {
	file, err := place.ParseFile(text)
	if err != nil {
		return "", nil, usage("%s: %v", text, err)
	}
	c, err := f.open(ctx, text)
	if err != nil {
		return "", nil, err
	}
	defer c.Close()
	source, err = read(text, io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		return "", nil, err
	}
	w, err := f.worker(ctx, hostOf(file))
	return source, remote.Folder(ctx, w, path.Dir(file.Path)+"/"), err
}

// hostOf is where a file is.
func hostOf(f place.File) destination { return destination{label: f.Hop, host: f.Hop} }
