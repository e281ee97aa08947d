package schema

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/outwork-go/outwork/internal/codec"
)

// described are the types of these tests.
func described(t testing.TB) map[string]*Type {
	return map[string]*Type{
		"everything": mustOf[everything](t),
		"withFile":   mustOf[withFile](t),
		"empty":      mustOf[struct{}](t),
		"entries":    mustOf[[]entry](t),
		"text":       mustOf[string](t),
		"durations":  mustOf[map[string]time.Duration](t),
		"file":       mustOf[*os.File](t),
		"reader":     mustOf[struct{ Body io.ReadCloser }](t),
		"number":     mustOf[int32](t),
		"large":      mustOf[uint64](t),
		"numbers":    mustOf[map[string][]float32](t),
		"grids":      mustOf[struct{ A [][]int32 }](t),
		"IPs":        mustOf[[]net.IP](t),
		"ints": mustOf[struct {
			A int8 `max:"5"`
			B int16
			C int32 `min:"-5"`
			D int64 `enum:"9223372036854775807,1"`
			E uint8
			F uint32
			G []uint64 `enum:"18446744073709551615,2"`
			H float32
		}](t),
	}
}

// strip removes what a JSON Schema does not have, so that types compare.
func strip(t *Type) *Type {
	if t == nil {
		return nil
	}
	plain := &Type{Kind: t.Kind, Bits: t.Bits, Elem: strip(t.Elem)}
	for _, f := range t.Fields {
		f.Type, f.Index, f.Limit.ready = strip(f.Type), 0, nil
		plain.Fields = append(plain.Fields, f)
	}
	return plain
}

func TestRoundTrip(t *testing.T) {
	for name, typ := range described(t) {
		text := typ.JSONSchema()
		back, err := FromJSONSchema(text)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		if !reflect.DeepEqual(strip(back), strip(typ)) {
			t.Errorf("%s is another type than\n%s", back.JSONSchema(), text)
		}
		if again := back.JSONSchema(); !bytes.Equal(again, text) {
			t.Errorf("%s: %s\nwas  %s", name, again, text)
		}
		shown, err := Parse(text)
		if err != nil || !reflect.DeepEqual(strip(shown), strip(typ)) {
			t.Errorf("%s: Parse gives another type, %v", name, err)
		}
	}
}

