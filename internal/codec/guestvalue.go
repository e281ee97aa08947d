package codec

import (
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Tuple is a script's value that is a tuple, not a list.
type Tuple []any

// Set is a script's value that is a set. Its elements are in no order, and may be
// such as Go cannot compare.
type Set []any

// Keywords are the arguments of a call that are given by name.
type Keywords map[string]any

// Exception is a script's exception: all of it is text.
type Exception struct {
	Type      string // its name, with its module unless that is the script or built in
	Message   string
	Traceback string // "" if it was never raised
}

// Error is the last line of what the script's language would print.
func (e *Exception) Error() string {
	if e.Message == "" {
		return e.Type
	}
	return e.Type + ": " + e.Message
}

const exceptionFields = 3

// wireException is an Exception as it crosses in a value.
type wireException struct {
	_                        struct{} `cbor:",toarray"`
	Type, Message, Traceback string
}

// valueTags are the tags of values that are types of this package.
var valueTags = func() cbor.TagSet {
	tags := cbor.NewTagSet()
	how := cbor.TagOptions{EncTag: cbor.EncTagRequired, DecTag: cbor.DecTagRequired}
	for tag, v := range map[uint64]any{tagSet: Set{}, tagTuple: Tuple{}, tagException: wireException{}} {
		if err := tags.Add(how, reflect.TypeOf(v), tag); err != nil {
			panic(err) // of constants
		}
	}
	return tags
}()

func (w *anyWalk) exception(e *Exception) error {
	if e == nil {
		return refuse("a nil exception cannot cross")
	}
	w.exceptions = true
	for _, s := range []string{e.Type, e.Message, e.Traceback} {
		if err := w.text(s); err != nil {
			return err
		}
	}
	return w.take(1)
}

// wired is a copy of v with exceptions as they cross.
func wired(v any) any {
	switch v := v.(type) {
	case *Exception:
		return wireException{Type: v.Type, Message: v.Message, Traceback: v.Traceback}
	case []any:
		return wiredList(v)
	case Tuple:
		return Tuple(wiredList(v))
	case Set:
		return Set(wiredList(v))
	case map[any]any:
		return wiredMap(v)
	case map[string]any:
		return wiredMap(v)
	}
	return v
}

func wiredList(list []any) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = wired(e)
	}
	return out
}

func wiredMap[K comparable](m map[K]any) map[K]any {
	out := make(map[K]any, len(m))
	for k, e := range m {
		out[k] = wired(e)
	}
	return out
}

// pointed is v, which was decoded, with exceptions as errors.
func pointed(v any) any {
	switch v := v.(type) {
	case wireException:
		return &Exception{v.Type, v.Message, v.Traceback}
	case []any:
		pointAll(v)
	case Tuple:
		pointAll(v)
	case Set:
		pointAll(v)
	case map[any]any:
		for k, e := range v {
			if p := pointed(e); isPointed(p) {
				v[k] = p
			}
		}
	}
	return v
}

func pointAll(list []any) {
	for i, e := range list {
		if p := pointed(e); isPointed(p) {
			list[i] = p
		}
	}
}

func isPointed(v any) bool {
	_, ok := v.(*Exception)
	return ok
}

// EncodeArgument is EncodeValue for a Go program's own values: slices, arrays, maps
// and pointers of other types cross as those of any, and values of named types as
// what they are made of.
func EncodeArgument(v any) ([]byte, error) {
	w := anyWalk{left: MaxMessage}
	v, err := w.plain(v, 0)
	if err != nil {
		return nil, fmt.Errorf("value%w", err)
	}
	return EncodeValue(v)
}

// plain is v with slices, arrays, maps and pointers of any type as those that
// EncodeValue knows, and values of named types as what they are made of. It counts
// what it makes: v may share much.
func (w *anyWalk) plain(v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool, int, int64, uint64, float64, string, []byte, *big.Int, *Exception:
		return v, nil
	case time.Time:
		if _, offset := v.Zone(); offset%60 != 0 { // RFC 3339 has no seconds in a zone
			return v.UTC(), nil
		}
		return v, nil
	}
	if depth > MaxDepth {
		return nil, errTooDeep()
	}
	r := reflect.ValueOf(v)
	switch v := v.(type) {
	case Tuple:
		list, err := w.plainList(r, depth)
		return Tuple(list), err
	case Set:
		list, err := w.plainList(r, depth)
		return Set(list), err
	case Exception:
		return &v, nil
	}
	switch r.Kind() {
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return r.Bytes(), nil
		}
		return w.plainList(r, depth)
	case reflect.Array:
		return w.plainList(r, depth)
	case reflect.Map:
		return w.plainMap(r, depth)
	case reflect.Pointer:
		if r.IsNil() {
			return nil, nil
		}
		return w.plain(r.Elem().Interface(), depth+1)
	}
	return plainScalar(r), nil
}

func (w *anyWalk) plainList(r reflect.Value, depth int) ([]any, error) {
	if err := w.take(r.Len()); err != nil {
		return nil, err
	}
	list := make([]any, r.Len())
	for i := range list {
		var err error
		if list[i], err = w.plain(r.Index(i).Interface(), depth+1); err != nil {
			return nil, below(indexStep(i), err)
		}
	}
	return list, nil
}

func (w *anyWalk) plainMap(r reflect.Value, depth int) (any, error) {
	if err := w.take(2 * r.Len()); err != nil {
		return nil, err
	}
	m := make(map[any]any, r.Len())
	for it := r.MapRange(); it.Next(); {
		k, err := w.plain(it.Key().Interface(), depth+1)
		if err == nil && k != nil && !reflect.TypeOf(k).Comparable() {
			return r.Interface(), nil // the walk will say so
		}
		if err == nil {
			m[k], err = w.plain(it.Value().Interface(), depth+1)
		}
		if err != nil {
			return nil, below(keyStep(it.Key().Interface()), err)
		}
	}
	return m, nil
}

func plainScalar(r reflect.Value) any {
	switch {
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		return r.Uint()
	case r.CanFloat():
		return r.Float()
	case r.Kind() == reflect.Bool:
		return r.Bool()
	case r.Kind() == reflect.String:
		return r.String()
	}
	return r.Interface()
}
