// Package schema describes the argument and the result of a function: names,
// docs and ranges of its fields, from Go types and their tags ([Of]), or from
// the JSON Schema that a daemon tells ([Parse], [FromJSONSchema]).
//
// From a description come the checks of a daemon ([Type.Validate]), the lines of
// its records and the results that a command prints ([Type.AppendJSON]), the
// values that a command line or JSON text sets ([Field.SetText],
// [Type.SetJSON]), and the JSON Schema that others read ([Type.JSONSchema]).
//
// The tags of a field, besides cbor (or json), which name it as they do for the
// codec:
//
//	doc:"the new host name"     what it is
//	pattern:"[a-z0-9-]{1,63}"   RE2; the whole text must match
//	min:"1" max:"65535"         of a number or a duration
//	minlen:"1" maxlen:"253"     characters of text, bytes, elements of a list or pairs of a map
//	enum:"start,stop"           the only values, of text or integers
//	default:"80"                what a command fills in, in its JSON too; the daemon never does
//	arg:"0", arg:"1..."         a positional argument of the command; the rest of them
//	secret:"true"               never recorded, never in an error
//
// All but minlen and maxlen hold for each element of a list and each value of a
// map. A field is optional when it is a pointer, or tagged omitempty or omitzero
// for the codec; its zero value means that it is absent, and is in every range.
package schema

import (
	"fmt"
	"reflect"
	"strconv"
)

const (
	// MaxDepth is how many structs, lists and maps may lie inside each other.
	MaxDepth = 16

	// MaxFields is how many fields a type may have, with those of the structs in it.
	MaxFields = 1024

	// MaxName is the length of a field's name, in bytes.
	MaxName = 64

	// MaxDoc is the length of a doc, in bytes.
	MaxDoc = 4 << 10

	// MaxPattern is the length of a pattern, in bytes.
	MaxPattern = 1 << 10

	// MaxEnum and MaxWord are how many values an enum may have, and how many
	// bytes each of them, or a default.
	MaxEnum = 256
	MaxWord = 1 << 10
)

// Kind is what a field holds.
type Kind uint8

// The kinds.
const (
	Bool Kind = iota + 1
	Int
	Uint
	Float
	String
	Bytes
	Struct
	List
	Map
	File     // an open file, beside the CBOR
	Reader   // an io.Reader, beside the CBOR
	Stream   // a typed stream, beside the CBOR
	Time     // a time.Time: RFC 3339
	Duration // a time.Duration: "1m30s", nanoseconds in CBOR
	Text     // a type with a text form of its own (encoding.TextMarshaler)
)

// String is the kind as errors and help call a value of it: "an integer".
func (k Kind) String() string {
	words := [...]string{
		Bool: "true or false", Int: "an integer", Uint: "an integer", Float: "a number", String: "text",
		Bytes: "bytes in base64", Struct: "an object", List: "a list", Map: "a map", File: "an open file",
		Reader: "a reader", Stream: "a stream", Time: "a time such as 2006-01-02T15:04:05Z",
		Duration: "a duration such as 1m30s", Text: "text",
	}
	if k == 0 || int(k) >= len(words) {
		return "nothing"
	}
	return words[k]
}

// scalar reports whether a value of the kind is one word of a command line.
func (k Kind) scalar() bool {
	return k >= Bool && k <= Bytes || k == Time || k == Duration || k == Text
}

// beside reports whether a value of the kind travels beside the CBOR.
func (k Kind) beside() bool { return k == File || k == Reader || k == Stream }

// Type is the type of an argument, a result or a part of one. It is immutable
// and safe for concurrent use.
type Type struct {
	Kind   Kind
	Go     reflect.Type // the Go type: given, or made from a JSON Schema; nil where Parse makes none
	Bits   int          // of Int, Uint and Float
	Fields []Field      // of Struct, in order of declaration
	Elem   *Type        // of List, Map and Stream; what pointers point to

	checks bool // Validate has something to look at here or below
}

// Field is a field of a struct.
type Field struct {
	Name     string // on the wire and the command line: the cbor tag's
	Index    int    // in the Go struct
	Type     *Type  // what a pointer points to, when Pointer
	Doc      string
	Optional bool
	Pointer  bool   // the Go field is a pointer: nil is absent, and null in CBOR unless Omit is set
	Omit     string // "omitempty" or "omitzero", as the codec was told
	Position int    // among the positional arguments, from 0; -1: a flag
	Rest     bool   // a list that takes all positional arguments from Position on
	Secret   bool   // never recorded or shown
	Files    string // of a File: the kinds that are taken, with commas; "" is regular files
	Default  string // what a command fills in, as text; "" is none
	Limit    Limit
}

// Limit is the range of a field's values, or of its elements'.
type Limit struct {
	Min, Max       *float64 // of numbers; of durations in nanoseconds
	MinLen, MaxLen *int     // of text in characters (code points), of bytes, of lists in elements, of maps in pairs
	Pattern        string   // a regular expression (RE2), anchored: the whole text matches
	Enum           []string // the only values, as text

	ready *matcher // made of the above by Field.prepare
}

// Field is the field of that name, or nil.
func (t *Type) Field(name string) *Field {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}

// Problem is what is wrong with a value. It never shows the value.
type Problem struct {
	Field string // its path as on the wire: "entries[2].name"; "" is the value itself
	Text  string // what it must be: "must be at least 1"
}

// String is the problem as a sentence.
func (p *Problem) String() string {
	if p.Field == "" {
		return "the value " + p.Text
	}
	return p.Field + " " + p.Text
}

// below is the problem of a part, seen from what has the part.
func (p *Problem) below(step string) *Problem {
	if p == nil {
		return nil
	}
	if p.Field != "" && p.Field[0] != '[' {
		step += "."
	}
	p.Field = step + p.Field
	return p
}

func indexStep(i int) string { return "[" + strconv.Itoa(i) + "]" }

func keyStep(key string) string { return fmt.Sprintf("[%.64q]", key) }
