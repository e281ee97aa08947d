package codec

import (
	"fmt"
	"reflect"
)

// precheck refuses what must not reach the encoder: bytes that alone are more
// than a message, and values that are endless or nearly so.
func (p *Plan) precheck(ptr, value any) error {
	for i := range p.crossings {
		c := &p.crossings[i]
		if c.Kind != Bytes {
			continue
		}
		n := 0
		if c.IsString() {
			n = len(*c.StringOf(ptr))
		} else {
			n = len(*c.BytesOf(ptr))
		}
		if n > MaxMessage {
			return fmt.Errorf("%w", tooLong(p.crossingStep(c), n))
		}
	}
	if !p.top.loops {
		return nil
	}
	w := valueWalk{left: MaxMessage}
	return w.value(p.top, reflect.ValueOf(value).Elem(), 0)
}

func (p *Plan) crossingStep(c *Crossing) string {
	if c.Index < 0 {
		return ""
	}
	return "." + p.top.typ.Field(c.Index).Name
}

func tooLong(step string, size int) error {
	return below(step, refuse("%d bytes are more than the %d of a message", size, MaxMessage))
}

// A valueWalk bounds a value of a type that contains itself. Its pointers may
// lead back, or share so much that the encoding would be endless in practice.
type valueWalk struct {
	left int // values that may yet be visited
}

func (w *valueWalk) value(n *node, v reflect.Value, depth int) error {
	if w.left--; w.left < 0 {
		return refuse("the value has more than %d parts", MaxMessage)
	}
	if !n.loops {
		return nil
	}
	switch n.kind {
	case kindPointer:
		if v.IsNil() {
			return nil
		}
		return w.value(n.elem, v.Elem(), depth)
	case kindStruct, kindSlice, kindArray, kindMap:
		if depth == MaxDepth {
			return refuse("the value is nested deeper than %d levels, or contains itself", MaxDepth)
		}
		return w.parts(n, v, depth+1)
	}
	return nil
}

func (w *valueWalk) parts(n *node, v reflect.Value, depth int) error {
	switch n.kind {
	case kindStruct:
		return w.fields(n, v, depth)
	case kindMap:
		return w.pairs(n, v, depth)
	}
	for i := range v.Len() {
		if err := w.value(n.elem, v.Index(i), depth); err != nil {
			return below(indexStep(i), err)
		}
	}
	return nil
}

// fields walks a struct, whose derived type may have one field more in front.
func (w *valueWalk) fields(n *node, v reflect.Value, depth int) error {
	shift := v.NumField() - n.typ.NumField()
	for i := range n.fields {
		f := &n.fields[i]
		if err := w.value(f.node, v.Field(f.index+shift), depth); err != nil {
			return below("."+f.name, err)
		}
	}
	return nil
}

func (w *valueWalk) pairs(n *node, v reflect.Value, depth int) error {
	for it := v.MapRange(); it.Next(); {
		if err := w.value(n.elem, it.Value(), depth); err != nil {
			return below(fmt.Sprintf("[%.32q]", fmt.Sprint(it.Key())), err)
		}
	}
	return nil
}
