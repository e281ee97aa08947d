package codec

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// A Plan is how values of one type cross. It is immutable and safe for
// concurrent use.
type Plan struct {
	top       *node
	ptr       reflect.Type // pointer to the type
	name      string
	signature string
	crossings []Crossing

	given             any // a nil pointer to the plan's type
	positional, keyed form
}

// cache holds a *Plan or an error by reflect.Type.
var cache sync.Map

// PlanOf is the plan of t, made at first use and kept. It fails for a type of
// which something cannot cross, naming the field: "HelloArgs.Inner.Done: a
// chan cannot cross".
func PlanOf(t reflect.Type) (*Plan, error) {
	known, ok := cache.Load(t)
	if !ok {
		known, _ = cache.LoadOrStore(t, planOrError(t))
	}
	if p, ok := known.(*Plan); ok {
		return p, nil
	}
	return nil, known.(error)
}

func planOrError(t reflect.Type) any {
	p, err := newPlan(t)
	if err != nil {
		return err
	}
	return p
}

func newPlan(t reflect.Type) (*Plan, error) {
	top, err := build(t)
	if err != nil {
		return nil, err
	}
	p := &Plan{top: top, ptr: reflect.PointerTo(t), name: typeName(t)}
	p.given = nilOf(t)
	p.signature = signature(top)
	p.crossings = crossings(top)
	return p, nil
}

// Type is the type that the plan is of.
func (p *Plan) Type() reflect.Type { return p.top.typ }

// Signature is the shape of the type as text, the same for any two types whose
// positional form is the same and whose structs have the same names:
// "HelloArgs{Name string; N int64}". The shape of what a stream carries is part of it.
func (p *Plan) Signature() string { return p.signature }

// Crossings lists what travels, or may travel, beside the CBOR, in order of
// fields. The caller must not change it.
func (p *Plan) Crossings() []Crossing { return p.crossings }

// Append adds the value that ptr, a pointer to the plan's type, points to. On
// an error, buf is as it was. It fails for what the other end would refuse: a
// string that is not UTF-8, a cycle, a value past a limit.
func (p *Plan) Append(buf *bytes.Buffer, ptr any, positional bool) error {
	value, err := p.view(ptr, positional)
	if err != nil {
		return p.at(err)
	}
	start := buf.Len()
	if err := p.append(buf, ptr, value, positional); err != nil {
		buf.Truncate(start)
		return p.at(err)
	}
	return nil
}

func (p *Plan) append(buf *bytes.Buffer, ptr, value any, positional bool) error {
	if p.top.kind == kindBeside {
		return buf.WriteByte(null)
	}
	if err := p.precheck(ptr, value); err != nil {
		return err
	}
	start := buf.Len()
	if err := encMode.MarshalToBuffer(value, buf); err != nil {
		return refuse("%w", err)
	}
	item := buf.Bytes()[start:]
	if len(item) > MaxMessage {
		return p.tooLarge(item, positional)
	}
	c := newChecker(item, positional)
	return c.item(p.top)
}

// Decode sets the value that ptr, a pointer to the zero value of the plan's
// type, points to, from the first item of data, and returns the bytes after
// it. On an error the value may be partly set.
func (p *Plan) Decode(data []byte, ptr any, positional bool) (rest []byte, err error) {
	c := newChecker(data, positional)
	if rest, err = p.decode(&c, ptr); err != nil {
		return nil, p.at(err)
	}
	return rest, nil
}

func (p *Plan) decode(c *checker, ptr any) (rest []byte, err error) {
	value, err := p.view(ptr, c.positional)
	if err != nil {
		return nil, err
	}
	if err := c.item(p.top); err != nil {
		return nil, err
	}
	if c.pos > MaxMessage {
		return nil, refuse("%d bytes of CBOR are more than %d", c.pos, MaxMessage)
	}
	item, rest := c.data[:c.pos], c.data[c.pos:]
	if p.top.kind == kindBeside {
		return rest, nil
	}
	mode := decMode
	if c.loose {
		mode = looseMode
	}
	if err := mode.Unmarshal(item, value); err != nil {
		return nil, refuse("%w", err)
	}
	return rest, nil
}

// view is ptr as a pointer to the derived type of the form. The check of its
// type is what makes the cast safe.
func (p *Plan) view(ptr any, positional bool) (any, error) {
	given := (*iface)(unsafe.Pointer(&ptr))
	if given.typ != (*iface)(unsafe.Pointer(&p.given)).typ || given.data == nil {
		return nil, refuse("a %T was given where a %s is wanted", ptr, p.ptr)
	}
	f := &p.keyed
	if positional {
		f = &p.positional
	}
	f.once.Do(func() { f.derive(p.top, positional) })
	value := f.null
	(*iface)(unsafe.Pointer(&value)).data = given.data
	return value, f.err
}

// iface is how an interface without methods lies in memory. A pointer in one is its data
// word. reflect.NewAt does the same by a look-up in a map for each derived type, which
// would be a tenth of a small call's time.
type iface struct{ typ, data unsafe.Pointer }

// form is the derived type of one form, which is made at first use: a program
// registers more functions than one run of it calls, and reflect takes its time.
type form struct {
	once sync.Once
	null any // a nil pointer to it
	err  error
}

func (f *form) derive(top *node, positional bool) {
	t, err := derive(top, positional)
	if f.err = err; err == nil {
		f.null = nilOf(t)
	}
}

func nilOf(t reflect.Type) any { return reflect.Zero(reflect.PointerTo(t)).Interface() }

// at puts the type's name in front of the path of err.
func (p *Plan) at(err error) error {
	return fmt.Errorf("%s%w", p.name, err)
}
