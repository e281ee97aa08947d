package codec

import (
	"io"
	"os"
	"reflect"
	"unsafe"

	"github.com/outwork-go/outwork/container"
)

// A Kind says what a [Crossing] is.
type Kind uint8

const (
	Bytes     Kind = iota + 1 // []byte or string: in the CBOR unless the caller lifts it out
	Reader                    // io.Reader or io.ReadCloser
	Container                 // container.Container
	File                      // *os.File
	Stream                    // a type with the method OutworkStream, or a pointer to it
)

// String is the kind in lower case, as in signatures.
func (k Kind) String() string {
	switch k {
	case Bytes:
		return "bytes"
	case Reader:
		return "reader"
	case Container:
		return "container"
	case File:
		return "file"
	case Stream:
		return "stream"
	}
	return "unknown"
}

// StreamField marks the types whose values are streams: T is one when T or *T
// has the method.
type StreamField interface{ OutworkStream() *StreamEnd }

// StreamEnd is the untyped side of a stream, between the type that knows its
// elements and the link that moves them.
type StreamEnd struct {
	// Element is the type of the elements. It is always set.
	Element reflect.Type

	// Pump sends every element, encoded positionally or not, and returns the
	// source's error or send's. It is set on the side that sends.
	Pump func(send func(payload []byte) error, positional bool) error

	// The rest is set by the link on the side that receives. Next is the next
	// element, io.EOF at the end. Fail is told of an element that does not
	// decode. Stop says that no more is wanted; it may be called twice.
	Next              func() ([]byte, error)
	Fail              func(error)
	Stop              func()
	Positional, Loose bool // Rules' fields
}

// Rules are how an element is decoded.
func (e *StreamEnd) Rules() Rules { return Rules{Positional: e.Positional, Loose: e.Loose} }

// A Crossing is a value that travels, or may travel, beside the CBOR: the
// argument or result itself, or a direct field of it. All but Bytes are left
// out of the CBOR and untouched by [Plan.Decode].
type Crossing struct {
	Kind  Kind
	Index int          // of the field in its struct; -1 for the value itself
	Name  string       // of the field, as in errors: "HelloArgs.Body"; of the type when Index is -1
	Key   string       // of the field, as on the wire: "body"; empty when Index is -1
	Type  reflect.Type // of the field

	offset uintptr
	owner  reflect.Type // pointer to the plan's type
}

// Of is the crossing value in the value that ptr, a pointer to the plan's
// type, points to. It can be set. Of panics when ptr is of another type.
func (c *Crossing) Of(ptr any) reflect.Value {
	return reflect.NewAt(c.Type, c.at(ptr)).Elem()
}

// BytesOf is Of for a []byte of any name, without reflection.
func (c *Crossing) BytesOf(ptr any) *[]byte {
	c.want(reflect.Slice)
	return (*[]byte)(c.at(ptr))
}

// StringOf is Of for a string of any name, without reflection.
func (c *Crossing) StringOf(ptr any) *string {
	c.want(reflect.String)
	return (*string)(c.at(ptr))
}

// IsString tells a Bytes crossing that is a string from one that is a slice.
func (c *Crossing) IsString() bool { return c.Type.Kind() == reflect.String }

func (c *Crossing) want(k reflect.Kind) {
	if c.Kind != Bytes || c.Type.Kind() != k {
		panic("codec: " + c.Name + " is not a " + k.String() + " of bytes")
	}
}

// at is the address of the field. The check of the type is what makes it safe.
func (c *Crossing) at(ptr any) unsafe.Pointer {
	v := reflect.ValueOf(ptr)
	if !v.IsValid() || v.Type() != c.owner || v.IsNil() {
		panic("codec: " + c.Name + " is asked of something that is no " + c.owner.String())
	}
	return unsafe.Add(v.UnsafePointer(), c.offset)
}

var (
	readerType     = reflect.TypeFor[io.Reader]()
	readCloserType = reflect.TypeFor[io.ReadCloser]()
	containerType  = reflect.TypeFor[container.Container]()
	fileType       = reflect.TypeFor[*os.File]()
	streamType     = reflect.TypeFor[StreamField]()
)

// streamElement is the type of what a stream type carries, or nil when it does not
// say.
func streamElement(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := reflect.New(t).Interface().(StreamField); ok {
		if end := s.OutworkStream(); end != nil {
			return end.Element
		}
	}
	return nil
}

// besideKind tells whether values of t cannot be CBOR but may travel beside it.
func besideKind(t reflect.Type) (Kind, bool) {
	switch {
	case t == readerType || t == readCloserType:
		return Reader, true
	case t == containerType:
		return Container, true
	case t == fileType:
		return File, true
	case t.Implements(streamType) || reflect.PointerTo(t).Implements(streamType):
		return Stream, true
	}
	return 0, false
}

// crossings lists what crosses beside the CBOR, or may, in order of fields.
func crossings(top *node) []Crossing {
	name, owner := typeName(top.typ), reflect.PointerTo(top.typ)
	if k, ok := crossingKind(top); ok {
		return []Crossing{{Kind: k, Index: -1, Name: name, Type: top.typ, owner: owner}}
	}
	if top.kind != kindStruct {
		return nil
	}
	var list []Crossing
	for _, f := range top.fields {
		if k, ok := crossingKind(f.node); ok {
			list = append(list, Crossing{
				Kind: k, Index: f.index, Name: name + "." + f.name, Key: f.key, Type: f.node.typ,
				offset: top.typ.Field(f.index).Offset, owner: owner,
			})
		}
	}
	return list
}

func crossingKind(n *node) (Kind, bool) {
	switch n.kind {
	case kindBeside:
		return n.beside, true
	case kindBytes, kindString:
		return Bytes, true
	}
	return 0, false
}
