package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/fxamacker/cbor/v2"
)

type strict struct {
	Name string `cbor:"name"`
	N    int8   `cbor:"n,omitempty"`
	P    *bool  `cbor:"p"`
	L    []uint8x
	A    [2]uint16
}

type uint8x struct{ V uint8 }

// decodeHex decodes hex, in which spaces are for the reader.
func decodeHex[T any](t *testing.T, text string, positional bool) error {
	t.Helper()
	var v T
	_, err := mustPlan[T](t).Decode(fromHex(t, text), &v, positional)
	return err
}

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func wantErr(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v; want %q", what, err, want)
	}
}

func TestDecodePositional(t *testing.T) {
	for data, want := range map[string]string{
		"85 6161 01 f5 818105 820102":         "",
		"85 60 01 f6 f6 820102":               "",
		"":                                    "strict: the message ends too early",
		"85 6161 01 f5 818105 8201":           "strict.A: the message ends too early",
		"85 f6 01 f5 818105 820102":           "strict.Name: null where text is wanted",
		"85 f7 01 f5 818105 820102":           "strict.Name: a simple value where text is wanted",
		"85 6161 f6 f5 818105 820102":         "strict.N: null where an integer of int8 is wanted",
		"85 6161 1880 f5 818105 820102":       "strict.N: an integer that does not fit int8",
		"85 6161 387f f5 818105 820102":       "",
		"85 6161 3880 f5 818105 820102":       "strict.N: an integer that does not fit int8",
		"85 6161 e5 f5 818105 820102":         "strict.N: a simple value where",
		"85 6161 c101 f5 818105 820102":       "strict.N: a tag where",
		"85 6161 f93c00 f5 818105 820102":     "strict.N: a float where",
		"85 6161 01 f7 818105 820102":         "strict.P: a simple value where a boolean is wanted",
		"85 6161 01 01 818105 820102":         "strict.P: an integer where a boolean is wanted",
		"85 6161 01 f5 818120 820102":         "strict.L[0].V: a negative integer where",
		"85 6161 01 f5 81f6 820102":           "strict.L[0]: null where an array of fields",
		"85 6161 01 f5 8180 820102":           "strict.L[0]: 0 fields where 1 are wanted",
		"85 6161 01 f5 818105 f6":             "strict.A: null where an array",
		"85 6161 01 f5 818105 8101":           "strict.A: an array of 1 elements where 2",
		"85 6161 01 f5 818105 83010203":       "strict.A: an array of 3 elements where 2",
		"85 6161 01 f5 818105 82011a00010000": "strict.A[1]: an integer that does not fit uint16",
		"85 61ff 01 f5 818105 820102":         "strict.Name: the text is not UTF-8",
		"85 4161 01 f5 818105 820102":         "strict.Name: bytes where text is wanted",
		"85 7f6161ff 01 f5 818105 820102":     "strict.Name: an item of indefinite length",
		"9f 6161 01 f5 818105 820102 ff":      "strict: an item of indefinite length",
		"84 6161 01 f5 818105":                "strict: 4 fields where 5 are wanted",
		"86 6161 01 f5 818105 820102 01":      "strict: 6 fields where 5 are wanted",
		"a0":                                  "strict: a map where an array of fields",
		"85 6161 01 f5 9a00500000":            "strict.L: 5242880 elements are more than",
		"85 6161 01 f5 9a00100000":            "strict.L: the message ends too early",
		"85 7bffffffffffffffff":               "strict.Name: the message ends too early",
		"85 1c00000000":                       "strict.Name: an item of indefinite length, or a malformed one",
		"d9d9f7 85 6161 01 f5 818105 820102":  "strict: a tag where",
	} {
		wantErr(t, data, decodeHex[strict](t, data, true), want)
	}
}

