package codec

import (
	"encoding"
	"math/big"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A selfForm is how a type marshals itself.
type selfForm uint8

const (
	selfNone   selfForm = iota
	selfCBOR            // cbor.Marshaler: any one item
	selfBinary          // encoding.BinaryMarshaler: a byte string
	selfText            // encoding.TextMarshaler: a text string
)

func (f selfForm) String() string {
	return [...]string{"", "cbor", "binary", "text"}[f]
}

// selfPairs are the ways in which a type may marshal itself, in the order in
// which cbor looks for them.
var selfPairs = []struct {
	form         selfForm
	enc, dec     reflect.Type
	encFn, decFn string
}{
	{selfCBOR, reflect.TypeFor[cbor.Marshaler](), reflect.TypeFor[cbor.Unmarshaler](), "MarshalCBOR", "UnmarshalCBOR"},
	{selfBinary, reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler](), "MarshalBinary", "UnmarshalBinary"},
	{selfText, reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](), "MarshalText", "UnmarshalText"},
}

// selfFormOf finds how t marshals itself, if it does. A type with half of a
// pair would be encoded one way and decoded another, so it is refused.
func selfFormOf(t reflect.Type) (selfForm, error) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return selfNone, nil
	}
	ptr := reflect.PointerTo(t)
	for _, p := range selfPairs {
		enc, dec := ptr.Implements(p.enc), ptr.Implements(p.dec)
		switch {
		case enc && dec:
			return p.form, promoted(t, p.enc)
		case enc:
			return selfNone, refuse("%s has %s but no %s: it cannot cross", t, p.encFn, p.decFn)
		case dec:
			return selfNone, refuse("%s has %s but no %s: it cannot cross", t, p.decFn, p.encFn)
		}
	}
	return selfNone, nil
}

// promoted refuses a struct that marshals itself by the method of an embedded
// field: its other fields would be lost.
func promoted(t, marshaler reflect.Type) error {
	if t.Kind() != reflect.Struct || t.NumField() < 2 {
		return nil
	}
	for f := range t.Fields() {
		if f.Anonymous && (f.Type.Implements(marshaler) || reflect.PointerTo(f.Type).Implements(marshaler)) {
			return refuse("%s marshals itself as its embedded %s does, and would lose its other fields: it cannot cross", t, f.Type)
		}
	}
	return nil
}

// leafLike reports whether t is no struct for this package although it is one
// for Go.
func leafLike(t reflect.Type) bool {
	n, err := leafNode(t)
	return n != nil || err != nil
}

// leafNode makes the node of a type that has no nodes inside, or nil.
func leafNode(t reflect.Type) (*node, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &node{kind: kindTime, typ: t}, nil
	case reflect.TypeFor[big.Int]():
		return &node{kind: kindBigInt, typ: t}, nil
	}
	form, err := selfFormOf(t)
	if err != nil {
		return nil, err
	}
	if form != selfNone {
		return &node{kind: kindSelf, typ: t, form: form}, nil
	}
	if k, ok := basicKind(t); ok {
		return &node{kind: k, typ: t}, nil
	}
	return nil, nil
}

func basicKind(t reflect.Type) (kind, bool) {
	switch t.Kind() {
	case reflect.Bool:
		return kindBool, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kindInt, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return kindUint, true
	case reflect.Float32, reflect.Float64:
		return kindFloat, true
	case reflect.String:
		return kindString, true
	case reflect.Slice:
		return kindBytes, t.Elem().Kind() == reflect.Uint8
	case reflect.Array:
		return kindByteArray, t.Elem().Kind() == reflect.Uint8
	}
	return 0, false
}
