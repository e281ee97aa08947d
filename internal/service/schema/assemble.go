package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"time"
)

// leaf is the type of a value without parts.
func (r *reading) leaf() (*Type, error) {
	switch r.Type {
	case "boolean":
		return basic(reflect.TypeFor[bool]()), nil
	case "integer", "number":
		return r.numeric()
	case "string":
		return r.textual()
	case "":
		return nil, errors.New("it has no type")
	}
	return nil, fmt.Errorf("the type %.40q is none that describes a value here", r.Type)
}

func (r *reading) numeric() (*Type, error) {
	name := "int"
	switch {
	case r.Type == "number":
		name = "float"
	case r.Unsigned:
		name = "uint"
	}
	bits := r.Bits
	if bits == 0 {
		bits = 64
	}
	t, ok := map[string]reflect.Type{
		"int8": reflect.TypeFor[int8](), "int16": reflect.TypeFor[int16](), "int32": reflect.TypeFor[int32](), "int64": reflect.TypeFor[int64](),
		"uint8": reflect.TypeFor[uint8](), "uint16": reflect.TypeFor[uint16](), "uint32": reflect.TypeFor[uint32](), "uint64": reflect.TypeFor[uint64](),
		"float32": reflect.TypeFor[float32](), "float64": reflect.TypeFor[float64](),
	}[name+strconv.Itoa(bits)]
	if !ok {
		return nil, fmt.Errorf("x-bits: there is no %s of %d bits", r.Type, r.Bits)
	}
	return basic(t), nil
}

// textual is the type of what is a string in JSON.
func (r *reading) textual() (*Type, error) {
	switch form := r.Beside + r.Form + r.ContentEncoding + r.Format; form {
	case "":
		return basic(reflect.TypeFor[string]()), nil
	case "base64":
		return basic(reflect.TypeFor[[]byte]()), r.takePattern(base64Pattern)
	case "date-time":
		return &Type{Kind: Time, Go: reflect.TypeFor[time.Time]()}, r.takePattern(timePattern)
	case "duration":
		return &Type{Kind: Duration, Go: reflect.TypeFor[time.Duration]()}, r.takePattern(durationPattern)
	case "own":
		return &Type{Kind: Text, Go: reflect.TypeFor[string]()}, nil
	case "file":
		return &Type{Kind: File, Go: reflect.TypeFor[*os.File]()}, nil
	case "reader":
		return &Type{Kind: Reader, Go: reflect.TypeFor[io.Reader]()}, nil
	default:
		return nil, fmt.Errorf("text of the form %.40q is not known here", form)
	}
}

// takePattern removes the pattern that tells others what the form tells here.
func (r *reading) takePattern(own string) error {
	if r.Pattern != "" && r.Pattern != own {
		return errors.New("pattern: bytes, times and durations have none of their own")
	}
	r.Pattern = ""
	return nil
}

// field is all that r says of a value of t.
func (r *reading) field(t *Type) (*Field, error) {
	f := &Field{Type: t, Doc: r.Description, Secret: r.WriteOnly, Position: -1, Pointer: r.Pointer, Omit: r.Omit, Limit: r.elem}
	if err := f.readFiles(r.Files); err != nil {
		return nil, err
	}
	if r.Omit != "" && r.Omit != "omitempty" && r.Omit != "omitzero" {
		return nil, fmt.Errorf("x-omit: %.40q is no way to leave a field out", r.Omit)
	}
	if r.Arg != "" {
		if err := f.readPosition(r.Arg); err != nil {
			return nil, fmt.Errorf("x-arg: %w", err)
		}
	}
	if err := r.lengths(f); err != nil {
		return nil, err
	}
	if err := r.bounds(f); err != nil {
		return nil, err
	}
	if r.Pattern != "" {
		var err error
		if f.Limit.Pattern, err = anchored(r.Pattern); err != nil {
			return nil, fmt.Errorf("pattern: %w", err)
		}
	}
	return f, r.literals(f)
}

