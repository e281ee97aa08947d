package schema

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSetText(t *testing.T) {
	typ := mustOf[everything](t)
	for _, test := range []struct {
		field, text string
		want        string // the problem, or "= " and the field's JSON
	}{
		{"name", "web1", `= "web1"`},
		{"name", "Web", "name must match"},
		{"name", "a\xff", "name must be UTF-8"},
		{"port", "443", "= 443"},
		{"port", "0x10", "= 16"},
		{"port", "0o17", "= 15"},
		{"port", "017", "port must be an integer without a zero in front"},
		{"port", "65536", "port must be at most 65535"},
		{"port", "-1", "port must be at least 0"},
		{"port", "1e3", "port must be at most"},
		{"port", "http", "port must be an integer"},
		{"count", "99999999999999999999", "count must be at most 9223372036854775807"},
		{"big", "18446744073709551616", "big must be at most 18446744073709551615"},
		{"words", "a", `= ["a"]`},
		{"words", "A", "words[0] must match"},
		{"level", "high", `= "high"`},
		{"level", "", "level must be one of low, high"},
		{"ratio", "0.5", "= 0.5"},
		{"ratio", "NaN", "ratio must be a finite number"},
		{"ratio", "1e400", "ratio must be a number"},
		{"exact", "1e400", "exact must be a number"},
		{"key", "YWJj", `= "YWJj"`},
		{"key", "YW Jj", "key must be bytes in base64"},
		{"wait", "1m30s", `= "1m30s"`},
		{"wait", "90", "wait must be a duration such as 1m30s"},
		{"when", "2026-01-02T03:04:05Z", `= "2026-01-02T03:04:05Z"`},
		{"when", "tomorrow", "when must be a time such as"},
		{"ip", "10.0.0.1", `= "10.0.0.1"`},
		{"ip", "10.0.0", "ip must be the text of a IP"},
		{"force", "true", "= true"},
		{"force", "maybe", "force must be true or false"},
		{"note", "abcde", "note must have at most 4 characters"},
		{"entries", `{"name":"a"}`, `= [{"name":"a"}]`},
		{"entries", `{"name":"A"}`, "entries[0].name must match"},
		{"entries", `{"nam":"a"}`, `entries[0] must have no field "nam": did you mean name?`},
		{"inner", `{"name":"a","name":"b"}`, `inner must be an object in JSON: the key "name" is there twice`},
		{"inner", `{}`, `inner.name is missing`},
		{"labels", "k=3", `= {"k":3}`},
		{"labels", "k=10", `labels["k"] must be at most 9`},
		{"labels", "k", "labels must be given as key=value"},
	} {
		var e everything
		f := typ.Field(test.field)
		var got string
		if p := f.SetText(&e, test.text); p != nil {
			got = p.String()
		} else {
			w := printer{text: 1 << 20, most: 1 << 20}
			w.value(f.Type, f.Value(&e))
			got = "= " + string(w.buf)
		}
		if !strings.HasPrefix(got, test.want) || strings.HasPrefix(test.want, "= ") && got != test.want {
			t.Errorf("%s %q: got %s, want %s", test.field, test.text, got, test.want)
		}
	}
}

func TestSetTextAddsToLists(t *testing.T) {
	typ := mustOf[everything](t)
	var e everything
	for _, word := range []string{"a", "b", "c"} {
		if p := typ.Field("words").SetText(&e, word); p != nil {
			t.Fatal(p)
		}
	}
	if p := typ.Field("words").SetText(&e, "d"); p == nil || p.String() != "words must have at most 3 elements" {
		t.Errorf("got %v", p)
	}
	var w withFile
	if p := mustOf[withFile](t).Field("file").SetText(&w, "/etc/passwd"); p == nil || !strings.HasPrefix(p.String(), "file must be an open file") {
		t.Errorf("got %v", p)
	}
}

func TestSetDefaults(t *testing.T) {
	var e everything
	mustOf[everything](t).SetDefaults(&e)
	if e.Port != 80 || e.Wait != 90*time.Second || e.Name != "" {
		t.Errorf("%+v", e)
	}
}

