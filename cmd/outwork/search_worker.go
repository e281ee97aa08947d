package main

import (
	"context"
	"errors"
	"iter"
	"sort"
	"sync/atomic"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// The worker's side.
var (
	setPattern  = outwork.Func("outwork.search.pattern", patternHere)
	searchFile  = outwork.Func("outwork.search.file", searchHere)
	searchBatch = outwork.Func("outwork.search.batch", batchHere)
)

// sought is the pattern that this worker searches for.
var sought atomic.Pointer[pattern.Pattern]

type (
	searchArgs struct {
		File container.Container
		How  how
	}

	how struct {
		From, To int64 // bytes; 0: the end
		Back     bool
		Most     int64 // matches; 0: all
		Context  int64 // bytes before and behind a match
		Show     bool  // the bytes are wanted
		Count    bool  // nothing but the number is
		Stats    bool  // what was read is to be told
	}

	// batchArgs are small files, one behind the other.
	batchArgs struct {
		Bytes []byte
		Sizes []int64
		How   how
	}

	// found is a match.
	found struct {
		Offset, Length int64
		Index          int    // of the pattern, of several
		Before         int64  // how many of the bytes are before the match
		Inside         int64  // and in it: fewer than Length if it has more than maxMatch
		Bytes          []byte // of the match and around it
		Count          int64  // when that alone was asked for
		File           int    // in a batch
		Done           bool   // all of that file was told
		Stats          *container.Stats
	}

	nothing struct{}
)

// maxMatch is how many bytes of a match are sent.
const maxMatch = 4 << 10

func patternHere(_ context.Context, s pattern.Spec) (nothing, error) {
	p, err := pattern.Compile(s)
	sought.Store(p)
	return nothing{}, err
}

func searchHere(ctx context.Context, a searchArgs) (*outwork.Stream[found], error) {
	return outwork.StreamOf(func(yield func(found, error) bool) {
		for f, err := range foundIn(ctx, a.File, &a.How) {
			if !yield(f, err) || err != nil {
				return
			}
		}
		yield(done(0, a.File, &a.How), nil)
	}), nil
}

// batchHere searches the files one after the other.
func batchHere(ctx context.Context, b batchArgs) (*outwork.Stream[found], error) {
	return outwork.StreamOf(func(yield func(found, error) bool) {
		for i, size := range b.Sizes {
			if size < 0 || size > int64(len(b.Bytes)) {
				yield(found{}, errors.New("the batch is shorter than its files"))
				return
			}
			c := container.FromBytes(b.Bytes[:size:size])
			b.Bytes = b.Bytes[size:]
			for f, err := range foundIn(ctx, c, &b.How) {
				if f.File = i; !yield(f, err) || err != nil {
					return
				}
			}
			if !yield(done(i, c, &b.How), nil) {
				return
			}
		}
	}), nil
}

// done says that all of a file was told.
func done(i int, c container.Container, h *how) found {
	f := found{File: i, Done: true}
	if h.Stats {
		stats := container.StatsOf(c)
		f.Stats = &stats
	}
	return f
}

// foundIn yields what is to be told of a file.
func foundIn(ctx context.Context, c container.Container, h *how) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		n := int64(0)
		for m, err := range matchesIn(ctx, c, h) {
			f := found{Offset: m.Offset, Length: m.Length, Index: m.Index}
			if err == nil && h.Show {
				err = f.read(ctx, c, h.Context)
			}
			if (err != nil || !h.Count) && !yield(f, err) || err != nil {
				return
			}
			if n++; n == h.Most {
				break
			}
		}
		if h.Count {
			yield(found{Count: n}, nil)
		}
	}
}

// matchesIn are those in a file, of which h may want a part that is not there.
func matchesIn(ctx context.Context, c container.Container, h *how) iter.Seq2[pattern.Match, error] {
	p, r := sought.Load(), container.Range{From: h.From, To: h.To, Back: h.Back}
	if r.To >= c.Size() {
		r.To = 0
	}
	switch {
	case p == nil:
		return func(yield func(pattern.Match, error) bool) { yield(pattern.Match{}, errors.New("there is no pattern")) }
	case r.From >= c.Size():
		return func(func(pattern.Match, error) bool) {}
	}
	return container.Search(ctx, c, p, r)
}

// read reads the bytes of a match, and so many around it as can be read.
func (f *found) read(ctx context.Context, c container.Container, around int64) error {
	f.Inside = min(f.Length, maxMatch)
	f.Before = min(around, f.Offset)
	behind := min(around, c.Size()-f.Offset-f.Length)
	if f.Inside < f.Length {
		behind = 0
	}
	f.Bytes = make([]byte, f.Before+f.Inside+behind)
	_, err := container.ReadAt(ctx, c, f.Bytes, f.Offset-f.Before)
	if err == nil || f.Before+behind == 0 || ctx.Err() != nil {
		return err
	}
	return f.readApart(ctx, c, behind)
}

// readApart is read where that fails: of a process, what is beside the match may not be there.
func (f *found) readApart(ctx context.Context, c container.Container, behind int64) error {
	room := f.Bytes
	fits := func(off, n int64) bool {
		_, err := container.ReadAt(ctx, c, room[:n], off)
		return err == nil
	}
	f.Before = most(f.Before, func(n int64) bool { return fits(f.Offset-n, n) })
	behind = most(behind, func(n int64) bool { return fits(f.Offset+f.Inside, n) })
	f.Bytes = room[:f.Before+f.Inside+behind]
	_, err := container.ReadAt(ctx, c, f.Bytes, f.Offset-f.Before)
	return err
}

// most is the largest number up to limit that fits: 0 does, and all that are smaller.
func most(limit int64, fits func(n int64) bool) int64 {
	return int64(sort.Search(int(limit), func(i int) bool { return !fits(int64(i) + 1) }))
}
