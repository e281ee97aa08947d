package codec

import (
	"errors"
	"fmt"
	"reflect"
	"time"
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
	kind   kind
	typ    reflect.Type
	form   selfForm // of kindSelf
	beside Kind     // of kindBeside

	key, elem *node // of containers
	fields    []field
	byKey     map[string]int // index in fields by key
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
	nodes map[reflect.Type]*node
}

// build makes the graph of t. Its nodes are complete when it returns.
func build(t reflect.Type) (*node, error) {
	b := builder{nodes: map[reflect.Type]*node{}}
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

func (b *builder) findCycles() {
	for _, n := range b.nodes {
		n.cyclic = n.reaches(n, map[*node]bool{})
	}
	for _, n := range b.nodes {
		n.loops = n.reachesCycle(map[*node]bool{})
	}
}

// sound refuses what shows only in the whole graph.
func (n *node) sound() error {
	if !n.loops && n.measure() > MaxDepth {
		return refuse("it is nested deeper than %d levels", MaxDepth)
	}
	for _, f := range n.fields {
		if n.cyclic && f.node.kind == kindBeside {
			return below("."+f.name, refuse("%s cannot cross in a type that contains itself", f.node.typ))
		}
	}
	return nil
}

// top is node for the type itself, where what travels beside is allowed.
func (b *builder) top(t reflect.Type) (*node, error) {
	if k, ok := besideKind(t); ok {
		return &node{kind: kindBeside, typ: t, beside: k}, nil
	}
	if t.Kind() == reflect.Struct && !leafLike(t) {
		return b.structNode(t, true)
	}
	return b.node(t)
}

// node makes the node of t. Its errors begin with the path below t.
func (b *builder) node(t reflect.Type) (*node, error) {
	if n := b.nodes[t]; n != nil {
		return n, nil
	}
	if _, ok := besideKind(t); ok {
		return nil, refuse("%s can cross only as the argument or result itself, or as a direct field of it", article(t.String()))
	}
	switch leaf, err := leafNode(t); {
	case err != nil:
		return nil, err
	case leaf != nil:
		b.nodes[t] = leaf
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
	b.nodes[t] = n
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

// children calls yield for each node directly inside n.
func (n *node) children(yield func(*node) bool) {
	if n.key != nil && !yield(n.key) {
		return
	}
	if n.elem != nil && !yield(n.elem) {
		return
	}
	for i := range n.fields {
		if !yield(n.fields[i].node) {
			return
		}
	}
}

// reaches reports whether target lies somewhere inside n.
func (n *node) reaches(target *node, seen map[*node]bool) bool {
	for c := range n.children {
		if c == target {
			return true
		}
		if !seen[c] {
			seen[c] = true
			if c.reaches(target, seen) {
				return true
			}
		}
	}
	return false
}

func (n *node) reachesCycle(seen map[*node]bool) bool {
	if n.cyclic {
		return true
	}
	for c := range n.children {
		if !seen[c] {
			seen[c] = true
			if c.reachesCycle(seen) {
				return true
			}
		}
	}
	return false
}

// measure sets the depth of n, which must not loop, and of all that it holds.
func (n *node) measure() int {
	if n.depth > 0 {
		return n.depth
	}
	for c := range n.children {
		n.depth = max(n.depth, c.measure())
	}
	switch n.kind {
	case kindSlice, kindArray, kindMap, kindStruct:
		n.depth++
	}
	return n.depth
}

var timeType = reflect.TypeFor[time.Time]()

// typeName is how errors and signatures call a type.
func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

// kindName is what errors call a kind that cannot cross.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Interface:
		return "the interface " + t.String()
	case reflect.UnsafePointer:
		return "an unsafe.Pointer"
	case reflect.Complex64, reflect.Complex128:
		return "a complex number"
	}
	return "a " + t.Kind().String()
}

func article(name string) string {
	if name != "" && (name[0] == 'i' || name[0] == 'o') {
		return "an " + name
	}
	return "a " + name
}

// A pathError is an error whose text begins with the path that led to it.
type pathError struct {
	path string // begins with "." or "["; empty at the value itself
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// refuse is an error at the very place that is being looked at.
func refuse(format string, args ...any) error {
	return &pathError{err: fmt.Errorf(format, args...)}
}

// below puts one step in front of the path of err, which may be nil.
func below(step string, err error) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*pathError](err); ok {
		p.path = step + p.path
		return p
	}
	return &pathError{path: step, err: err}
}