func TestDecodeKeyed(t *testing.T) {
	const name, l, a = "646e616d65 6161 ", "614c 81a1615605 ", "6141 820102 "
	for data, want := range map[string]string{
		"a3" + name + l + a:                   "",
		"a5" + name + l + a + "616e01 6170f5": "",
		"a5" + name + l + a + "616e01 6170f6": "",
		"a2" + name + l:                       "strict.A: the field is missing",
		"a2" + l + a:                          "strict.name: the field is missing",
		"a3" + "644e414d45 6161" + l + a:      `strict: there is no field "NAME"`,
		"a4" + name + l + a + "617801":        `strict: there is no field "x"`,
		"a4" + name + l + a + name:            "strict.name: the field is there twice",
		"a4" + name + l + a + "616ef6":        "strict.n: null where",
		"a3" + "446e616d65 6161" + l + a:      "strict: bytes where the name of a field is wanted",
		"a3" + name + "614c 81a0" + a:         "strict.L[0].V: the field is missing",
		"83 01 02 03":                         "strict: an array where a map of fields is wanted",
		"bf" + name + l + a + "ff":            "strict: an item of indefinite length",
	} {
		wantErr(t, data, decodeHex[strict](t, data, false), want)
	}
}

func TestDecodeMaps(t *testing.T) {
	type m map[string]uint8x
	for data, want := range map[string]string{
		"a1 6161 a1 615605":              "",
		"a1 6161 8105":                   "m[0]: an array where a map of fields",
		"a2 6161 a1615605 6161 a1615606": "duplicate",
		"a1 4161 a1615605":               "m[key 0]: bytes where text",
		"a1 f6 a1615605":                 "m[key 0]: null where text",
		"f6":                             "",
	} {
		wantErr(t, data, decodeHex[m](t, data, true), want)
	}
}

func TestDecodeSelf(t *testing.T) {
	type self struct {
		A netip.Addr
		R cbor.RawMessage
		J json.RawMessage
	}
	same(t, self{netip.MustParseAddr("::1"), cbor.RawMessage{0xc1, 0x01}, json.RawMessage("{}")})
	for data, want := range map[string]string{
		"83 40 f6 40":       "",
		"83 f6 f6 40":       "self.A: null where bytes",
		"83 60 f6 40":       "self.A: text where bytes",
		"83 43010203 f6 40": "self: unexpected slice size",
		"83 40 8261ff01 40": "self.R[0]: the text is not UTF-8",
		"83 40 e0 40":       "self.R: a simple value",
		"83 40 a20101 40":   "self.R: the message ends too early",
		"83 40 01 60":       "self.J: text where bytes",
	} {
		wantErr(t, data, decodeHex[self](t, data, true), want)
	}
}

func TestDecodeDepth(t *testing.T) {
	deep := func(levels int) string {
		return strings.Repeat("a2 644e616d65 60 644b696473 81", levels) + "a2 644e616d65 60 644b696473 80"
	}
	wantErr(t, "deepest", decodeHex[tree](t, deep(15), true), "")
	wantErr(t, "deeper", decodeHex[tree](t, deep(16), true), "nested deeper than 32 levels")
}

// An item of one byte may stand for a struct of any size.
func TestDecodeIsBounded(t *testing.T) {
	type fat struct {
		V    int           `cbor:",omitempty"`
		Room [1 << 16]byte `cbor:"-"`
	}
	raw := append([]byte{0x99, 0x08, 0x00}, bytes.Repeat([]byte{0xa0}, 2048)...)
	var v []fat
	_, err := mustPlan[[]fat](t).Decode(raw, &v, false)
	wantErr(t, "2048 structs of 64 KiB", err, "to decode")
}