// lengths are told by another keyword for each kind.
func (r *reading) lengths(f *Field) error {
	own := [][2]**int{
		{&r.MinLength, &r.MaxLength}, {&r.MinItems, &r.MaxItems}, {&r.MinProperties, &r.MaxProperties}, {&r.MinBytes, &r.MaxBytes},
	}
	nth := map[Kind]int{String: 0, List: 1, Map: 2, Bytes: 3}
	if f.Type.Kind == Bytes {
		if !sameLength(r.MinLength, encodedLength(r.MinBytes)) || !sameLength(r.MaxLength, encodedLength(r.MaxBytes)) {
			return errors.New("minLength and maxLength of bytes must be those that x-minlen and x-maxlen make in base64")
		}
		r.MinLength, r.MaxLength = nil, nil
	}
	if i, ok := nth[f.Type.Kind]; ok {
		f.Limit.MinLen, f.Limit.MaxLen = *own[i][0], *own[i][1]
		*own[i][0], *own[i][1] = nil, nil
	}
	for _, pair := range own {
		if *pair[0] != nil || *pair[1] != nil {
			return fmt.Errorf("it has a length that is not for %s", f.Type.Kind)
		}
	}
	return nil
}

func sameLength(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

// bounds are numbers, or texts of durations.
func (r *reading) bounds(f *Field) (err error) {
	if k := f.Type.Kind; k == List || k == Map {
		if r.Minimum+r.Maximum+r.ExclusiveMaximum != "" || r.Min+r.Max != "" {
			return errors.New("a list or map has no range: its elements have")
		}
		return nil
	}
	least, most := string(r.Minimum), string(r.Maximum)
	if f.Type.Kind == Duration {
		least, most, r.Min, r.Max = r.Min, r.Max, least, most
	}
	if r.Min+r.Max != "" {
		return errors.New("durations have x-min and x-max, and other numbers minimum and maximum")
	}
	if r.ExclusiveMaximum != "" {
		if _, natural := f.Type.natural(); most != "" || r.ExclusiveMaximum != json.Number(f.Type.number(natural)) || f.Type.Bits != 64 {
			return errors.New("exclusiveMaximum can only be the end of 64 bits: use maximum")
		}
	}
	naturalLeast, naturalMost := f.Type.natural()
	if f.Limit.Min, err = f.readBound(least, naturalLeast); err != nil {
		return fmt.Errorf("minimum: %w", err)
	}
	if f.Limit.Max, err = f.readBound(most, naturalMost); err != nil {
		return fmt.Errorf("maximum: %w", err)
	}
	return nil
}

// readBound reads a bound, nil for none or that of the type itself.
func (f *Field) readBound(text string, natural float64) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := f.bound(text)
	if err != nil {
		return nil, err
	}
	return f.Type.bound(n, natural)
}

// literals are the enum and the default, as text.
func (r *reading) literals(f *Field) (err error) {
	if r.def != nil {
		if f.Default, err = f.Type.word(r.def); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	if r.enum == nil {
		return nil
	}
	if r.enum.kind != '[' || len(r.enum.parts) == 0 || len(r.enum.parts) > MaxEnum {
		return fmt.Errorf("enum: it must be a list of 1 to %d values", MaxEnum)
	}
	for i := range r.enum.parts {
		text, err := f.Type.word(&r.enum.parts[i])
		if err != nil {
			return fmt.Errorf("enum: %w", err)
		}
		f.Limit.Enum = append(f.Limit.Enum, text)
	}
	return nil
}

// word is the text of a simple value of t.
func (t *Type) word(n *tree) (string, error) {
	switch {
	case !t.Kind.scalar() || t.Kind == Bool && n.kind != 't' || n.text == "":
	case (t.Kind == Int || t.Kind == Uint) && n.kind == '0':
		if text, ok := integer(n.text); ok {
			return text, nil
		}
	case t.Kind == Bool, t.Kind == Float && n.kind == '0':
		return n.text, nil
	case t.Kind != Int && t.Kind != Uint && t.Kind != Float && n.kind == '"':
		return n.text, nil
	}
	return "", fmt.Errorf("it must be %s, and not empty, not %s", t.Kind, n)
}
