package schema

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/outwork-go/outwork/internal/codec"
)

// Of describes a Go type that crosses, an argument or a result, from its fields
// and their tags. It fails for a type that the codec refuses, for one that
// neither a command line nor a JSON Schema can show, and for a mistake in a tag;
// the error names the field, as "HostnameArgs.Name: tag pattern: …".
func Of(t reflect.Type) (*Type, error) {
	plan, err := codec.PlanOf(t)
	if err != nil {
		return nil, err
	}
	if t.Kind() == reflect.Pointer && len(plan.Crossings()) == 0 {
		return nil, fmt.Errorf("%s: an argument or result that is a pointer cannot be described: use %s", t, t.Elem())
	}
	b := builder{beside: map[int]codec.Kind{}}
	for _, c := range plan.Crossings() {
		b.beside[c.Index] = c.Kind
	}
	if typ, err := b.besideType(t, -1, typeName(t)); typ != nil || err != nil {
		return typ, err
	}
	return b.typeOf(t, typeName(t))
}

// A builder makes the description of one Go type.
type builder struct {
	beside map[int]codec.Kind // what may travel beside, by index of the top struct's fields
	open   []reflect.Type     // the structs, lists and maps around what is looked at
	fields int
}

// besideType describes what travels beside the CBOR as the i-th field of the
// top struct; nil when that is in the CBOR.
func (b *builder) besideType(t reflect.Type, i int, at string) (*Type, error) {
	switch b.beside[i] {
	case codec.File:
		return &Type{Kind: File, Go: t}, nil
	case codec.Reader:
		return &Type{Kind: Reader, Go: t}, nil
	case codec.Stream:
		return b.stream(t, at)
	case codec.Container:
		return nil, fmt.Errorf("%s: a container is not offered by a service: use an *os.File", at)
	}
	return nil, nil
}

// stream describes a stream by its elements.
func (b *builder) stream(t reflect.Type, at string) (*Type, error) {
	ptr := t
	if t.Kind() == reflect.Pointer {
		ptr = t.Elem()
	}
	s, ok := reflect.New(ptr).Interface().(codec.StreamField)
	if !ok || s.OutworkStream() == nil {
		return nil, fmt.Errorf("%s: a stream that does not say of what cannot be described", at)
	}
	inner := builder{open: b.open}
	elem, err := inner.typeOf(s.OutworkStream().Element, at)
	return &Type{Kind: Stream, Go: t, Elem: elem}, err
}

// typeOf describes what is in the CBOR. Errors begin with at, where it is.
func (b *builder) typeOf(t reflect.Type, at string) (*Type, error) {
	if leaf, err := leafOf(t); leaf != nil || err != nil {
		return leaf, below(at, err)
	}
	if t.Kind() == reflect.Pointer {
		return b.typeOf(t.Elem(), at)
	}
	if err := b.enter(t); err != nil {
		return nil, below(at, err)
	}
	defer b.leave()
	switch t.Kind() {
	case reflect.Struct:
		return b.structOf(t, at)
	case reflect.Slice:
		return b.elements(List, t, at)
	case reflect.Map:
		return b.mapOf(t, at)
	case reflect.Array:
		return nil, fmt.Errorf("%s: an array of fixed length cannot be described: use a slice, with minlen and maxlen", at)
	}
	return nil, fmt.Errorf("%s: %s cannot be described by flags or JSON Schema", at, t)
}

func (b *builder) enter(t reflect.Type) error {
	switch {
	case slices.Contains(b.open, t):
		return fmt.Errorf("%s contains itself: flags and help cannot show a type without end", typeName(t))
	case len(b.open) == MaxDepth:
		return fmt.Errorf("it is nested deeper than %d levels", MaxDepth)
	}
	b.open = append(b.open, t)
	return nil
}

func (b *builder) leave() { b.open = b.open[:len(b.open)-1] }