func TestAppendRefuses(t *testing.T) {
	loop := &tree{Name: "a"}
	loop.Up = loop
	bomb := &tree{} // two ways at each level: 2^30 values
	for range 30 {
		bomb = &tree{Up: bomb, Kids: []tree{{Up: bomb}}}
	}
	type two struct {
		Small []string
		Large [][]byte
	}
	type top struct{ B []byte }
	type when struct{ At time.Time }
	check := func(want string, typ any) {
		t.Helper()
		p, err := PlanOf(reflect.TypeOf(typ).Elem())
		if err != nil {
			t.Fatal(err)
		}
		for _, positional := range []bool{true, false} {
			buf := bytes.NewBufferString("kept")
			wantErr(t, want, p.Append(buf, typ, positional), want)
			if buf.String() != "kept" {
				t.Errorf("%d bytes are left after an error", buf.Len())
			}
		}
	}
	check("contains itself", loop)
	check("the value", bomb)
	check("helloArgs.Name: the text is not UTF-8", &helloArgs{Name: "\xff"})
	check("top.B: 16777217 bytes are more than", &top{make([]byte, MaxMessage+1)})
	check("16777216 of a message: Large has 16777", &two{Large: [][]byte{make([]byte, MaxMessage)}})
	check("when.At: \"12026-", &when{time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)})
	wantErr(t, "other type", mustPlan[two](t).Append(&bytes.Buffer{}, &top{}, true), "a *codec.top was given where a *codec.two is wanted")
	wantErr(t, "nil", mustPlan[two](t).Append(&bytes.Buffer{}, (*two)(nil), true), "was given")
	wantErr(t, "nothing", mustPlan[two](t).Append(&bytes.Buffer{}, nil, true), "was given")
}

type sample struct {
	A bool
	B int32
	C uint64
	D float32
	E []int16
	F map[int8]string
	G *struct{ X, Y float64 }
	H [3]struct{ S string }
	I [][]struct{ M map[string]uint8x }
	J [5]byte
	K []byte
	L bool `cbor:"-"`
}

// What one form carries the other does too. Both agree with the value unless
// it is one that must not cross.
func TestFormsAgree(t *testing.T) {
	p := mustPlan[sample](t)
	through := func(in *sample, positional bool) (out sample, err error) {
		var buf bytes.Buffer
		if err = p.Append(&buf, in, positional); err == nil {
			_, err = p.Decode(buf.Bytes(), &out, positional)
		}
		return out, err
	}
	agree := func(in sample) bool {
		in.L = false
		a, errA := through(&in, true)
		b, errB := through(&in, false)
		if errA != nil || errB != nil {
			t.Log(errA, errB)
			return false
		}
		return reflect.DeepEqual(a, in) && reflect.DeepEqual(b, in)
	}
	if err := quick.Check(agree, nil); err != nil {
		t.Error(err)
	}
}

func fuzzOne[T any](t *testing.T, data []byte, positional bool) {
	p := mustPlan[T](t)
	var v, w T
	rest, err := p.Decode(data, &v, positional)
	if err != nil {
		return
	}
	var buf bytes.Buffer
	if err := p.Append(&buf, &v, positional); err != nil {
		t.Fatalf("%x decodes to %+v, which does not encode: %v", data, v, err)
	}
	if _, err := p.Decode(buf.Bytes(), &w, positional); err != nil {
		t.Fatalf("%x encodes again to %x: %v", data[:len(data)-len(rest)], buf.Bytes(), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, positional := range []bool{true, false} {
		in := full()
		var buf bytes.Buffer
		if err := mustPlan[everything](f).Append(&buf, &in, positional); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes(), positional)
	}
	f.Add([]byte("\x85\x61a\x01\xf5\x81\x81\x05\x82\x01\x02"), true)
	f.Add([]byte("\xa2\x64Name\x60\x64Kids\x80"), true)
	f.Fuzz(func(t *testing.T, data []byte, positional bool) {
		fuzzOne[everything](t, data, positional)
		fuzzOne[strict](t, data, positional)
		fuzzOne[tree](t, data, positional)
		fuzzOne[beside](t, data, positional)
		fuzzOne[map[string][]*strict](t, data, positional)
		fuzzOne[string](t, data, positional)
	})
}
