package schema

import (
	"encoding"
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Value is the field of the struct that ptr points to, ready to be set: a
// pointer in it is made first.
func (f *Field) Value(ptr any) reflect.Value {
	return f.in(reflect.ValueOf(ptr).Elem())
}

func (f *Field) in(v reflect.Value) reflect.Value {
	v = v.Field(f.Index)
	if !f.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return v.Elem()
}

// SetText sets the field of the struct that ptr points to from a word of a
// command line, and checks its range. A word is added to a list; "key=word" is
// added to a map; structs are JSON objects, also in lists and maps. Bytes are
// base64. Integers may be written as 0x1f, 0o755 or 0b1. A file has no text: the
// command opens it and sets Value.
func (f *Field) SetText(ptr any, text string) *Problem {
	v := f.Value(ptr)
	if !utf8.ValidString(text) {
		p := &Problem{Text: "must be UTF-8"}
		if f.Type.Kind == List {
			p = p.below(indexStep(v.Len()))
		}
		return f.problem(p)
	}
	var p *Problem
	switch f.Type.Kind {
	case List:
		p = f.appendText(v, text)
	case Map:
		p = f.putText(v, text)
	default:
		if p = f.Type.setWord(v, text); p == nil {
			p = f.Type.check(v, &f.Limit)
		}
	}
	return f.problem(p)
}

// appendText adds an element. How many there must be is for Validate to see.
func (f *Field) appendText(v reflect.Value, text string) *Problem {
	elem, p := f.Type.newElem(text, &f.Limit)
	if p != nil {
		return p.below(indexStep(v.Len()))
	}
	v.Set(reflect.Append(v, elem))
	if most := f.Limit.MaxLen; most != nil && v.Len() > *most {
		return checkLength(v.Len(), &Limit{MaxLen: most}, "elements")
	}
	return nil
}

func (f *Field) putText(v reflect.Value, text string) *Problem {
	key, word, ok := strings.Cut(text, "=")
	if !ok {
		return &Problem{Text: "must be given as key=value"}
	}
	if v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key())).IsValid() {
		return (&Problem{Text: "is given twice"}).below(keyStep(key))
	}
	elem, p := f.Type.newElem(word, &f.Limit)
	if p != nil {
		return p.below(keyStep(key))
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
	return nil
}

// newElem makes an element of the list or map t, which may be a pointer.
func (t *Type) newElem(text string, l *Limit) (reflect.Value, *Problem) {
	elem := reflect.New(t.Go.Elem()).Elem()
	v := elem
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	p := t.Elem.setWord(v, text)
	if p == nil {
		p = t.Elem.check(v, elemLimit(l))
	}
	return elem, p
}

// setWord sets a simple value from its text, and others from JSON.
func (t *Type) setWord(v reflect.Value, text string) *Problem {
	if t.Kind.scalar() {
		return t.setText(v, text)
	}
	if t.Kind.beside() {
		return &Problem{Text: "must be " + t.Kind.String() + ", which no text can be"}
	}
	tree, err := parseTree([]byte(text))
	if err != nil {
		return &Problem{Text: "must be " + t.Kind.String() + " in JSON: " + err.Error()}
	}
	return t.set(v, tree, nil)
}

// setText sets a simple value. The ranges of fields are not looked at.
func (t *Type) setText(v reflect.Value, text string) *Problem {
	switch t.Kind {
	case Bool:
		return t.setBool(v, text)
	case Int:
		return t.setInt(v, text, 0)
	case Uint:
		return t.setUint(v, text, 0)
	case Float:
		return t.setFloat(v, text, nil)
	case String:
		v.SetString(text)
		return nil
	case Bytes:
		return t.setBytes(v, text)
	case Time:
		return t.setTime(v, text)
	case Duration:
		return t.setDuration(v, text)
	}
	return t.setOwnText(v, text)
}

func (t *Type) wanted() *Problem { return &Problem{Text: "must be " + t.Kind.String()} }

func (t *Type) setBool(v reflect.Value, text string) *Problem {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return t.wanted()
	}
	v.SetBool(b)
	return nil
}

// setInt reads an integer in the base given; 0 goes by its prefix, and refuses
// the zero in front that is octal to some and decimal to others.
func (t *Type) setInt(v reflect.Value, text string, base int) *Problem {
	n, err := strconv.ParseInt(text, base, t.Bits)
	if err != nil || base == 0 && ambiguous(text) {
		return t.notInteger(text, err)
	}
	v.SetInt(n)
	return nil
}

func (t *Type) setUint(v reflect.Value, text string, base int) *Problem {
	n, err := strconv.ParseUint(text, base, t.Bits)
	if err != nil || base == 0 && ambiguous(text) {
		return t.notInteger(text, err)
	}
	v.SetUint(n)
	return nil
}

func ambiguous(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' || strings.Contains(text, "_")
}

// notInteger tells what is out of range from what is no number at all.
func (t *Type) notInteger(text string, err error) *Problem {
	least, most := t.natural()
	n, numErr := strconv.ParseFloat(text, 64)
	switch {
	case err == nil:
		return &Problem{Text: "must be an integer without a zero in front: 0o755 is octal"}
	case numErr != nil || n != math.Trunc(n):
		return t.wanted()
	case n < least:
		return t.tooSmall(least)
	}
	return &Problem{Text: "must be at most " + t.largest(most)}
}

// largest is the upper end of a type's own range, which of 64 bits no float64
// is.
func (t *Type) largest(most float64) string {
	switch {
	case t.Bits == 64 && t.Kind == Uint:
		return strconv.FormatUint(math.MaxUint64, 10)
	case t.Bits == 64 && t.Kind == Int:
		return strconv.FormatInt(math.MaxInt64, 10)
	}
	return t.number(most)
}

// setFloat checks the range also before the number is rounded to 32 bits, as
// those do who go by the JSON Schema.
func (t *Type) setFloat(v reflect.Value, text string, l *Limit) *Problem {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return t.wanted()
	}
	least, most := t.natural()
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return t.checkFloat(n, nil)
	case n < least || n > most:
		return &Problem{Text: "must fit a float of 32 bits"}
	case l != nil && l.Min != nil && n < *l.Min:
		return t.tooSmall(*l.Min)
	case l != nil && l.Max != nil && n > *l.Max:
		return t.tooLarge(*l.Max)
	}
	v.SetFloat(n)
	return nil
}

func (t *Type) setBytes(v reflect.Value, text string) *Problem {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return t.wanted()
	}
	v.SetBytes(b)
	return nil
}

func (t *Type) setTime(v reflect.Value, text string) *Problem {
	var at time.Time
	if at.UnmarshalText([]byte(text)) != nil {
		return t.wanted()
	}
	v.Set(reflect.ValueOf(at))
	return nil
}

func (t *Type) setDuration(v reflect.Value, text string) *Problem {
	d, err := time.ParseDuration(text)
	if err != nil {
		return t.wanted()
	}
	v.SetInt(int64(d))
	return nil
}

// setOwnText sets a type that reads its own text. What it says of a text that
// it refuses could show it, and is not told.
func (t *Type) setOwnText(v reflect.Value, text string) *Problem {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if u.UnmarshalText([]byte(text)) != nil {
			return &Problem{Text: "must be the text of a " + typeName(t.Go)}
		}
		return nil
	}
	v.SetString(text) // made from a JSON Schema
	return nil
}
