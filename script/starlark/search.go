package starlark

import (
	"fmt"
	"iter"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// Part is v's own range of its container, until done is called.
func (v *containerValue) Part() (c container.Container, done func(), err error) {
	if v.off == 0 && v.n == v.c.Size() {
		return v.c, func() {}, nil
	}
	if c, err = v.c.Slice(v.off, v.n); err != nil {
		return nil, nil, err
	}
	return c, func() { c.Close() }, nil
}

// first is the built-in find: an offset within v, or None.
func (v *containerValue) first(r *run, what needle, start int64) (starlark.Value, error) {
	switch {
	case start < 0:
		return nil, errNegative("find", "start", start)
	case start > v.n:
		return starlark.None, nil
	case what.p != nil:
		for m, err := range v.matches(r, what.p, container.Range{From: start}) {
			return starlark.MakeInt64(m.Offset), err
		}
		return starlark.None, nil
	}
	part, done, err := v.Part()
	if err != nil {
		return nil, err
	}
	defer done()
	at, err := container.Find(r.ctx, part, what.exact, start)
	switch {
	case err != nil:
		return nil, r.Because(err)
	case at < 0:
		return starlark.None, nil
	}
	return starlark.MakeInt64(at), nil
}

// all yields the offsets within v of all matches in order. It ends after the
// first error.
func (v *containerValue) all(r *run, what needle) iter.Seq2[int64, error] {
	if what.p != nil {
		return func(yield func(int64, error) bool) {
			for m, err := range v.matches(r, what.p, container.Range{}) {
				if !yield(m.Offset, err) {
					return
				}
			}
		}
	}
	return func(yield func(int64, error) bool) {
		part, done, err := v.Part()
		if err != nil {
			yield(-1, err)
			return
		}
		defer done()
		for at, err := range container.All(r.ctx, part, what.exact) {
			if err != nil {
				yield(-1, r.Because(err))
				return
			}
			if !yield(at, nil) {
				return
			}
		}
	}
}

// matches yields the matches of p within v. It ends after the first error.
func (v *containerValue) matches(r *run, p *pattern.Pattern, where container.Range) iter.Seq2[pattern.Match, error] {
	return func(yield func(pattern.Match, error) bool) {
		part, done, err := v.Part()
		if err != nil {
			yield(pattern.Match{}, err)
			return
		}
		defer done()
		for m, err := range container.Search(r.ctx, part, p, where) {
			if err != nil {
				yield(pattern.Match{}, r.Because(err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func searchMethod(r *run, v *containerValue, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var what needle
	var where container.Range
	var end, most starlark.Value = starlark.None, starlark.None
	if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &what, "start?", &where.From, "end?", &end, "limit?", &most, "back?", &where.Back); err != nil {
		return nil, err
	}
	limit, err := orElse(name, "limit", most, -1)
	if err != nil {
		return nil, err
	}
	if where.To, err = orElse(name, "end", end, v.n); err != nil {
		return nil, err
	}
	p, err := what.compiled()
	switch where.To = min(where.To, v.n); {
	case err != nil:
		return nil, err
	case where.From < 0:
		return nil, errNegative(name, "start", where.From)
	case where.From >= where.To:
		return starlark.NewList(nil), nil
	}
	return collect(name, v.matches(r, p, where), limit, func(m pattern.Match) starlark.Value { return &matchValue{m} })
}

// orElse is a whole number that is not negative, or usual when it was not given.
func orElse(name, what string, v starlark.Value, usual int64) (n int64, err error) {
	if v == starlark.None {
		return usual, nil
	}
	if err := starlark.AsInt(v, &n); err != nil {
		return 0, fmt.Errorf("%s: for parameter %s: %w", name, what, err)
	}
	if n < 0 {
		return 0, errNegative(name, what, n)
	}
	return n, nil
}

// collect is a list of what was found: the first limit of it, or, when that is
// negative, all, unless that is too much.
func collect[T any](name string, found iter.Seq2[T, error], limit int64, value func(T) starlark.Value) (starlark.Value, error) {
	var list []starlark.Value
	if limit == 0 {
		return starlark.NewList(nil), nil
	}
	for m, err := range found {
		switch {
		case err != nil:
			return nil, err
		case len(list) == maxMatches:
			return nil, fmt.Errorf("%s: more than %d matches: give a lower limit, or search part by part", name, maxMatches)
		}
		if list = append(list, value(m)); int64(len(list)) == limit {
			break
		}
	}
	return starlark.NewList(list), nil
}

// Because is why the run must stop, if it must, instead of err.
func (r *run) Because(err error) error {
	if stopped := r.interrupted(); stopped != nil {
		return stopped
	}
	return err
}

// count is how many matches there are in v.
func (v *containerValue) count(r *run, what needle) (n int64, err error) {
	part, done, err := v.Part()
	if err != nil {
		return 0, err
	}
	defer done()
	if what.p != nil {
		n, err = container.CountMatches(r.ctx, part, what.p, container.Range{})
	} else {
		n, err = container.Count(r.ctx, part, what.exact)
	}
	if err != nil {
		return 0, r.Because(err)
	}
	return n, nil
}
