package layout

import "fmt"

// Record is a structure that was read. Its methods panic for the name of a field that the
// structure does not have, as an index out of range does; Get does not.
type Record struct{ v Value }

// Get is the field of that name.
func (r Record) Get(name string) (Value, bool) {
	if r.v.t == nil {
		return Value{}, false
	}
	i := r.v.t.of.index(name)
	if i < 0 {
		return Value{}, false
	}
	return r.v.list[i], true
}

// Field is the field of that name.
func (r Record) Field(name string) Value {
	v, ok := r.Get(name)
	if !ok {
		panic(fmt.Sprintf("layout: %s has no field %q", r.Name(), name))
	}
	return v
}

// Uint is the value of an integer field.
func (r Record) Uint(name string) uint64 { return r.Field(name).Uint() }

// Int is the value of an integer field as a signed one.
func (r Record) Int(name string) int64 { return int64(r.Field(name).Uint()) }

// Text is the value of a field of char or cstring.
func (r Record) Text(name string) string { return r.Field(name).Text() }

// Record is the structure in a field.
func (r Record) Record(name string) Record { return r.Field(name).Record() }

// FieldOffset is where a field begins, in bytes from the beginning of what was read from.
func (r Record) FieldOffset(name string) int64 { return r.Field(name).Offset() }

// Fields are all fields, in order. The slice must not be changed.
func (r Record) Fields() []Value { return r.v.list }

// Name is that of the Struct.
func (r Record) Name() string {
	if r.v.t == nil {
		return ""
	}
	return r.v.t.of.name
}

// Offset is where the structure begins.
func (r Record) Offset() int64 { return r.v.off }

// Size is how many bytes it has.
func (r Record) Size() int64 { return r.v.size }

// Nodes is the structure as a list of nodes, for a Report or a view. The first is the
// structure itself, at that depth and under that name.
func (r Record) Nodes(name string, depth int) []Node {
	if r.v.t == nil {
		return nil
	}
	v := r.v
	v.name = name
	return v.nodes(nil, depth)
}
