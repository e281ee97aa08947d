package formats

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/layout"
)

// file is a file that was parsed, in a script.
type file struct {
	kind   string // of the value
	report *inspect.Report
	attrs  map[string]func() (starlark.Value, error)
	made   starlark.StringDict // attributes that were asked for
}

var (
	_ starlark.HasAttrs = (*file)(nil)
	_ starlark.Iterable = (*file)(nil)
)

func newFile(kind string, r *inspect.Report) *file {
	f := &file{kind: kind, report: r, made: starlark.StringDict{}}
	f.attrs = map[string]func() (starlark.Value, error){
		"format":    constant(starlark.String(r.Format)),
		"kind":      constant(starlark.String(r.Kind)),
		"machine":   constant(starlark.String(r.Machine)),
		"size":      constant(starlark.MakeInt64(r.Size)),
		"facts":     always(f.facts),
		"sections":  always(func() starlark.Value { return structs(r.Sections) }),
		"libraries": always(func() starlark.Value { return structs(r.Imports) }),
		"imports":   always(f.imports),
		"exports":   always(func() starlark.Value { return structs(r.Exports) }),
		"overlay":   always(func() starlark.Value { return structs([]inspect.Span{r.Overlay}).(*starlark.List).Index(0) }),
		"warnings":  always(func() starlark.Value { return structs(r.Warnings) }),
	}
	return f
}

func constant(v starlark.Value) func() (starlark.Value, error) {
	return func() (starlark.Value, error) { return v, nil }
}

func always(f func() starlark.Value) func() (starlark.Value, error) {
	return func() (starlark.Value, error) { return f(), nil }
}

func (f *file) String() string {
	return fmt.Sprintf("%s(%s, %s, %s, %d bytes)", f.kind, f.report.Format, f.report.Kind, f.report.Machine, f.report.Size)
}
func (f *file) Type() string         { return f.kind }
func (f *file) Freeze()              {}
func (f *file) Truth() starlark.Bool { return true }
func (f *file) Hash() (uint32, error) {
	return 0, fmt.Errorf("unhashable type: %s", f.kind)
}

func (f *file) AttrNames() []string { return slices.Sorted(maps.Keys(f.attrs)) }

// Attr implements starlark.HasAttrs. What takes room is made when it is asked for, once.
func (f *file) Attr(name string) (starlark.Value, error) {
	if v := f.made[name]; v != nil || f.attrs[name] == nil {
		return v, nil
	}
	v, err := f.attrs[name]()
	if err == nil {
		f.made[name] = v
	}
	return v, err
}

func (f *file) facts() starlark.Value {
	d := starlark.NewDict(len(f.report.Facts))
	for _, fact := range f.report.Facts {
		_ = d.SetKey(starlark.String(fact.Name), starlark.String(fact.Value)) // a new dict, and a string
	}
	d.Freeze()
	return d
}

// fact is the value of a fact, or None.
func (f *file) fact(name string) starlark.Value {
	for _, fact := range f.report.Facts {
		if strings.EqualFold(fact.Name, name) {
			return starlark.String(fact.Value)
		}
	}
	return starlark.None
}

// imports are the symbols of all libraries.
func (f *file) imports() starlark.Value {
	var list []starlark.Value
	for _, l := range f.report.Imports {
		for _, s := range l.Symbols {
			name := starlark.Value(starlark.String(s.Name))
			if s.Name == "" {
				name = starlark.None
			}
			list = append(list, starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
				"library": starlark.String(l.Name), "delayed": starlark.Bool(l.Delayed),
				"name": name, "ordinal": starlark.MakeUint64(uint64(s.Ordinal)),
				"version": starlark.String(s.Version), "address": starlark.MakeUint64(s.Address),
			}))
		}
	}
	all := starlark.NewList(list)
	all.Freeze()
	return all
}

// Iterate implements starlark.Iterable: structures, in the order in which they are found.
func (f *file) Iterate() starlark.Iterator {
	next, stop := iter.Pull(slices.Values(f.report.Structure))
	return &nodes{next, stop}
}

type nodes struct {
	next func() (layout.Node, bool)
	stop func()
}

// Next implements starlark.Iterator.
func (n *nodes) Next(p *starlark.Value) bool {
	node, ok := n.next()
	if !ok {
		return false
	}
	*p = starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
		"depth": starlark.MakeInt(node.Depth), "name": starlark.String(node.Name), "type": starlark.String(node.Type),
		"offset": starlark.MakeInt64(node.Offset), "size": starlark.MakeInt64(node.Size),
		"value": starlark.String(node.Text), "note": starlark.String(node.Note),
	})
	return true
}

// Done implements starlark.Iterator.
func (n *nodes) Done() { n.stop() }
