package schema

import (
	"fmt"
	"reflect"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/spell"
)

// SetJSON sets the zero value that ptr, a pointer to t's Go type, points to from
// JSON text: one value, all of data, of at most codec.MaxMessage bytes. It is
// strict: an unknown or doubled key, a missing field, null, a value of another
// type or out of its field's range is a problem, and the value is then partly
// set. A field with a default is not missing, but has it then. Bytes are base64,
// times RFC 3339, durations like "1m30s". Files, readers and streams have no
// JSON: who calls sets them before Validate.
func (t *Type) SetJSON(ptr any, data []byte) *Problem {
	if len(data) > codec.MaxMessage {
		return &Problem{Text: fmt.Sprintf("must be at most %d bytes of JSON", codec.MaxMessage)}
	}
	tree, err := parseTree(data)
	if err != nil {
		return &Problem{Text: "must be " + t.Kind.String() + " in JSON: " + err.Error()}
	}
	return t.set(reflect.ValueOf(ptr).Elem(), tree, nil)
}

// set sets v, which is no pointer or one that is nil, within the range of l,
// which may be nil.
func (t *Type) set(v reflect.Value, n *tree, l *Limit) *Problem {
	if v.Kind() == reflect.Pointer && !t.Kind.beside() {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch t.Kind {
	case Struct:
		return t.setObject(v, n)
	case List:
		return t.setList(v, n, l)
	case Map:
		return t.setMap(v, n, l)
	}
	if p := t.setScalar(v, n, l); p != nil {
		return p
	}
	return t.check(v, l)
}

// setScalar sets a value without parts.
func (t *Type) setScalar(v reflect.Value, n *tree, l *Limit) *Problem {
	wanted := byte('"')
	switch t.Kind {
	case Bool:
		wanted = 't'
	case Int, Uint, Float:
		wanted = '0'
	case File, Reader, Stream:
		return &Problem{Text: "must be " + t.Kind.String() + ", which JSON cannot be"}
	}
	if n.kind != wanted {
		return &Problem{Text: "must be " + t.Kind.String() + ", not " + n.String()}
	}
	switch t.Kind {
	case Int, Uint:
		return t.setNumber(v, n.text)
	case Float:
		return t.setFloat(v, n.text, l)
	}
	return t.setText(v, n.text)
}

// setNumber sets an integer, which JSON may write as 1.0 or 1e2.
func (t *Type) setNumber(v reflect.Value, number string) *Problem {
	text, ok := integer(number)
	switch {
	case !ok:
		return t.notInteger(number, errNotInteger)
	case t.Kind == Int:
		return t.setInt(v, text, 10)
	}
	return t.setUint(v, text, 10)
}

var errNotInteger = fmt.Errorf("not an integer of 64 bits")

func (t *Type) setObject(v reflect.Value, n *tree) *Problem {
	if n.kind != '{' {
		return &Problem{Text: "must be an object, not " + n.String()}
	}
	v.SetZero() // of what an earlier word of a command line, or a default, made it
	for i, key := range n.keys {
		f := t.Field(key)
		if f == nil {
			return t.unknown(key)
		}
		l := &f.Limit
		if l.none() {
			l = nil
		}
		if p := f.Type.set(f.in(v), &n.parts[i], l); p != nil {
			return f.problem(p)
		}
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Type.Kind.beside() || n.get(f.Name) != nil {
			continue
		}
		if !f.CanLack() {
			return &Problem{Field: f.Name, Text: "is missing"}
		}
		f.setDefault(v)
	}
	return nil
}

// unknown is the problem of a key that is no field.
func (t *Type) unknown(key string) *Problem {
	names := make([]string, len(t.Fields))
	for i := range t.Fields {
		names[i] = t.Fields[i].Name
	}
	p := &Problem{Text: fmt.Sprintf("must have no field %.64q", key)}
	if near := spell.Nearest(key, names); near != "" && len(key) <= MaxName {
		p.Text += ": did you mean " + near + "?"
	}
	return p
}

func (t *Type) setList(v reflect.Value, n *tree, l *Limit) *Problem {
	if n.kind != '[' {
		return &Problem{Text: "must be a list, not " + n.String()}
	}
	if p := checkLength(len(n.parts), l, "elements"); p != nil {
		return p
	}
	list := reflect.MakeSlice(v.Type(), len(n.parts), len(n.parts))
	for i := range n.parts {
		if p := t.Elem.set(list.Index(i), &n.parts[i], elemLimit(l)); p != nil {
			return p.below(indexStep(i))
		}
	}
	v.Set(list)
	return nil
}

func (t *Type) setMap(v reflect.Value, n *tree, l *Limit) *Problem {
	if n.kind != '{' {
		return &Problem{Text: "must be an object, not " + n.String()}
	}
	if p := checkLength(len(n.parts), l, "entries"); p != nil {
		return p
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.parts))
	for i, key := range n.keys {
		elem := reflect.New(v.Type().Elem()).Elem()
		if p := t.Elem.set(elem, &n.parts[i], elemLimit(l)); p != nil {
			return p.below(keyStep(key))
		}
		m.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
	}
	v.Set(m)
	return nil
}
