package codec

import (
	"fmt"
	"reflect"
	"strconv"
)

// A deriver makes types that lie in memory exactly as the plan's own, with the
// tags that give the form wanted. The cbor package is shown a value through a
// pointer to its derived type.
//
// Maps keep their own element types, and cyclic types keep themselves: for the
// former Go promises no common layout, the latter reflect cannot make. Both
// are keyed by the tags that they have.
type deriver struct {
	positional bool
}

// derive makes the derived type of n.
func derive(n *node, positional bool) (reflect.Type, error) {
	d := deriver{positional: positional}
	t, err := d.typeOf(n)
	if err != nil {
		return nil, fmt.Errorf("%s%w", typeName(n.typ), err)
	}
	return t, nil
}

func (d deriver) typeOf(n *node) (reflect.Type, error) {
	if n.cyclic {
		return n.typ, nil
	}
	switch n.kind {
	case kindStruct:
		return d.structOf(n)
	case kindSlice, kindArray, kindPointer:
		elem, err := d.typeOf(n.elem)
		if err != nil || elem == n.elem.typ {
			return n.typ, err
		}
		return rewrap(n, elem), nil
	}
	return n.typ, nil
}

// rewrap is the type of n, a slice, array or pointer, around another element.
func rewrap(n *node, elem reflect.Type) reflect.Type {
	switch n.kind {
	case kindSlice:
		return reflect.SliceOf(elem)
	case kindArray:
		return reflect.ArrayOf(n.typ.Len(), elem)
	}
	return reflect.PointerTo(elem)
}

func (d deriver) structOf(n *node) (reflect.Type, error) {
	list := make([]reflect.StructField, n.typ.NumField())
	for i := range list {
		list[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: n.typ.Field(i).Type, Tag: `cbor:"-"`}
	}
	for _, f := range n.fields {
		if f.node.kind == kindBeside {
			continue
		}
		t, err := d.typeOf(f.node)
		if err != nil {
			return nil, below("."+f.name, err)
		}
		list[f.index].Type, list[f.index].Tag = t, d.tag(f)
	}
	if d.positional {
		list = append([]reflect.StructField{toArray}, list...)
	}
	t := reflect.StructOf(list)
	return t, sameLayout(n.typ, t)
}

// toArray takes no room and tells the cbor package to write an array.
var toArray = reflect.StructField{
	Name: "_", PkgPath: "codec", Type: reflect.TypeFor[struct{}](), Tag: `cbor:",toarray"`,
}

func (d deriver) tag(f field) reflect.StructTag {
	value := f.key
	if !d.positional && f.option != "" {
		value += "," + f.option
	}
	return reflect.StructTag("cbor:" + strconv.Quote(value))
}

// sameLayout checks what casting pointers between the two types rests on.
func sameLayout(own, derived reflect.Type) error {
	shift := derived.NumField() - own.NumField()
	same := own.Size() == derived.Size() && own.Align() == derived.Align()
	for i := range own.NumField() {
		same = same && own.Field(i).Offset == derived.Field(i+shift).Offset
	}
	if !same {
		return refuse("a struct whose layout in memory is special cannot cross")
	}
	return nil
}
