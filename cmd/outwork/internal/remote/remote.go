// Package remote is a file of a worker's machine as a container of this one, and a folder
// there as a tree of files.
//
// A file's bytes stay where they are: it is a container of package pages, which the worker
// is asked for parts of. The file must not change while it is open: every request names
// its state when it was opened, and fails with an error that matches
// container.ErrChanged when that is another. The end of Open's context, Close and the loss
// of the worker end what waits.
package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/internal/pages"
)

const (
	// copyMost is the size of the largest file that is copied for a worker on this machine.
	copyMost = 16 << 20

	// maxRead is how many bytes are asked for at a time.
	maxRead = 1 << 20

	// maxMatches is how many offsets are asked for at a time.
	maxMatches = 1 << 16

	// maxPattern is how long a pattern may be, in bytes.
	maxPattern = 1 << 20
)

// opened is a file that its views share: the pages.Peer that they ask.
type opened struct {
	name   string // for people
	worker *outwork.Worker
	path   string
	state  state
	source *pages.Source

	ctx      context.Context
	cancel   context.CancelFunc
	users    atomic.Int64
	fetching sync.WaitGroup
}

// Open is the regular file at path, on w's machine, under a name for people. A path that
// begins with ~/ is the home folder's. The worker must outlive the container, which ctx
// ends too.
func Open(ctx context.Context, w *outwork.Worker, name, path string) (container.Container, error) {
	s, err := stat.Call(ctx, w, statArgs{[]byte(path)})
	if err != nil {
		return nil, own(name, err)
	}
	if s.Size < 0 || s.Size > pages.MaxSize {
		return nil, fmt.Errorf("%s: the worker tells a size of %d bytes", name, s.Size)
	}
	f := &opened{name: name, worker: w, path: path, state: s}
	f.ctx, f.cancel = context.WithCancel(ctx)
	f.source = pages.New(f, 0, name, s.Size, false)
	return f.view(f.source.Container(), 0), nil
}

// own is err under the name of the file, without the function that told it.
func own(name string, err error) error {
	if e := untold(err); e != err {
		return &fileError{name + ": " + e.Error(), err}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// untold is err without the function that told it, when that is the file's own.
func untold(err error) error {
	if e, ok := errors.AsType[*outwork.RemoteError](err); ok && !e.Panicked && !e.Refused {
		return &fileError{e.Message, e}
	}
	return err
}

// fileError is what the worker says of a file.
type fileError struct {
	text string
	err  error
}

func (e *fileError) Error() string { return e.text }
func (e *fileError) Unwrap() error { return e.err }

// view is a part of a file.
type view struct {
	container.Container
	f      *opened
	off    int64 // in the file
	closed atomic.Bool
}

func (f *opened) view(c container.Container, off int64) *view {
	f.users.Add(1)
	return &view{Container: c, f: f, off: off}
}

// Distant has a manager page what is larger than copyMost for its workers on this machine
// too, instead of copying it for them.
func (v *view) Distant() bool { return v.Size() > copyMost }

// Slice is of Container.
func (v *view) Slice(off, n int64) (container.Container, error) {
	c, err := v.Container.Slice(off, n)
	if err != nil {
		return nil, err
	}
	return v.f.view(c, v.off+off), nil
}

// Close is of Container. The last of a file's views ends what is on its way.
func (v *view) Close() error {
	v.Container.Close()
	if v.closed.CompareAndSwap(false, true) && v.f.users.Add(-1) == 0 {
		v.f.cancel()
		v.f.source.Lost(container.ErrClosed)
		v.f.fetching.Wait()
	}
	return nil
}

// Fetch is of pages.Peer. It waits for nothing: what comes is kept for the next reader.
func (f *opened) Fetch(_ context.Context, b *pages.Block) error {
	f.fetching.Go(func() { b.Done(f.read(b.Off, b.N)) })
	return nil
}

func (f *opened) read(off, n int64) ([]byte, error) {
	b, err := read.Call(f.ctx, f.worker, partArgs{[]byte(f.path), f.state.ID, off, n})
	if err == nil && int64(len(b)) != n {
		err = fmt.Errorf("%d bytes came instead of %d", len(b), n)
	}
	return b, untold(err)
}

// Wait is of pages.Peer.
func (f *opened) Wait(ctx context.Context, b *pages.Block) error {
	done := make(chan struct{})
	if !b.Notify(func() { close(done) }) {
		return nil
	}
	select {
	case <-done: // also when the file is closed, or the worker lost: Fetch ends
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Search is of pages.Peer. The worker looks for bytes alone, and forwards.
func (f *opened) Search(ctx context.Context, _ uint64, s pages.Search) (pages.Found, error) {
	if s.Spec.Kind != pattern.KindBytes || s.Spec.Fold || s.Spec.UTF16 || s.Back {
		return pages.Found{}, errors.ErrUnsupported
	}
	if !s.Count {
		return f.matches(ctx, s)
	}
	all := pages.Found{Next: -1}
	for s.Limit = maxMatches; ; {
		found, err := f.matches(ctx, s)
		if all.Count += found.Count; err != nil || found.Next < 0 {
			return all, err
		}
		s.From = found.Next
	}
}

// matches are the first s.Limit, or fewer, and where to go on.
func (f *opened) matches(ctx context.Context, s pages.Search) (found pages.Found, err error) {
	most, text := min(s.Limit, maxMatches), s.Spec.Texts[0]
	length := int64(len(text))
	ctx, cancel := f.during(ctx)
	defer cancel()
	to := min(s.To, s.Before+length-1)
	part, err := find.Call(ctx, f.worker, findArgs{[]byte(f.path), f.state.ID, s.From, to - s.From, text, int(most)})
	if err != nil {
		return found, untold(err)
	}
	last := int64(-1)
	for i, at := range part {
		if at <= last || at > to-s.From-length || int64(i) >= most {
			return found, errors.New("the worker found the pattern where it cannot be")
		}
		last = at
		found.Matches = append(found.Matches, pattern.Match{Offset: s.From + at, Length: length})
	}
	if found.Next, found.Count = -1, int64(len(part)); found.Count == most {
		found.Next = s.From + last + 1
	}
	return found, nil
}

// Hash is of pages.Peer.
func (f *opened) Hash(ctx context.Context, _ uint64, algorithm string, off, n int64) ([]byte, error) {
	if algorithm != container.HashSHA256 {
		return nil, errors.ErrUnsupported
	}
	ctx, cancel := f.during(ctx)
	defer cancel()
	sum, err := hash.Call(ctx, f.worker, partArgs{[]byte(f.path), f.state.ID, off, n})
	return sum[:], untold(err)
}

// Compare is of pages.Peer.
func (f *opened) Compare(context.Context, uint64, int64, uint64, int64, int64) (int64, error) {
	return -1, errors.ErrUnsupported
}

// Extent is of pages.Peer: a file has no holes that cannot be read.
func (f *opened) Extent(context.Context, uint64, int64) (start, end int64, err error) {
	return 0, 0, errors.ErrUnsupported
}

// during is ctx while the file is open.
func (f *opened) during(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(f.ctx, func() { cancel(context.Cause(f.ctx)) })
	return ctx, func() { stop(); cancel(nil) }
}
