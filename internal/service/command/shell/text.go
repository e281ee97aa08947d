package shell

import (
	"encoding"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// text is a value as people read it, in one piece. That of a list or map is on
// one line, unless its strings are not.
func text(t *schema.Type, v reflect.Value) string {
	v = deref(v)
	if !v.IsValid() {
		return ""
	}
	switch t.Kind {
	case schema.Struct:
		return strings.Join(pairs(t, v), " ")
	case schema.List:
		return strings.Join(elements(t, v, separable), ", ")
	case schema.Map:
		return strings.Join(entries(t, v, separable), ", ")
	case schema.Bytes:
		return bytesText(v)
	case schema.Duration:
		return time.Duration(v.Int()).String()
	}
	return scalar(v)
}

// deref is what v points to; the zero Value when that is nothing.
func deref(v reflect.Value) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	return v
}

func scalar(v reflect.Value) string {
	m, ok := v.Interface().(encoding.TextMarshaler)
	if !ok && v.CanAddr() {
		m, ok = v.Addr().Interface().(encoding.TextMarshaler)
	}
	if ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	switch {
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	}
	return fmt.Sprint(v.Interface()) // a bool or a string
}

// bytesText is bytes as they are when they are text, else in hexadecimal.
func bytesText(v reflect.Value) string {
	b := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(b), v)
	if utf8.Valid(b) && !strings.ContainsFunc(string(b), isControl) {
		return string(b)
	}
	return hex.EncodeToString(b)
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// elements are those of a list, each as show has it.
func elements(t *schema.Type, v reflect.Value, show func(*schema.Type, reflect.Value) string) []string {
	out := make([]string, v.Len())
	for i := range out {
		out[i] = show(t.Elem, v.Index(i))
	}
	return out
}

// separable is text that can be told from what commas and spaces separate it
// from: in quotes where it must be.
func separable(t *schema.Type, v reflect.Value) string {
	s := text(t, v)
	if t.Kind == schema.String || t.Kind == schema.Text || t.Kind == schema.Bytes {
		if s == "" || strings.ContainsAny(s, " ,\"") {
			return strconv.Quote(s)
		}
	}
	return s
}

// entries are those of a map, sorted, their values as show has them.
func entries(t *schema.Type, v reflect.Value, show func(*schema.Type, reflect.Value) string) []string {
	out := make(map[string]string, v.Len())
	for it := v.MapRange(); it.Next(); {
		out[scalar(it.Key())] = show(t.Elem, it.Value())
	}
	list := make([]string, 0, len(out))
	for _, key := range slices.Sorted(maps.Keys(out)) {
		list = append(list, key+"="+out[key])
	}
	return list
}

// pairs are the fields of a struct that hold something; of a struct with one
// field, its value.
func pairs(t *schema.Type, v reflect.Value) []string {
	if len(t.Fields) == 1 {
		return []string{text(t.Fields[0].Type, v.Field(t.Fields[0].Index))}
	}
	var out []string
	for i := range t.Fields {
		f := &t.Fields[i]
		if x := deref(v.Field(f.Index)); x.IsValid() && !flows(f.Type) {
			out = append(out, f.Name+"="+text(f.Type, x))
		}
	}
	return out
}
