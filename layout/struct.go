package layout

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Field is one field of a structure.
type Field struct {
	Name string
	Type string // as the package's comment says
}

// Struct is the description of a structure.
type Struct struct {
	name   string
	fields []field
	t      typ
}

type field struct {
	name  string
	t     *typ
	notes Notes // nil: none
}

// New is a structure of these fields, whose types may name the structs given. It fails,
// saying which field is wrong and why, when a type is no type, a name is empty or there
// twice, or a bound is broken.
func New(name string, fields []Field, structs ...*Struct) (*Struct, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("a structure: %w", err)
	}
	if len(fields) > MaxValues {
		return nil, fmt.Errorf("%s: more than %d values", name, MaxValues)
	}
	s := &Struct{name: name}
	s.t = typ{kind: kindStruct, fixed: true, values: 1, depth: 1, of: s, words: [2]string{name, name}}
	seen := make(map[string]bool, len(fields))
	for i, f := range fields {
		if err := checkName(f.Name); err != nil {
			return nil, fmt.Errorf("%s: field %d: %w", name, i+1, err)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("%s: the field %q is there twice", name, f.Name)
		}
		seen[f.Name] = true
		if err := s.add(f, structs); err != nil {
			return nil, fmt.Errorf("%s: the field %q: %w", name, f.Name, err)
		}
	}
	return s, nil
}

func (s *Struct) add(f Field, structs []*Struct) error {
	t, err := parseType(f.Type, structs)
	if err != nil {
		return err
	}
	s.fields = append(s.fields, field{name: f.Name, t: t})
	s.t.size += t.size
	s.t.values += t.values
	s.t.fixed = s.t.fixed && t.fixed
	s.t.depth = max(s.t.depth, t.depth+1)
	return s.t.check()
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("it has no name")
	case len(name) > maxName:
		return fmt.Errorf("its name has more than %d bytes", maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("its name is not UTF-8")
	}
	return nil
}

// Must is New for descriptions in source: text has a field a line, its name and its type.
// It panics where New fails.
func Must(name, text string, structs ...*Struct) *Struct {
	var fields []Field
	for line := range strings.Lines(text) {
		switch words := strings.Fields(line); len(words) {
		case 0:
		case 2:
			fields = append(fields, Field{Name: words[0], Type: words[1]})
		default:
			panic(fmt.Sprintf("layout: %s: a line is a name and a type: %q", name, line))
		}
	}
	s, err := New(name, fields, structs...)
	if err != nil {
		panic("layout: " + err.Error())
	}
	return s
}

// Note lets n say what the values of an integer field mean, those of the elements where it
// is an array, and returns s. It is for descriptions in source, before s is used, and
// panics when there is no such field.
func (s *Struct) Note(name string, n Notes) *Struct {
	i := s.index(name)
	if i < 0 {
		panic(fmt.Sprintf("layout: %s has no field %q", s.name, name))
	}
	s.fields[i].notes = n
	return s
}

// Name is the name that the structure was given.
func (s *Struct) Name() string { return s.name }

// Size is how many bytes the structure has, and whether that is exact: it is the most
// where there is a cstring.
func (s *Struct) Size() (n int64, exact bool) { return s.t.size, s.t.fixed }

func (s *Struct) typ() *typ { return &s.t }

func (s *Struct) index(name string) int {
	return slices.IndexFunc(s.fields, func(f field) bool { return f.name == name })
}
