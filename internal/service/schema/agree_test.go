package schema

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/outwork-go/outwork/internal/codec"
)

// agreed is a type without the ranges that JSON Schema cannot tell.
type agreed struct {
	Name   string            `cbor:"name" pattern:"[a-zé]{1,9}" minlen:"2" maxlen:"5"`
	Kind   string            `cbor:"kind,omitempty" enum:"a,b"`
	Small  int8              `cbor:"small,omitempty" min:"-5"`
	Large  int64             `cbor:"large,omitempty"`
	Port   uint16            `cbor:"port,omitempty" min:"1" max:"1024"`
	Big    uint64            `cbor:"big,omitempty" enum:"9007199254740992,7"`
	Ratio  float32           `cbor:"ratio,omitempty" max:"0.9"`
	Exact  float64           `cbor:"exact,omitempty"`
	Flag   *bool             `cbor:"flag,omitempty"`
	Key    []byte            `cbor:"key,omitempty"`
	List   []string          `cbor:"list,omitempty" pattern:"[a-z]*" minlen:"1" maxlen:"2"`
	Inner  *entry            `cbor:"inner,omitempty"`
	Labels map[string]uint32 `cbor:"labels,omitempty" max:"9" maxlen:"2"`
	Many   []entry           `cbor:"many,omitempty"`
}

// instance is JSON as the library wants it, with integers exact. It is false
// for numbers beyond what it was made for.
func instance(n *tree) (any, bool) {
	switch n.kind {
	case '{':
		m := map[string]any{}
		for i, key := range n.keys {
			v, ok := instance(&n.parts[i])
			if m[key] = v; !ok {
				return nil, false
			}
		}
		return m, true
	case '[':
		list := []any{}
		for i := range n.parts {
			v, ok := instance(&n.parts[i])
			if list = append(list, v); !ok {
				return nil, false
			}
		}
		return list, true
	case '"':
		return n.text, true
	case 't':
		return n.text == "true", true
	case '0':
		return number(n.text)
	}
	return nil, true
}

