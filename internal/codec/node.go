package codec

import (
	"fmt"
	"reflect"
)

// A kind is how a type appears in CBOR.
type kind uint8

const (
	kindBool kind = iota
	kindInt
	kindUint
	kindFloat
	kindString
	kindBytes     // a slice of bytes
	kindByteArray // an array of bytes
	kindTime      // time.Time: RFC 3339 text; null is the zero time
	kindBigInt    // big.Int: an integer, or tag 2 or 3
	kindSelf      // marshals itself; see selfForm
	kindPointer
	kindSlice
	kindArray
	kindMap
	kindStruct
	kindBeside // travels beside the CBOR; see Crossing
)

// A node describes one type of the graph that a plan's type spans. Nodes are
// unique by type within a plan, so that recursive types end in a cycle.
type node struct {
	kind    kind
	typ     reflect.Type
	form    selfForm // of kindSelf
	beside  Kind     // of kindBeside
	carries string   // of a stream: the signature of its elements

	key, elem *node // of containers
	fields    []field
	byKey     map[string]int // index in fields by key, when there are more than fewFields
	inside    int            // how many fields are in the CBOR

	cyclic bool // contains itself: cannot be derived, so it is always keyed
	loops  bool // contains or is a cyclic node
	depth  int  // arrays and maps inside each other, when !loops
}

// A field is one field of a struct that crosses, in CBOR or beside it.
type field struct {
	name     string // in Go
	key      string // in keyed CBOR
	option   string // omitempty, omitzero or none
	index    int
	optional bool // may be missing in keyed CBOR
	node     *node
}

// fewFields is up to how many fields a loop finds one as soon as a map does, which would
// be most of what a plan weighs.
const fewFields = 12

// find is the index in fields of the one with that key.
func (n *node) find(key []byte) (i int, ok bool) {
	if n.byKey != nil {
		i, ok = n.byKey[string(key)]
		return i, ok
	}
	for i := range n.fields {
		if n.fields[i].key == string(key) {
			return i, true
		}
	}
	return 0, false
}

// nullable reports whether null is a value of the type.
func (n *node) nullable() bool {
	switch n.kind {
	case kindPointer, kindSlice, kindBytes, kindMap, kindTime, kindBeside:
		return true
	case kindSelf:
		return n.form == selfCBOR
	}
	return false
}

// A builder makes the graph of nodes of one type.
type builder struct {
	nodes []*node // each type's once
}

// known is the node of t, or nil. Types have few inside, and most plans are made while
// the program starts: a map would weigh more.
func (b *builder) known(t reflect.Type) *node {
	for _, n := range b.nodes {
		if n.typ == t {
			return n
		}
	}
	return nil
}

// build makes the graph of t. Its nodes are complete when it returns.
func build(t reflect.Type) (*node, error) {
	b := builder{}
	top, err := b.top(t)
	if err != nil {
		return nil, fmt.Errorf("%s%w", typeName(t), err)
	}
	b.findCycles()
	if err := top.sound(); err != nil {
		return nil, fmt.Errorf("%s%w", typeName(t), err)
	}
	return top, nil
}

// top is node for the type itself, where what travels beside is allowed.
func (b *builder) top(t reflect.Type) (*node, error) {
	if k, ok := besideKind(t); ok {
		return besideNode(t, k)
	}
	if t.Kind() == reflect.Struct && !leafLike(t) {
		return b.structNode(t, true)
	}
	return b.node(t)
}

// besideNode makes the node of what travels beside. The elements of a stream must cross
// by themselves, and nothing beside them.
func besideNode(t reflect.Type, k Kind) (*node, error) {
	n := &node{kind: kindBeside, typ: t, beside: k}
	elem := streamElement(t)
	if k != Stream || elem == nil {
		return n, nil
	}
	b := builder{}
	top, err := b.node(elem)
	if err == nil {
		b.findCycles()
		err = top.sound()
	}
	if err != nil {
		return nil, below(" of "+typeName(elem), err)
	}
	n.carries = signature(top)
	return n, nil
}

// node makes the node of t. Its errors begin with the path below t.
func (b *builder) node(t reflect.Type) (*node, error) {
	if n := b.known(t); n != nil {
		return n, nil
	}
	if _, ok := besideKind(t); ok {
		return nil, refuse("%s can cross only as the argument or result itself, or as a direct field of it", article(t.String()))
	}
	switch leaf, err := leafNode(t); {
	case err != nil:
		return nil, err
	case leaf != nil:
		b.nodes = append(b.nodes, leaf)
		return leaf, nil
	case t.Kind() == reflect.Struct:
		return b.structNode(t, false)
	}
	return b.container(t)
}

// container makes the node of a pointer, slice, array or map, and refuses the
// kinds that are left.
func (b *builder) container(t reflect.Type) (*node, error) {
	n := &node{typ: t}
	b.nodes = append(b.nodes, n)
	var err error
	switch t.Kind() {
	case reflect.Pointer:
		return n, b.pointer(n)
	case reflect.Map:
		return n, b.mapping(n)
	case reflect.Slice:
		n.kind = kindSlice
	case reflect.Array:
		n.kind = kindArray
		if t.Len() > MaxElements {
			return nil, refuse("an array of more than %d elements cannot cross", MaxElements)
		}
	default:
		return nil, refuse("%s cannot cross", kindName(t))
	}
	n.elem, err = b.node(t.Elem())
	return n, below("[]", err)
}

func (b *builder) pointer(n *node) (err error) {
	n.kind = kindPointer
	if n.typ.Elem().Kind() == reflect.Pointer {
		return refuse("a pointer to a pointer cannot cross")
	}
	n.elem, err = b.node(n.typ.Elem())
	return err
}

func (b *builder) mapping(n *node) (err error) {
	n.kind = kindMap
	if n.key, err = b.node(n.typ.Key()); err != nil {
		return below("[key]", err)
	}
	switch n.key.kind {
	case kindString, kindInt, kindUint, kindBool:
	case kindSelf:
		if n.key.form == selfCBOR {
			return refuse("a map whose keys are %s cannot cross", n.key.typ)
		}
	default:
		return refuse("a map whose keys are %s cannot cross", n.key.typ)
	}
	n.elem, err = b.node(n.typ.Elem())
	return below("[]", err)
}