func (b *builder) mapOf(t reflect.Type, at string) (*Type, error) {
	key := t.Key()
	if form, err := leafOf(key); key.Kind() != reflect.String || err != nil || form.Kind != String {
		return nil, fmt.Errorf("%s: a map whose keys are %s cannot be described by flags or JSON Schema: keys must be strings", at, key)
	}
	return b.elements(Map, t, at)
}

func (b *builder) elements(k Kind, t reflect.Type, at string) (*Type, error) {
	elem, err := b.typeOf(t.Elem(), at)
	if err != nil {
		return nil, err
	}
	typ := &Type{Kind: k, Go: t, Elem: elem}
	typ.setChecks()
	return typ, nil
}

// structOf describes a struct: its fields' names are the codec's.
func (b *builder) structOf(t reflect.Type, at string) (*Type, error) {
	if t.Name() != "" {
		at = t.Name()
	}
	typ := &Type{Kind: Struct, Go: t}
	for i := range t.NumField() {
		name, omit, crosses := fieldName(t.Field(i))
		if !crosses {
			continue
		}
		f := Field{Name: name, Index: i, Omit: omit, Position: -1}
		if err := b.field(&f, t.Field(i), at+"."+t.Field(i).Name); err != nil {
			return nil, err
		}
		typ.Fields = append(typ.Fields, f)
	}
	if err := checkPositions(typ.Fields, len(b.open) == 1); err != nil {
		return nil, below(at, err)
	}
	typ.setChecks()
	return typ, nil
}

func (b *builder) field(f *Field, sf reflect.StructField, at string) (err error) {
	if b.fields++; b.fields > MaxFields {
		return fmt.Errorf("%s: a type of more than %d fields cannot be described", at, MaxFields)
	}
	if len(b.open) == 1 {
		f.Type, err = b.besideType(sf.Type, f.Index, at)
	}
	if f.Type == nil && err == nil {
		f.Pointer = sf.Type.Kind() == reflect.Pointer
		f.Type, err = b.typeOf(sf.Type, at)
	}
	if err != nil {
		return err
	}
	f.Optional = f.Omit != "" || f.Pointer
	if err := f.readTags(sf.Tag); err != nil {
		return below(at, err)
	}
	return below(at, f.prepare())
}

// fieldName is what the codec calls a field, and how it leaves it out. A plan
// has refused what this does not look at.
func fieldName(sf reflect.StructField) (name, omit string, crosses bool) {
	tag := sf.Tag.Get("cbor")
	if tag == "-" || sf.Name == "_" {
		return "", "", false
	}
	if tag == "" {
		tag = sf.Tag.Get("json")
	}
	name, options, _ := strings.Cut(tag, ",")
	if name == "" {
		name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		if omit == "" && (option == "omitempty" || option == "omitzero") {
			omit = option
		}
	}
	return name, omit, true
}

// leafOf describes a type without parts; nil when it has some.
func leafOf(t reflect.Type) (*Type, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &Type{Kind: Time, Go: t}, nil
	case reflect.TypeFor[time.Duration]():
		return &Type{Kind: Duration, Go: t}, nil
	}
	ptr := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return nil, nil
	case t == reflect.TypeFor[big.Int](), ptr.Implements(reflect.TypeFor[cbor.Marshaler]()),
		ptr.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()):
		return nil, fmt.Errorf("%s crosses in a form of its own, which flags and JSON Schema cannot show: use a string or numbers", t)
	case ptr.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return &Type{Kind: Text, Go: t}, nil
	}
	return basic(t), nil
}

func basic(t reflect.Type) *Type {
	switch t.Kind() {
	case reflect.Bool:
		return &Type{Kind: Bool, Go: t}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &Type{Kind: Int, Go: t, Bits: t.Bits()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Type{Kind: Uint, Go: t, Bits: t.Bits()}
	case reflect.Float32, reflect.Float64:
		return &Type{Kind: Float, Go: t, Bits: t.Bits(), checks: true}
	case reflect.String:
		return &Type{Kind: String, Go: t}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Type{Kind: Bytes, Go: t}
		}
	}
	return nil
}

// typeName is how errors call a type.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

// below puts where it is in front of an error.
func below(at string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", at, err)
}
