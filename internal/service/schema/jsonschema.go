package schema

import (
	"bytes"
	"encoding/json"
)

// dialect is the JSON Schema that is spoken here.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// The patterns of what is text in JSON and something else in Go. That of
// base64 has no spare bits, which the strict decoder refuses.
const (
	base64Pattern   = `^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$`
	timePattern     = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`
	durationPattern = `^[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$`
)

// keywords are one schema, in the order in which they are written. The x- ones
// are this package's own: they make that FromJSONSchema gives the same type
// again, and say what JSON Schema cannot. These limits are theirs alone: the
// lengths of bytes (minLength and maxLength are those of the base64, and let up
// to two bytes more or fewer pass), and the ranges of durations.
type keywords struct {
	Schema      string `json:"$schema,omitempty"`
	Type        string `json:"type,omitempty"`
	Description string `json:"description,omitempty"`

	Properties           *properties `json:"properties,omitempty"`
	Required             []string    `json:"required,omitempty"`
	AdditionalProperties any         `json:"additionalProperties,omitempty"` // false or *keywords
	Items                *keywords   `json:"items,omitempty"`

	Minimum          json.Number       `json:"minimum,omitempty"`
	Maximum          json.Number       `json:"maximum,omitempty"`
	ExclusiveMaximum json.Number       `json:"exclusiveMaximum,omitempty"`
	MinLength        *int              `json:"minLength,omitempty"`
	MaxLength        *int              `json:"maxLength,omitempty"`
	MinItems         *int              `json:"minItems,omitempty"`
	MaxItems         *int              `json:"maxItems,omitempty"`
	MinProperties    *int              `json:"minProperties,omitempty"`
	MaxProperties    *int              `json:"maxProperties,omitempty"`
	Pattern          string            `json:"pattern,omitempty"`
	Enum             []json.RawMessage `json:"enum,omitempty"`
	Default          json.RawMessage   `json:"default,omitempty"`
	Format           string            `json:"format,omitempty"`
	ContentEncoding  string            `json:"contentEncoding,omitempty"`
	WriteOnly        bool              `json:"writeOnly,omitempty"`

	Arg      string `json:"x-arg,omitempty"`      // as the tag
	Bits     int    `json:"x-bits,omitempty"`     // of integers and numbers
	Unsigned bool   `json:"x-unsigned,omitempty"` // of integers
	Beside   string `json:"x-beside,omitempty"`   // "file", "reader" or "stream": no JSON, it travels beside
	Files    string `json:"x-files,omitempty"`    // of files: the kinds that are taken
	Form     string `json:"x-form,omitempty"`     // of text: "duration", or "own" of a Go type that has one
	Min      string `json:"x-min,omitempty"`      // of durations
	Max      string `json:"x-max,omitempty"`
	MinBytes *int   `json:"x-minlen,omitempty"` // of bytes, before base64
	MaxBytes *int   `json:"x-maxlen,omitempty"`
	Pointer  bool   `json:"x-pointer,omitempty"` // how Go has an optional field
	Omit     string `json:"x-omit,omitempty"`
}

// properties are the fields of a struct, in their order.
type properties struct {
	names   []string
	schemas []*keywords
}

// MarshalJSON keeps the order.
func (p *properties) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, name := range p.names {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(compact(name))
		buf.WriteByte(':')
		buf.Write(compact(p.schemas[i]))
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// compact is the JSON of what always has one, without escapes for HTML.
func compact(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// JSONSchema is the type as a JSON Schema of draft 2020-12, in one line: the
// same text for the same type. FromJSONSchema reads it. A document that it
// refuses is refused by SetJSON too, unless it lacks a field that has a default:
// that a call must have the field, the schema says as well. One that it takes is
// refused by SetJSON only for a range that JSON Schema cannot tell.
func (t *Type) JSONSchema() []byte {
	k := t.keywords(&Limit{})
	k.Schema = dialect
	return compact(k)
}

// keywords describe a value of t within l.
func (t *Type) keywords(l *Limit) *keywords {
	switch t.Kind {
	case Bool:
		return &keywords{Type: "boolean"}
	case Int, Uint, Float:
		return t.numberKeywords(l)
	case Struct:
		return t.objectKeywords()
	case List:
		return &keywords{Type: "array", Items: t.Elem.keywords(t.elemLimit(l)), MinItems: l.MinLen, MaxItems: l.MaxLen}
	case Map:
		return &keywords{
			Type: "object", AdditionalProperties: t.Elem.keywords(t.elemLimit(l)),
			MinProperties: l.MinLen, MaxProperties: l.MaxLen,
		}
	case File:
		return &keywords{Type: "string", Beside: "file"}
	case Reader:
		return &keywords{Type: "string", Beside: "reader"}
	case Stream:
		return &keywords{Type: "array", Items: t.Elem.keywords(&Limit{}), Beside: "stream"}
	}
	return t.textKeywords(l)
}

// elemLimit is elemLimit, and never nil.
func (t *Type) elemLimit(l *Limit) *Limit {
	if l.none() {
		return &Limit{}
	}
	if elem := elemLimit(l); elem != nil {
		return elem
	}
	return &Limit{}
}

// textKeywords describe what is a string in JSON.
func (t *Type) textKeywords(l *Limit) *keywords {
	k := &keywords{Type: "string"}
	switch t.Kind {
	case Bytes:
		k.ContentEncoding, k.Pattern = "base64", base64Pattern
		k.MinBytes, k.MaxBytes = l.MinLen, l.MaxLen
		k.MinLength, k.MaxLength = encodedLength(l.MinLen), encodedLength(l.MaxLen)
	case Time:
		k.Format, k.Pattern = "date-time", timePattern
	case Duration:
		k.Form, k.Pattern = "duration", durationPattern
		k.Min, k.Max = t.optional(l.Min), t.optional(l.Max)
	case Text:
		k.Form = "own"
	default:
		k.Pattern, k.MinLength, k.MaxLength = l.Pattern, l.MinLen, l.MaxLen
		k.Enum = t.enum(l)
	}
	return k
}

// encodedLength is how many characters of base64 n bytes are.
func encodedLength(n *int) *int {
	if n == nil {
		return nil
	}
	chars := (*n + 2) / 3 * 4
	return &chars
}

// optional is a bound as text, "" for none.
func (t *Type) optional(n *float64) string {
	if n == nil {
		return ""
	}
	return t.number(*n)
}

// numberKeywords tell the range of the type where the field has none of its
// own.
func (t *Type) numberKeywords(l *Limit) *keywords {
	k := &keywords{Type: "integer", Bits: t.Bits, Unsigned: t.Kind == Uint, Enum: t.enum(l)}
	if t.Kind == Float {
		k.Type = "number"
	}
	k.Minimum, k.Maximum = json.Number(t.optional(l.Min)), json.Number(t.optional(l.Max))
	if t.Kind == Float && t.Bits == 64 {
		return k
	}
	least, most := t.natural()
	if k.Minimum == "" {
		k.Minimum = json.Number(t.number(least))
	}
	switch {
	case k.Maximum != "":
	case t.Kind != Float && t.Bits == 64:
		k.ExclusiveMaximum = json.Number(t.number(most))
	default:
		k.Maximum = json.Number(t.number(most))
	}
	return k
}

// enum is the values as JSON.
func (t *Type) enum(l *Limit) []json.RawMessage {
	var list []json.RawMessage
	for _, word := range l.Enum {
		list = append(list, t.literal(word))
	}
	return list
}

// literal is the JSON of a simple value that is given as canonical text.
func (t *Type) literal(text string) json.RawMessage {
	switch t.Kind {
	case Bool, Int, Uint, Float:
		return json.RawMessage(text)
	}
	return compact(text)
}

func (t *Type) objectKeywords() *keywords {
	k := &keywords{Type: "object", Properties: &properties{}, AdditionalProperties: false}
	for i := range t.Fields {
		f := &t.Fields[i]
		k.Properties.names = append(k.Properties.names, f.Name)
		k.Properties.schemas = append(k.Properties.schemas, f.keywords())
		if !f.Optional {
			k.Required = append(k.Required, f.Name)
		}
	}
	return k
}

func (f *Field) keywords() *keywords {
	k := f.Type.keywords(&f.Limit)
	k.Description, k.WriteOnly, k.Arg = f.Doc, f.Secret, f.position()
	k.Pointer, k.Omit, k.Files = f.Pointer, f.Omit, f.Files
	if f.Default != "" {
		k.Default = f.Type.literal(f.Default)
	}
	return k
}
