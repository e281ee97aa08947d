package schema

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxListed is how many values of an enum a problem names.
const maxListed = 20

// Validate is what is wrong with the value that ptr, a pointer to t's Go type,
// points to: the first thing found, or nil. It allocates nothing for a valid
// value, unless there are maps in it. Text is not checked for more than its
// field says; that it is UTF-8 is for the codec to see.
func (t *Type) Validate(ptr any) *Problem {
	v := reflect.ValueOf(ptr)
	if v.Kind() != reflect.Pointer || v.Type().Elem() != t.Go {
		panic(fmt.Sprintf("schema: a %T was given where a pointer to %s is wanted", ptr, t.Go))
	}
	if t.Kind.beside() {
		return missing(t, v.Elem())
	}
	return t.check(v.Elem(), nil)
}

// check looks at a value of t; l may be nil.
func (t *Type) check(v reflect.Value, l *Limit) *Problem {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return &Problem{Text: "must not be null"}
		}
		v = v.Elem()
	}
	if l == nil && !t.checks {
		return nil
	}
	switch t.Kind {
	case Struct:
		return t.checkFields(v)
	case List:
		return t.checkList(v, l)
	case Map:
		return t.checkMap(v, l)
	}
	return t.checkScalar(v, l)
}

func (t *Type) checkFields(v reflect.Value) *Problem {
	for i := range t.Fields {
		f := &t.Fields[i]
		if p := f.check(v.Field(f.Index)); p != nil {
			return f.problem(p)
		}
	}
	return nil
}

func (f *Field) check(v reflect.Value) *Problem {
	if f.absent(v) {
		return nil
	}
	if f.Type.Kind.beside() {
		return f.checkBeside(v)
	}
	l := &f.Limit
	if l.none() {
		l = nil
	}
	return f.Type.check(v, l)
}

// absent reports whether the value stands for none at all.
func (f *Field) absent(v reflect.Value) bool {
	switch {
	case !f.Optional:
		return false
	case f.Omit == "omitempty" && (v.Kind() == reflect.Slice || v.Kind() == reflect.Map):
		return v.Len() == 0
	}
	return v.IsZero()
}

// problem is p seen from the struct. Where in a secret it lies is not told.
func (f *Field) problem(p *Problem) *Problem {
	if p != nil && f.Secret {
		p.Field = ""
	}
	return p.below(f.Name)
}

// missing is the problem of a file, reader or stream that is not there.
func missing(t *Type, v reflect.Value) *Problem {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &Problem{Text: "must be given: " + t.Kind.String()}
		}
	}
	return nil
}

func (t *Type) checkList(v reflect.Value, l *Limit) *Problem {
	if p := checkLength(v.Len(), l, "elements"); p != nil {
		return p
	}
	elem := elemLimit(l)
	if elem == nil && !t.checks {
		return nil
	}
	for i := range v.Len() {
		if p := t.Elem.check(v.Index(i), elem); p != nil {
			return p.below(indexStep(i))
		}
	}
	return nil
}

func (t *Type) checkMap(v reflect.Value, l *Limit) *Problem {
	if p := checkLength(v.Len(), l, "entries"); p != nil {
		return p
	}
	elem := elemLimit(l)
	if elem == nil && !t.checks {
		return nil
	}
	for it := v.MapRange(); it.Next(); {
		if p := t.Elem.check(it.Value(), elem); p != nil {
			return p.below(keyStep(it.Key().String()))
		}
	}
	return nil
}

// setChecks notes whether there is something to check in t, whose parts are
// complete. Pointers in lists and maps must not be nil.
func (t *Type) setChecks() {
	switch t.Kind {
	case Float:
		t.checks = true
	case List, Map:
		t.checks = t.Elem.checks || t.Go != nil && t.Go.Elem().Kind() == reflect.Pointer
	case Struct:
		t.checks = slices.ContainsFunc(t.Fields, func(f Field) bool {
			return f.Type.checks || f.Type.Kind.beside() || !f.Limit.none()
		})
	}
}

