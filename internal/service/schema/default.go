package schema

import "reflect"

// SetDefaults sets those fields of the struct that ptr points to which have a
// default, as a command does before it reads its words: those of the structs in
// it too that CanLack says may be left out.
func (t *Type) SetDefaults(ptr any) { t.setDefaults(reflect.ValueOf(ptr).Elem()) }

func (t *Type) setDefaults(v reflect.Value) {
	for i := range t.Fields {
		t.Fields[i].setDefault(v)
	}
}

// setDefault sets the field of the struct v, when it is left out, to what it is
// then. One that is optional and has no default stays absent.
func (f *Field) setDefault(v reflect.Value) {
	switch {
	case f.Default != "":
		f.Type.setText(f.in(v), f.Default)
	case !f.Optional && f.Type.Kind == Struct && f.CanLack():
		f.Type.setDefaults(f.in(v))
	}
}

// CanLack reports whether JSON and command lines may leave the field out: it is
// optional, has a default, or is a struct of nothing but such fields. A call must
// have it all the same unless it is optional: whoever calls fills it in.
func (f *Field) CanLack() bool {
	if f.Optional || f.Default != "" {
		return true
	}
	if f.Type.Kind != Struct {
		return false
	}
	for i := range f.Type.Fields {
		if !f.Type.Fields[i].CanLack() {
			return false
		}
	}
	return true
}
