package schema

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/outwork-go/outwork/internal/codec"
)

// FromJSONSchema is Parse, and makes the Go types, which the codec takes: a
// value of one is encoded in keyed form as one of the type that the schema was
// made from. Streams have no such type. Go keeps a type that it has made as long
// as the process lives.
func FromJSONSchema(data []byte) (*Type, error) {
	t, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if err := t.makeGo(); err != nil {
		return nil, fmt.Errorf("JSON Schema: %w", err)
	}
	if _, err := codec.PlanOf(t.Go); err != nil {
		return nil, fmt.Errorf("JSON Schema: %w", err)
	}
	return t, nil
}

// makeGo sets the Go types of t and its parts.
func (t *Type) makeGo() error {
	switch t.Kind {
	case Stream:
		return fmt.Errorf("a stream can only be used by a program that is written for it")
	case Struct:
		return t.makeStruct()
	case List, Map:
		if err := t.Elem.makeGo(); err != nil {
			return err
		}
		if t.Kind == List {
			t.Go = reflect.SliceOf(t.Elem.Go)
		} else {
			t.Go = reflect.MapOf(reflect.TypeFor[string](), t.Elem.Go)
		}
	}
	return nil
}

func (t *Type) makeStruct() error {
	list := make([]reflect.StructField, len(t.Fields))
	taken := map[string]bool{}
	for i := range t.Fields {
		f := &t.Fields[i]
		if err := f.Type.makeGo(); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		list[i] = reflect.StructField{Name: f.goName(i), Type: f.Type.Go, Tag: f.goTag()}
		if taken[list[i].Name] {
			list[i].Name = numbered(i)
		}
		taken[list[i].Name] = true
		if f.Pointer {
			list[i].Type = reflect.PointerTo(f.Type.Go)
		}
	}
	t.Go = reflect.StructOf(list)
	return nil
}

// goName is the field's name as Go wants it, if that can be: it shows in errors
// of the codec. The i-th field is F0_i otherwise, which no other is called.
func (f *Field) goName(i int) string {
	name := []byte(f.Name)
	for _, c := range name {
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return numbered(i)
		}
	}
	if name[0]|0x20 < 'a' {
		return numbered(i)
	}
	if name[0] &^= 0x20; name[0] < 'A' || name[0] > 'Z' || len(name) > 1 && name[0] == 'F' && name[1] == '0' {
		return numbered(i)
	}
	return string(name)
}

func numbered(i int) string { return "F0_" + strconv.Itoa(i) }

func (f *Field) goTag() reflect.StructTag {
	value := f.Name
	if f.Omit != "" {
		value += "," + f.Omit
	}
	return reflect.StructTag("cbor:" + strconv.Quote(value))
}