func elemLimit(l *Limit) *Limit {
	if l == nil || l.ready.elem == nil || l.ready.elem.none() {
		return nil
	}
	return l.ready.elem
}

func (t *Type) checkScalar(v reflect.Value, l *Limit) *Problem {
	switch t.Kind {
	case Int, Duration:
		return t.checkInt(v.Int(), l)
	case Uint:
		return t.checkUint(v.Uint(), l)
	case Float:
		return t.checkFloat(v.Float(), l)
	case String:
		return checkText(v.String(), l)
	case Bytes:
		return checkLength(v.Len(), l, "bytes")
	}
	return nil
}

func (t *Type) checkInt(n int64, l *Limit) *Problem {
	switch {
	case l == nil:
		return nil
	case l.Min != nil && n < int64(*l.Min):
		return t.tooSmall(*l.Min)
	case l.Max != nil && n > int64(*l.Max):
		return t.tooLarge(*l.Max)
	case l.ready.ints != nil && !slices.Contains(l.ready.ints, n):
		return notListed(l)
	}
	return nil
}

func (t *Type) checkUint(n uint64, l *Limit) *Problem {
	switch {
	case l == nil:
		return nil
	case l.Min != nil && n < uint64(*l.Min):
		return t.tooSmall(*l.Min)
	case l.Max != nil && n > uint64(*l.Max):
		return t.tooLarge(*l.Max)
	case l.ready.uints != nil && !slices.Contains(l.ready.uints, n):
		return notListed(l)
	}
	return nil
}

// checkFloat refuses what JSON has no number for, with any limit.
func (t *Type) checkFloat(n float64, l *Limit) *Problem {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return &Problem{Text: "must be a finite number"}
	case l == nil:
		return nil
	case l.Min != nil && n < t.rounded(*l.Min):
		return t.tooSmall(*l.Min)
	case l.Max != nil && n > t.rounded(*l.Max):
		return t.tooLarge(*l.Max)
	}
	return nil
}

// rounded is a bound as values of t are rounded: 0.1 of 32 bits is a little more
// than 0.1 of 64.
func (t *Type) rounded(n float64) float64 {
	if t.Bits == 32 {
		return float64(float32(n))
	}
	return n
}

// checkText looks at the length first: matching takes time by length.
func checkText(s string, l *Limit) *Problem {
	if l == nil {
		return nil
	}
	if l.MinLen != nil || l.MaxLen != nil {
		if p := checkLength(utf8.RuneCountInString(s), l, "characters"); p != nil {
			return p
		}
	}
	if l.ready.pattern != nil && !l.ready.pattern().MatchString(s) {
		return &Problem{Text: "must match " + l.Pattern}
	}
	if l.Enum != nil && !slices.Contains(l.Enum, s) {
		return notListed(l)
	}
	return nil
}

func checkLength(n int, l *Limit, of string) *Problem {
	switch {
	case l == nil:
		return nil
	case l.MinLen != nil && n < *l.MinLen:
		return &Problem{Text: fmt.Sprintf("must have at least %s", count(*l.MinLen, of))}
	case l.MaxLen != nil && n > *l.MaxLen:
		return &Problem{Text: fmt.Sprintf("must have at most %s", count(*l.MaxLen, of))}
	}
	return nil
}

// count is n with its unit, whose plural is given.
func count(n int, of string) string {
	if n == 1 {
		of = strings.TrimSuffix(of, "s")
		if of == "entrie" {
			of = "entry"
		}
	}
	return strconv.Itoa(n) + " " + of
}

func (t *Type) tooSmall(least float64) *Problem {
	return &Problem{Text: "must be at least " + t.number(least)}
}

func (t *Type) tooLarge(most float64) *Problem {
	return &Problem{Text: "must be at most " + t.number(most)}
}

func notListed(l *Limit) *Problem {
	listed, more := l.Enum, ""
	if len(listed) > maxListed {
		listed, more = listed[:maxListed], fmt.Sprintf(" or %d others", len(l.Enum)-maxListed)
	}
	return &Problem{Text: "must be one of " + strings.Join(listed, ", ") + more}
}
