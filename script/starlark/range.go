package starlark

import (
	"cmp"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// rangeBuiltin is the language's range. A long one is wrapped, because
// built-ins that consume it (max, list.extend) would otherwise see no
// cancellation until its end.
func rangeBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := starlark.Universe["range"].(*starlark.Builtin).CallInternal(t, args, kwargs)
	if err != nil || starlark.Len(v) <= maxItems {
		return v, err
	}
	return longRange{v.(starlark.Sliceable), runOf(t)}, nil
}

func isRange(v starlark.Value) bool { return v.Type() == "range" }

// longRange is a range whose iteration ends when the run was stopped; the
// interpreter then ends at its next step, before it can use what was cut off.
type longRange struct {
	starlark.Sliceable
	r *run // that made it
}

var (
	_ starlark.Sequence   = longRange{}
	_ starlark.Comparable = longRange{}
	_ starlark.HasBinary  = longRange{}
)

// Iterate implements starlark.Iterable.
func (l longRange) Iterate() starlark.Iterator {
	return &longIterator{Iterator: starlark.Iterate(l.Sliceable), r: cmp.Or(l.r.called, l.r)}
}

// Slice implements starlark.Sliceable.
func (l longRange) Slice(start, end, step int) starlark.Value {
	return longRange{l.Sliceable.Slice(start, end, step).(starlark.Sliceable), l.r}
}

// CompareSameType implements starlark.Comparable.
func (l longRange) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	if other, ok := y.(longRange); ok {
		y = other.Sliceable
	}
	return starlark.CompareDepth(op, l.Sliceable, y, depth)
}

// Binary implements starlark.HasBinary for x in l.
func (l longRange) Binary(op syntax.Token, x starlark.Value, side starlark.Side) (starlark.Value, error) {
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