// encoded is the keyed CBOR of a value that is set from JSON.
func encoded(t testing.TB, typ *Type, doc []byte) []byte {
	t.Helper()
	v := reflect.New(typ.Go)
	if p := typ.SetJSON(v.Interface(), doc); p != nil {
		t.Fatal(p)
	}
	plan, err := codec.PlanOf(typ.Go)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := plan.Append(&buf, v.Interface(), false); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestBothGoTypesEncodeTheSame(t *testing.T) {
	typ := mustOf[everything](t)
	made, err := FromJSONSchema(typ.JSONSchema())
	if err != nil {
		t.Fatal(err)
	}
	full := valid()
	full.Note, full.Inner, full.Key = new("n"), &entry{Name: "a"}, []byte("abc")
	full.When, full.IP = time.Now().UTC(), net.IPv4(1, 2, 3, 4)
	full.More = map[level][]entry{"m": {{Name: "c"}}}
	for _, e := range []everything{valid(), full} {
		doc := typ.AppendJSON(nil, &e, InFull)
		if a, b := encoded(t, typ, doc), encoded(t, made, doc); !bytes.Equal(a, b) {
			t.Errorf("%s\n is %x\nand %x", doc, a, b)
		}
	}
}

func TestJSONSchemaIsReadable(t *testing.T) {
	const want = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` +
		`"name":{"type":"string","description":"its name","pattern":"^[a-z]+$"},` +
		`"token":{"type":"string","maxLength":8,"writeOnly":true,"x-omit":"omitempty"}},` +
		`"required":["name"],"additionalProperties":false}`
	if got := string(mustOf[entry](t).JSONSchema()); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

// resolved is the schema as the library of JSON Schema knows it.
func resolved(t testing.TB, typ *Type) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(typ.JSONSchema(), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, typ.JSONSchema())
	}
	return r
}

func TestHostileSchemas(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat(`{"type":"array","items":`, n) + `{"type":"boolean"}` + strings.Repeat("}", n)
	}
	property := func(schema string) string { return `{"type":"object","properties":{"a":` + schema + `}}` }
	for text, want := range map[string]string{
		``:                                  "it ends too early",
		`true`:                              "a schema must be an object",
		`{}`:                                "it has no type",
		`{"type":"null"}`:                   `the type "null"`,
		`{"type":["string"]}`:               `"type": it must be text`,
		`{"type":"object","$ref":1}`:        `"$ref": this keyword is none of those`,
		`{"anyOf":[]}`:                      `"anyOf": this keyword is none`,
		nested(17):                          "nested deeper than 16 levels",
		strings.Repeat(`{"items":`, 20000):  "nested deeper than 48",
		strings.Repeat(" ", MaxSchema+1):    "more than 262144",
		`{"type":"string","type":"string"}`: "there twice",
		`{"type":"array","items":{"type":"integer","x-bits":8,"x-unsigned":true}}`: "a list of bytes is text",

		`{"type":"array"}`:                              `the type "array"`,
		`{"type":"integer","x-bits":7}`:                 "x-bits: there is no integer of 7 bits",
		`{"type":"string","x-beside":"container"}`:      `text of the form "container"`,
		`{"type":"string","maxLength":3}`:               "only fields can have limits",
		`{"type":"object","required":["a"]}`:            `required: "a" is no field`,
		`{"type":"object","additionalProperties":true}`: "additionalProperties must be false",

		property(`{"type":"string","pattern":"((a{99}){99}){9}"}`):                                                      "pattern: ",
		property(`{"type":"string","pattern":"(\\pL{900}|\\pL{900}){9}"}`):                                              "pattern: ",
		property(`{"type":"integer","minimum":5,"maximum":1}`):                                                          `"a": tag min: 5 is more than max`,
		property(`{"type":"integer","exclusiveMaximum":5}`):                                                             "exclusiveMaximum can only be the end of 64 bits",
		property(`{"type":"integer","minimum":1,"x-min":"5"}`):                                                          "durations have x-min and x-max",
		property(`{"type":"string","x-form":"duration","minimum":1}`):                                                   "durations have x-min and x-max",
		property(`{"type":"string","minimum":1}`):                                                                       "tags min and max are for numbers",
		property(`{"type":"string","minLength":1e99}`):                                                                  "it must be a length",
		property(`{"type":"string","minLength":-1}`):                                                                    "it must be a length",
		property(`{"type":"string","maxItems":1}`):                                                                      "a length that is not for text",
		property(`{"type":"string","enum":[]}`):                                                                         "enum: it must be a list of 1 to 256",
		property(`{"type":"string","enum":[1]}`):                                                                        "enum: it must be text",
		property(`{"type":"string","default":{}}`):                                                                      "default: it must be text",
		property(`{"type":"string","x-omit":"never"}`):                                                                  "x-omit",
		property(`{"type":"string","x-arg":"9"}`):                                                                       "position 9 leaves a gap",
		`{"type":"object","properties":{"a b":{"type":"string"}}}`:                                                      `"a b" is no name for a flag`,
		`{"type":"object","properties":{"a,omitempty":{"type":"string"}}}`:                                              `is no name for a flag`,
		`{"type":"object","properties":{"a":{"type":"object","properties":{"f":{"type":"string","x-beside":"file"}}}}}`: "can only be a field of the argument",
		`{"type":"object","properties":{"a":{"type":"string","x-omit":"omitempty"}},"required":["a"]}`:                  "it is required, and can be left out",
	} {
		typ, err := FromJSONSchema([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: got %v, %v, want %q", text, typ, err, want)
		}
	}
}

func TestManyFieldsAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{`)
	for i := range MaxFields + 1 {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(`"f` + strings.Repeat("x", i/100) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)) + `":{"type":"boolean"}`)
	}
	b.WriteString(`}}`)
	if _, err := FromJSONSchema([]byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than 1024 fields") {
		t.Errorf("got %v", err)
	}
}

// What annotates only, and what a later version may add, is skipped.
func TestForeignSchema(t *testing.T) {
	typ, err := FromJSONSchema([]byte(`{"title":"x","$comment":"y","x-later":{},"type":"object","properties":{` +
		`"größe":{"type":"integer"},"F0_1":{"type":"number"},"f0":{"type":"string"},"_a":{"type":"boolean"}},"required":["größe"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if f := typ.Field("F0_1"); !f.Optional || !f.Pointer || f.Omit != "omitempty" {
		t.Errorf("%+v", f)
	}
	v := reflect.New(typ.Go)
	if p := typ.SetJSON(v.Interface(), []byte(`{"größe":3,"_a":true}`)); p != nil {
		t.Error(p)
	}
	if got := string(typ.AppendJSON(nil, v.Interface(), InFull)); got != `{"größe":3,"_a":true}` {
		t.Error(got)
	}
}
