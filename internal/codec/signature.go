package codec

import (
	"reflect"
	"strconv"
	"strings"
)

// A signer writes the shape of a type. A struct is written out where it comes
// first, and by its name afterwards.
type signer struct {
	text  strings.Builder
	known map[reflect.Type]string
	taken map[string]int // how many types have the name
}

func signature(top *node) string {
	s := signer{known: map[reflect.Type]string{}, taken: map[string]int{}}
	s.node(top)
	return s.text.String()
}

func (s *signer) node(n *node) {
	switch n.kind {
	case kindPointer:
		s.write("*")
		s.node(n.elem)
	case kindSlice:
		s.write("[]")
		s.node(n.elem)
	case kindArray:
		s.write("[", strconv.Itoa(n.typ.Len()), "]")
		s.node(n.elem)
	case kindMap:
		s.write("map[")
		s.node(n.key)
		s.write("]")
		s.node(n.elem)
	case kindStruct:
		s.structure(n)
	default:
		s.write(leafText(n))
	}
}

func leafText(n *node) string {
	switch n.kind {
	case kindBytes:
		return "[]byte"
	case kindByteArray:
		return "[" + strconv.Itoa(n.typ.Len()) + "]byte"
	case kindTime, kindBigInt:
		return n.typ.String()
	case kindSelf:
		return fullName(n.typ) + " as " + n.form.String()
	case kindBeside:
		if n.carries != "" {
			return n.beside.String() + " of " + n.carries
		}
		return n.beside.String() + " " + fullName(n.typ)
	}
	return n.typ.Kind().String()
}

// fullName has the path of the type's package, and of those it is made of.
func fullName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return "*" + fullName(t.Elem())
	}
	if t.Name() == "" || t.PkgPath() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

func (s *signer) structure(n *node) {
	if name, ok := s.known[n.typ]; ok {
		s.write(name)
		return
	}
	s.write(s.name(n.typ), "{")
	for i, f := range n.fields {
		if i > 0 {
			s.write("; ")
		}
		s.write(f.name, " ")
		s.node(f.node)
		s.tag(f)
	}
	s.write("}")
}

// name gives the type a name that no other type of the text has.
func (s *signer) name(t reflect.Type) string {
	name := t.Name()
	if name == "" {
		name = "struct"
	}
	s.taken[name]++
	known := name
	if nth := s.taken[name]; nth > 1 {
		known += "#" + strconv.Itoa(nth)
	}
	s.known[t] = known
	return known
}

// tag writes what the keyed form has that the Go name does not tell.
func (s *signer) tag(f field) {
	value := ""
	if f.key != f.name {
		value = f.key
	}
	if f.option != "" {
		value += "," + f.option
	}
	if value != "" {
		s.write(" ", strconv.Quote(value))
	}
}

func (s *signer) write(parts ...string) {
	for _, p := range parts {
		s.text.WriteString(p)
	}
}
