package starlark

import (
	"cmp"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// rangeBuiltin is the language's range, wrapped: built-ins that consume a long one (max,
// list.extend) would otherwise see no cancellation until its end. A short one is wrapped too, as
// the language compares its own with nothing else.
func rangeBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := starlark.Universe["range"].(*starlark.Builtin).CallInternal(t, args, kwargs)
	if err != nil {
		return nil, err
	}
	return rangeValue{v.(starlark.Sliceable), runOf(t)}, nil
}

func isRange(v starlark.Value) bool { return v.Type() == "range" }

// rangeValue is a range. The iteration of a long one ends when the run was stopped; the
// interpreter then ends at its next step, before it can use what was cut off.
type rangeValue struct {
	starlark.Sliceable
	r *run // that made it
}

var (
	_ starlark.Sequence   = rangeValue{}
	_ starlark.Comparable = rangeValue{}
	_ starlark.HasBinary  = rangeValue{}
)

// Iterate implements starlark.Iterable.
func (l rangeValue) Iterate() starlark.Iterator {
	if l.Len() <= maxItems {
		return starlark.Iterate(l.Sliceable)
	}
	return &longIterator{Iterator: starlark.Iterate(l.Sliceable), r: cmp.Or(l.r.called, l.r)}
}

// Slice implements starlark.Sliceable.
func (l rangeValue) Slice(start, end, step int) starlark.Value {
	return rangeValue{l.Sliceable.Slice(start, end, step).(starlark.Sliceable), l.r}
}

// CompareSameType implements starlark.Comparable.
func (l rangeValue) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	if other, ok := y.(rangeValue); ok {
		y = other.Sliceable
	}
	return starlark.CompareDepth(op, l.Sliceable, y, depth)
}

// Binary implements starlark.HasBinary for x in l.
func (l rangeValue) Binary(op syntax.Token, x starlark.Value, side starlark.Side) (starlark.Value, error) {
	if op == syntax.IN && side == starlark.Right {
		return starlark.Binary(op, x, l.Sliceable)
	}
	return nil, nil
}

type longIterator struct {
	starlark.Iterator
	r    *run // that goes on
	seen int
}

// Next implements starlark.Iterator.
func (i *longIterator) Next(p *starlark.Value) bool {
	if i.seen++; i.seen%checkSteps == 0 && i.r.interrupted() != nil {
		return false
	}
	return i.Iterator.Next(p)
}
