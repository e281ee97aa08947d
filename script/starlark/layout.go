package starlark

import (
	"errors"
	"fmt"
	"io"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/layout"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

func layoutModule() *starlarkstruct.Module {
	return &starlarkstruct.Module{Name: "layout", Members: starlark.StringDict{
		"struct": starlark.NewBuiltin("layout.struct", structBuiltin),
		"read":   starlark.NewBuiltin("layout.read", layoutRead),
	}}
}

// layoutValue is the description of a structure.
type layoutValue struct{ s *layout.Struct }

func (v layoutValue) String() string       { return "layout.struct(" + v.s.Name() + ")" }
func (v layoutValue) Type() string         { return "layout.struct" }
func (v layoutValue) Freeze()              {}
func (v layoutValue) Truth() starlark.Bool { return true }
func (v layoutValue) Hash() (uint32, error) {
	return 0, errors.New("unhashable type: layout.struct")
}

func structBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var fields starlark.Value
	inside := args[min(2, len(args)):]
	if err := starlark.UnpackArgs(b.Name(), args[:min(2, len(args))], kwargs, "name", &name, "fields", &fields); err != nil {
		return nil, err
	}
	var structs []*layout.Struct
	for _, v := range inside {
		s, ok := v.(layoutValue)
		if !ok {
			return nil, fmt.Errorf("%s: got %s behind the fields, want layout.struct", b.Name(), v.Type())
		}
		structs = append(structs, s.s)
	}
	s, err := newStruct(name, fields, structs...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return layoutValue{s}, nil
}

// newStruct is the description that a list of (name, type) is.
func newStruct(name string, list starlark.Value, structs ...*layout.Struct) (*layout.Struct, error) {
	items := starlark.Iterate(list)
	if items == nil {
		return nil, fmt.Errorf("the fields are a %s, not a list of (name, type)", list.Type())
	}
	defer items.Done()
	var fields []layout.Field
	var item starlark.Value
	for items.Next(&item) {
		var f layout.Field
		pair, ok := item.(starlark.Tuple)
		if ok = ok && len(pair) == 2; ok {
			f.Name, ok = starlark.AsString(pair[0])
		}
		if ok {
			f.Type, ok = starlark.AsString(pair[1])
		}
		if !ok {
			return nil, fmt.Errorf("field %d is not (name, type), both strings", len(fields)+1)
		}
		if fields = append(fields, f); len(fields) > layout.MaxValues {
			break // which New refuses
		}
	}
	return layout.New(name, fields, structs...)
}

func layoutRead(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v *containerValue
	var off int64
	var what starlark.Value
	name, order := "struct", "le"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "container", &v, "offset", &off, "fields", &what, "name?", &name, "order?", &order); err != nil {
		return nil, err
	}
	s, ok := what.(layoutValue)
	if !ok {
		made, err := newStruct(name, what)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		s.s = made
	}
	orders := map[string]layout.Order{"le": layout.Little, "be": layout.Big}
	o, ok := orders[order]
	if !ok {
		return nil, fmt.Errorf("%s: order is %q, not le or be", b.Name(), order)
	}
	r, err := s.s.Read(within{v, runOf(t)}, off, o)
	if err != nil {
		return nil, runOf(t).Because(fmt.Errorf("%s: %w", b.Name(), err))
	}
	return extend.Record(r), nil
}

// within reads a container value, and nothing around it.
type within struct {
	v *containerValue
	r *run
}

// ReadAt implements io.ReaderAt.
func (w within) ReadAt(p []byte, off int64) (int, error) {
	n := max(0, min(int64(len(p)), w.v.n-off))
	err := w.v.readAt(w.r, p[:n], off)
	switch {
	case err != nil:
		return 0, err
	case n < int64(len(p)):
		return int(n), io.EOF
	}
	return int(n), nil
}