func number(text string) (any, bool) {
	if whole, ok := integer(text); ok {
		if i, err := strconv.ParseInt(whole, 10, 64); err == nil {
			return i, true
		}
		if u, err := strconv.ParseUint(whole, 10, 64); err == nil {
			return u, true
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && (f != float64(int64(f)) || f > 1e19 || f < -1e19) // not rounded to an integer
}

// agree compares what the library says of a document with what we do, and what
// the other end of a call would.
func agree(t *testing.T, typ *Type, lib *jsonschema.Resolved, doc []byte) {
	t.Helper()
	n, err := parseTree(doc)
	if err != nil {
		return
	}
	v, ok := instance(n)
	if !ok || strings.Contains(string(doc), `\u`) {
		return
	}
	theirs := lib.Validate(v)
	value := reflect.New(typ.Go)
	ours := typ.SetJSON(value.Interface(), doc)
	if (theirs == nil) != (ours == nil) {
		t.Fatalf("%s\nthe library says %v\nwe say %v", doc, theirs, ours)
	}
	if ours == nil {
		crosses(t, typ, value.Interface())
	}
}

// crosses checks that a value passes Validate, here and where it is decoded.
func crosses(t *testing.T, typ *Type, value any) {
	t.Helper()
	plan, err := codec.PlanOf(typ.Go)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := plan.Append(&buf, value, false); err != nil {
		t.Fatal(err)
	}
	back := reflect.New(typ.Go).Interface()
	if _, err := plan.Decode(buf.Bytes(), back, false); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{value, back} {
		if p := typ.Validate(v); p != nil {
			t.Fatalf("%s: %v", typ.AppendJSON(nil, v, InFull), p)
		}
	}
}

var documents = []string{
	`{}`, `{"name":"ab"}`, `{"name":"é1"}`, `{"name":"ééééé"}`, `{"name":"éééééé"}`, `{"name":"a"}`, `{"name":"ab\n"}`,
	`{"name":1}`, `{"name":null}`, `{"name":"ab","x":1}`, `{"Name":"ab"}`, `[]`, `null`, `"x"`, `3`,
	`{"name":"ab","kind":"a"}`, `{"name":"ab","kind":""}`, `{"name":"ab","kind":"c"}`,
	`{"name":"ab","small":-5}`, `{"name":"ab","small":-6}`, `{"name":"ab","small":127}`, `{"name":"ab","small":128}`,
	`{"name":"ab","small":1.0}`, `{"name":"ab","small":1e1}`, `{"name":"ab","small":1.5}`, `{"name":"ab","small":"1"}`,
	`{"name":"ab","large":9223372036854775807}`, `{"name":"ab","large":9223372036854775808}`,
	`{"name":"ab","large":-9223372036854775808}`, `{"name":"ab","large":-9223372036854775809}`,
	`{"name":"ab","port":0}`, `{"name":"ab","port":1024}`, `{"name":"ab","port":1025}`,
	`{"name":"ab","big":9007199254740992}`, `{"name":"ab","big":9007199254740993}`, `{"name":"ab","big":7}`,
	`{"name":"ab","ratio":0.9}`, `{"name":"ab","ratio":0.90000001}`, `{"name":"ab","ratio":-3.4028235e38}`,
	`{"name":"ab","ratio":-3.5e38}`, `{"name":"ab","exact":1e308}`, `{"name":"ab","exact":-0}`,
	`{"name":"ab","flag":true}`, `{"name":"ab","flag":null}`, `{"name":"ab","flag":0}`,
	`{"name":"ab","key":"YWJj"}`, `{"name":"ab","key":"YQ=="}`, `{"name":"ab","key":"YR=="}`, `{"name":"ab","key":"YWI="}`,
	`{"name":"ab","key":"YW"}`, `{"name":"ab","key":"YWJj\n"}`, `{"name":"ab","key":""}`, `{"name":"ab","key":"="}`,
	`{"name":"ab","list":[]}`, `{"name":"ab","list":["a","b"]}`, `{"name":"ab","list":["a","b","c"]}`, `{"name":"ab","list":["A"]}`,
	`{"name":"ab","inner":{}}`, `{"name":"ab","inner":{"name":"a"}}`, `{"name":"ab","inner":{"name":"a","token":"123456789"}}`,
	`{"name":"ab","labels":{"a":1,"b":9}}`, `{"name":"ab","labels":{"a":10}}`, `{"name":"ab","labels":{"a":1,"b":1,"c":1}}`,
	`{"name":"ab","labels":{"":0}}`, `{"name":"ab","labels":[]}`, `{"name":"ab","many":[{"name":"a"},{"name":""}]}`, `{"name":"ab","many":[]}`,
}

// The library's verdict on a document is ours, for the Go type as for the one
// that is made from the JSON Schema.
func TestAgreesWithJSONSchema(t *testing.T) {
	typ := mustOf[agreed](t)
	made, err := FromJSONSchema(typ.JSONSchema())
	if err != nil {
		t.Fatal(err)
	}
	lib := resolved(t, typ)
	for _, doc := range documents {
		agree(t, typ, lib, []byte(doc))
		agree(t, made, lib, []byte(doc))
	}
}

func FuzzAgreesWithJSONSchema(f *testing.F) {
	typ := mustOf[agreed](f)
	lib := resolved(f, typ)
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { agree(t, typ, lib, doc) })
}

// A schema from anywhere is refused or makes a type that is the same when it is
// written and read again, that the codec takes, and that the library reads.
func FuzzFromJSONSchema(f *testing.F) {
	for _, typ := range described(f) {
		f.Add(typ.JSONSchema(), []byte(`{}`))
	}
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":"string","minLength":1,"x-arg":"0"}}}`), []byte(`{"a":"b"}`))
	f.Fuzz(func(t *testing.T, text, doc []byte) {
		typ, err := FromJSONSchema(text)
		if err != nil {
			return
		}
		written := typ.JSONSchema()
		again, err := Parse(written)
		if err != nil || !reflect.DeepEqual(strip(again), strip(typ)) {
			t.Fatalf("%s\n%v\n%s", text, err, written)
		}
		var s jsonschema.Schema
		if err := json.Unmarshal(written, &s); err != nil {
			t.Fatal(err)
		}
		v := reflect.New(typ.Go).Interface()
		if p := typ.SetJSON(v, doc); p == nil {
			crossesUnlessFiles(t, typ, v)
		}
	})
}

func crossesUnlessFiles(t *testing.T, typ *Type, v any) {
	for _, f := range typ.Fields {
		if f.Type.Kind.beside() {
			return
		}
	}
	crosses(t, typ, v)
}
