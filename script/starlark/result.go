package starlark

import (
	"errors"
	"fmt"
	"iter"
	"math/big"
	"time"
	"unicode/utf8"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// export makes Go values of a script's result. Its errors name the place in
// the result and the type that cannot cross.
func export(v starlark.Value) (any, error) {
	e := exporter{room: maxResult}
	switch v := v.(type) {
	case starlark.Bytes:
		return []byte(v), nil
	case starlark.String:
		e.room += len(v) + itemSize
	}
	x, err := e.value(v, place{text: "result"})
	if err == nil && e.room < 0 {
		err = errTooLarge
	}
	return x, err
}

const itemSize = 8 // bytes that any value takes, about

var errTooLarge = fmt.Errorf("the result is larger than %d MiB", maxResult>>20)

// exporter counts what a result takes: a small value with much sharing would
// be endless as a tree.
type exporter struct{ room int }

// place is where in the result a value stands. Its text is made only for
// errors.
type place struct {
	up    *place
	text  string         // of the root and of fields
	key   starlark.Value // of a dict's value
	index int
	depth int
}

func (p *place) at(i int) place            { return place{up: p, index: i, depth: p.depth + 1} }
func (p *place) field(name string) place   { return place{up: p, text: "." + name, depth: p.depth + 1} }
func (p *place) of(k starlark.Value) place { return place{up: p, key: k, depth: p.depth + 1} }

func (p *place) String() string {
	switch {
	case p.up == nil:
		return p.text
	case p.depth > 8:
		return p.up.shallow().String() + "[…]"
	case p.text != "":
		return p.up.String() + p.text
	case p.key != nil:
		return p.up.String() + "[" + legible.Cut(printKey(p.key), 40) + "]"
	}
	return fmt.Sprintf("%s[%d]", p.up, p.index)
}

// shallow is the ancestor of p that is still shown in full.
func (p *place) shallow() *place {
	for p.depth > 8 {
		p = p.up
	}
	return p
}

func printKey(k starlark.Value) string {
	if weigh(k, maxLineShown) != nil {
		return "…"
	}
	return k.String()
}

func (e *exporter) value(v starlark.Value, p place) (any, error) {
	if e.room -= itemSize; e.room < 0 {
		return nil, errTooLarge
	}
	if p.depth > maxNesting {
		return nil, fmt.Errorf("%s: nested deeper than %d, or within itself", &p, maxNesting)
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.Float:
		return float64(v), nil
	case starlark.Int:
		return exportInt(v, e), nil
	case starlark.Bytes:
		e.room -= len(v)
		return []byte(v), nil
	case starlark.String:
		return e.text(v, &p)
	case startime.Time:
		return time.Time(v), nil
	case *starlark.Dict:
		return e.dict(v, &p)
	case *starlarkstruct.Struct:
		return e.fields(v.Entries(), &p)
	case extend.Fields:
		return e.fields(v.Fields(), &p)
	case *starlark.List, starlark.Tuple, *starlark.Set:
		return e.items(v.(starlark.Iterable), &p)
	}
	if isRange(v) {
		return e.items(v.(starlark.Iterable), &p)
	}
	return nil, cannotCross(v, &p)
}

func cannotCross(v starlark.Value, p *place) error {
	switch v.(type) {
	case starlark.Callable:
		return fmt.Errorf("%s: a function cannot cross", p)
	case startime.Duration:
		return fmt.Errorf("%s: a time.duration cannot cross: return its seconds", p)
	}
	return fmt.Errorf("%s: a %s cannot cross", p, v.Type())
}

func exportInt(v starlark.Int, e *exporter) any {
	if n, ok := v.Int64(); ok {
		return n
	}
	if n, ok := v.Uint64(); ok {
		return n
	}
	n := v.BigInt()
	e.room -= n.BitLen() / 8
	return n
}

var errNotUTF8 = errors.New("a string that is not UTF-8 cannot cross: return bytes")

func (e *exporter) text(v starlark.String, p *place) (any, error) {
	e.room -= len(v)
	if !utf8.ValidString(string(v)) {
		return nil, fmt.Errorf("%s: %w", p, errNotUTF8)
	}
	return string(v), nil
}

func (e *exporter) items(v starlark.Iterable, p *place) (any, error) {
	list := []any{}
	iter := v.Iterate()
	defer iter.Done()
	var item starlark.Value
	for i := 0; iter.Next(&item); i++ {
		x, err := e.value(item, p.at(i))
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

func (e *exporter) dict(v *starlark.Dict, p *place) (any, error) {
	m := map[any]any{}
	for k, item := range v.Entries() {
		at := p.of(k)
		key, err := e.value(k, at)
		if err != nil {
			return nil, err
		}
		if !canBeKey(key) {
			return nil, fmt.Errorf("%s: a %s cannot cross as a key", &at, k.Type())
		}
		if m[key], err = e.value(item, at); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// canBeKey reports whether equal keys are equal as Go values, and can be
// hashed.
func canBeKey(key any) bool {
	switch key.(type) {
	case []byte, []any, map[any]any, *big.Int, time.Time:
		return false
	}
	return true
}

func (e *exporter) fields(all iter.Seq2[string, starlark.Value], p *place) (any, error) {
	m := map[any]any{}
	for name, item := range all {
		x, err := e.value(item, p.field(name))
		if err != nil {
			return nil, err
		}
		e.room -= len(name)
		m[name] = x
	}
	return m, nil
}
