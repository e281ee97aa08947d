package extend

import (
	"errors"
	"iter"
	"strings"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/layout"
)

// Record is r as a value.
func Record(r layout.Record) starlark.Value { return &recordValue{r} }

// recordValue is a structure that was read: its fields are attributes, and iterating over
// it gives (name, value, offset, size) of each.
type recordValue struct{ layout.Record }

var (
	_ starlark.Iterable = (*recordValue)(nil)
	_ Fields            = (*recordValue)(nil)
)

func (v *recordValue) String() string       { return FieldsString(v.Name(), v) }
func (v *recordValue) Type() string         { return "layout.record" }
func (v *recordValue) Freeze()              {}
func (v *recordValue) Truth() starlark.Bool { return true }
func (v *recordValue) Hash() (uint32, error) {
	return 0, errors.New("unhashable type: layout.record")
}

// Attr implements starlark.HasAttrs.
func (v *recordValue) Attr(name string) (starlark.Value, error) {
	f, ok := v.Get(name)
	if !ok {
		return nil, nil
	}
	return fieldValue(f), nil
}

// AttrNames implements starlark.HasAttrs.
func (v *recordValue) AttrNames() (names []string) {
	for _, f := range v.Record.Fields() {
		names = append(names, f.Name())
	}
	return names
}

// Fields implements [Fields].
func (v *recordValue) Fields() iter.Seq2[string, starlark.Value] {
	return func(yield func(string, starlark.Value) bool) {
		for _, f := range v.Record.Fields() {
			if !yield(f.Name(), fieldValue(f)) {
				return
			}
		}
	}
}

// Iterate implements starlark.Iterable.
func (v *recordValue) Iterate() starlark.Iterator {
	return &recordIterator{v.Record.Fields()}
}

type recordIterator struct{ left []layout.Value }

// Next implements starlark.Iterator.
func (i *recordIterator) Next(p *starlark.Value) bool {
	if len(i.left) == 0 {
		return false
	}
	f := i.left[0]
	*p = starlark.Tuple{starlark.String(f.Name()), fieldValue(f), starlark.MakeInt64(f.Offset()), starlark.MakeInt64(f.Size())}
	i.left = i.left[1:]
	return true
}

// Done implements starlark.Iterator.
func (i *recordIterator) Done() {}

// fieldValue is one field, or an element of an array.
func fieldValue(f layout.Value) starlark.Value {
	switch x := f.Any().(type) {
	case uint64:
		return starlark.MakeUint64(x)
	case int64:
		return starlark.MakeInt64(x)
	case float64:
		return starlark.Float(x)
	case []byte:
		return starlark.Bytes(x)
	case string:
		return starlark.String(strings.ToValidUTF8(x, "\uFFFD"))
	case layout.Record:
		return &recordValue{x}
	}
	var list []starlark.Value
	for _, e := range f.List() {
		list = append(list, fieldValue(e))
	}
	l := starlark.NewList(list)
	l.Freeze()
	return l
}
