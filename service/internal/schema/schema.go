// Package schema describes the argument and the result of a function: names,
// docs and ranges of its fields, from Go types and their tags, or from the JSON
// Schema that a daemon tells.
package schema

import "reflect"

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
	File   // an open file, beside the CBOR
	Reader // an io.Reader, beside the CBOR
	Stream // a typed stream, beside the CBOR
)

// Type is the type of an argument, a result or a part of one. It is immutable
// and safe for concurrent use.
type Type struct {
	Kind   Kind
	Go     reflect.Type // the Go type: given, or made from a JSON Schema
	Bits   int          // of Int, Uint and Float
	Fields []Field      // of Struct, in order of declaration
	Elem   *Type        // of List, Map and Stream
}

// Field is a field of a struct.
type Field struct {
	Name     string // on the wire and the command line: the cbor tag's
	Index    int    // in the Go struct
	Type     *Type
	Doc      string
	Optional bool
	Position int    // among the positional arguments, from 0; -1: a flag
	Rest     bool   // a list that takes all positional arguments from Position on
	Secret   bool   // never recorded or shown
	Default  string // what a command fills in; "" is none
	Limit    Limit
}

// Limit is the range of a field's values, or of its elements'.
type Limit struct {
	Min, Max       *float64 // of numbers
	MinLen, MaxLen *int     // of strings and bytes, in bytes; of lists and maps, in elements
	Pattern        string   // a regular expression (RE2) that a string must match whole
	Enum           []string // the only values, as text
}