// A field that has a default is not missing, however deep it lies; one that is
// optional stays absent.
func TestNestedDefaults(t *testing.T) {
	type inner struct {
		For    time.Duration `cbor:"for" default:"24h"`
		Copies int           `cbor:"copies" default:"1"`
		Note   *string       `cbor:"note"`
	}
	type outer struct {
		Keep  inner   `cbor:"keep"`
		Maybe *inner  `cbor:"maybe"`
		Many  []inner `cbor:"many,omitempty"`
		Must  struct {
			Name string `cbor:"name"`
			Size int    `cbor:"size" default:"3"`
		} `cbor:"must"`
	}
	typ := mustOf[outer](t)
	made, err := FromJSONSchema(typ.JSONSchema())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"must":{"name":"a"}}`: `{"keep":{"for":"24h0m0s","copies":1},"must":{"name":"a","size":3}}`,
		`{"must":{"name":"a","size":4},"keep":{"copies":2},"many":[{}],"maybe":{"for":"1s"}}`: `{"keep":{"for":"24h0m0s","copies":2},` +
			`"maybe":{"for":"1s","copies":1},"many":[{"for":"24h0m0s","copies":1}],"must":{"name":"a","size":4}}`,
		`{"keep":{}}`: "must is missing",
		`{"must":{}}`: "must.name is missing",
	} {
		for _, typ := range []*Type{typ, made} {
			o := reflect.New(typ.Go).Interface()
			got := ""
			if p := typ.SetJSON(o, []byte(text)); p != nil {
				got = p.String()
			} else {
				got = string(typ.AppendJSON(nil, o, InFull))
			}
			if got != want {
				t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
			}
		}
	}
	var o outer
	typ.SetDefaults(&o)
	if o.Keep.For != 24*time.Hour || o.Keep.Copies != 1 || o.Maybe != nil || o.Must.Size != 0 {
		t.Errorf("%+v", o)
	}
	if typ.Field("keep").Optional || !typ.Field("keep").CanLack() || typ.Field("must").CanLack() {
		t.Error("the wire must have what the command line need not")
	}
}

// What AppendJSON writes in full, SetJSON reads.
func TestSetJSONReadsAppendJSON(t *testing.T) {
	typ := mustOf[everything](t)
	e := valid()
	e.Inner, e.Shared, e.Force, e.Big = &entry{Name: "a", Token: "t"}, []*entry{{Name: "b"}}, new(true), 1<<64-1
	e.More, e.Grid, e.Key = map[level][]entry{"m": {{Name: "c"}}}, [][]float64{{1.5}, {}}, []byte{0, 255}
	var back everything
	if p := typ.SetJSON(&back, typ.AppendJSON(nil, &e, InFull)); p != nil {
		t.Fatal(p)
	}
	if !reflect.DeepEqual(e, back) {
		t.Errorf("got  %+v\nwant %+v", back, e)
	}
}

func TestSetJSONIsStrict(t *testing.T) {
	type args struct {
		Name  string `cbor:"name" maxlen:"3"`
		Count int8   `cbor:"count,omitempty" min:"1"`
		List  []bool `cbor:"list,omitempty"`
		Secs  *entry `cbor:"secs,omitempty"`
	}
	typ := mustOf[args](t)
	for text, want := range map[string]string{
		`{"name":"a"}`:                         "",
		`{"name":"a","count":1.0}`:             "",
		`{"name":"a","count":1e1}`:             "",
		`{"name":"a"} `:                        "",
		`{"name":"a"} x`:                       "there is more after its end",
		`{"name":"a","count":0}`:               "count must be at least 1",
		`{"name":"a","count":1.5}`:             "count must be an integer",
		`{"name":"a","count":1e99999}`:         "count must be an integer",
		`{"name":"a","count":300}`:             "count must be at most 127",
		`{"name":"a","count":-1e30}`:           "count must be at least -128",
		`{"name":"a","count":"1"}`:             "count must be an integer, not text",
		`{"name":null}`:                        "name must be text, not null",
		`{"name":"abcd"}`:                      "name must have at most 3 characters",
		`{"Name":"a"}`:                         `must have no field "Name": did you mean name?`,
		`{"name":"a","list":[true,null]}`:      "list[1] must be true or false, not null",
		`{"name":"a","list":{}}`:               "list must be a list, not an object",
		`{"name":"a","secs":{"name":"A"}}`:     "secs.name must match",
		`{}`:                                   "name is missing",
		`[]`:                                   "must be an object, not a list",
		``:                                     "it ends too early",
		`{"name":`:                             "it ends too early",
		`{"name" "a"}`:                         "invalid character",
		"{\"name\":\"\xff\"}":                  "it is not UTF-8",
		strings.Repeat("[", 99):                "it is nested deeper than 48 levels",
		`{"name":"a","name":"b"}`:              `the key "name" is there twice`,
		`{"name":"a","count":9999999999999e9}`: "count must be at most 127",
	} {
		var a args
		p := typ.SetJSON(&a, []byte(text))
		if want == "" && p != nil || want != "" && (p == nil || !strings.Contains(p.String(), want)) {
			t.Errorf("%s: got %v, want %q", text, p, want)
		}
	}
}

func TestInteger(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "-0": "0", "12": "12", "1.0": "1", "1e2": "100", "1.5e1": "15", "150e-1": "15", "-1.20e1": "-12",
		"0.5": "", "1e-1": "", "1e99": "", "1e999999999": "", "0e999": "0", "18446744073709551615": "18446744073709551615",
	} {
		got, ok := integer(number)
		if got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v; want %q", number, got, ok, want)
		}
	}
}
