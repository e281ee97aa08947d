package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// search is the worker's side of SearchContext.
var search = outwork.Func("outwork.file.search", searchHere)

type searchArgs struct {
	Path   []byte
	ID     string
	Off, N int64 // the part of the file that is searched
	What   pattern.Spec
	Where  container.Range
}

func searchHere(ctx context.Context, a searchArgs) (*outwork.Stream[pattern.Match], error) {
	p, err := pattern.Compile(a.What)
	if err != nil {
		return nil, err
	}
	part, err := partHere(string(a.Path), a.ID, a.Off, a.N)
	if err != nil {
		return nil, err
	}
	return outwork.StreamOf(func(yield func(pattern.Match, error) bool) {
		defer part.Close()
		container.Search(ctx, part, p, a.Where)(yield)
	}), nil
}

// What follows makes the functions of package container ask the worker, until their
// contexts end.

// ReadAtContext is for container.ReadAt.
func (v *view) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	return container.ReadAt(ctx, v.Container, p, off)
}

// FindContext is for container.Find.
func (v *view) FindContext(ctx context.Context, text []byte, from int64) (int64, error) {
	return container.Find(ctx, v.Container, text, from)
}

// AllContext is for container.All.
func (v *view) AllContext(ctx context.Context, text []byte) iter.Seq2[int64, error] {
	return container.All(ctx, v.Container, text)
}

// CountContext is for container.Count.
func (v *view) CountContext(ctx context.Context, text []byte) (int64, error) {
	return container.Count(ctx, v.Container, text)
}

// SHA256Context is for container.SHA256.
func (v *view) SHA256Context(ctx context.Context) ([sha256.Size]byte, error) {
	return container.SHA256(ctx, v.Container)
}

// Stats is for container.StatsOf.
func (v *view) Stats() container.Stats { return container.StatsOf(v.Container) }

// SearchContext is for container.Search: the matches come from where the file is.
func (v *view) SearchContext(ctx context.Context, p *pattern.Pattern, r container.Range) iter.Seq2[pattern.Match, error] {
	return func(yield func(pattern.Match, error) bool) {
		if v.closed.Load() {
			yield(pattern.Match{}, fmt.Errorf("%s: %w", v.f.name, container.ErrClosed))
			return
		}
		ctx, cancel := v.f.during(ctx)
		defer cancel()
		args := searchArgs{[]byte(v.f.path), v.f.state.ID, v.off, v.Size(), p.Spec(), r}
		found, err := search.Call(ctx, v.f.worker, args)
		if err != nil {
			yield(pattern.Match{}, own(v.f.name, err))
			return
		}
		last := matchOrder{where: r, size: v.Size(), texts: len(args.What.Texts)}
		for m, err := range found.All() {
			if err == nil {
				err = last.follows(m)
			}
			if err != nil {
				yield(pattern.Match{}, own(v.f.name, err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// matchOrder checks what a worker says that it found: it may say anything.
type matchOrder struct {
	where  container.Range
	size   int64
	texts  int // of the pattern: so many matches can be at one offset
	offset int64
	here   int
}

func (o *matchOrder) follows(m pattern.Match) error {
	to, before := o.where.To, o.where.Before
	if to == 0 {
		to = o.size
	}
	if before == 0 {
		before = to
	}
	first := o.here == 0
	switch {
	case m.Length < 1, m.Offset < o.where.From, m.Offset >= before, m.Length > to-m.Offset, m.Index < 0, m.Index >= o.texts:
		return errImpossible
	case first || o.where.Back && m.Offset < o.offset || !o.where.Back && m.Offset > o.offset:
		o.offset, o.here = m.Offset, 1
		return nil
	case m.Offset != o.offset || o.here >= o.texts:
		return errImpossible
	}
	o.here++
	return nil
}

var errImpossible = errors.New("the worker found the pattern where it cannot be")
