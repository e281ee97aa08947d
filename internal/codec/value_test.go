package codec

import (
	"encoding/hex"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestValueRoundTrip(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(-5), 100)
	for _, v := range []struct{ in, out any }{
		{nil, nil},
		{true, true},
		{1, int64(1)},
		{int64(-7), int64(-7)},
		{1.5, 1.5},
		{uint64(math.MaxUint64), new(big.Int).SetUint64(math.MaxUint64)},
		{huge, huge},
		{big.NewInt(3), int64(3)},
		{"é", "é"},
		{[]byte{0xff}, []byte{0xff}},
		{[]any{1, "a", nil}, []any{int64(1), "a", nil}},
		{map[string]any{"a": []any{}}, map[any]any{"a": []any{}}},
		{map[any]any{true: 1, int64(2): "x", 2.5: nil}, map[any]any{true: int64(1), int64(2): "x", 2.5: nil}},
	} {
		data, err := EncodeValue(v.in)
		if err != nil {
			t.Errorf("EncodeValue(%v): %v", v.in, err)
			continue
		}
		if got, err := DecodeValue(data); err != nil || !reflect.DeepEqual(got, v.out) {
			t.Errorf("DecodeValue(%x) = %#v, %v; want %#v", data, got, err, v.out)
		}
	}
}

func TestValueTime(t *testing.T) {
	in := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", -3600))
	data, err := EncodeValue([]any{in})
	if err != nil {
		t.Fatal(err)
	}
	out, err := DecodeValue(data)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := out.([]any)[0].(time.Time); !ok || !got.Equal(in) || got.Format(time.RFC3339Nano) != in.Format(time.RFC3339Nano) {
		t.Errorf("got %v, want %v", out, in)
	}
}

func TestEncodeValueRefuses(t *testing.T) {
	loop := []any{nil}
	loop[0] = loop
	for want, v := range map[string]any{
		"value[3].x: a func cannot cross":                          []any{1, 2, 3, map[string]any{"x": func() {}}},
		"value: a value of type codec.helloArgs cannot cross":      helloArgs{},
		"value[true]: a chan cannot cross":                         map[any]any{true: make(chan int)},
		"nested deeper than 32 levels, or contains itself":         loop,
		"value[0]: the string is not UTF-8":                        []any{"\xff"},
		"a key that is a value of type [1]int cannot cross":        map[any]any{[1]int{}: 1},
		"a key that is an integer beyond int64":                    map[any]any{uint64(math.MaxUint64): 1},
		"a key that is not a number cannot cross":                  map[any]any{math.NaN(): 1},
		"a nil *big.Int cannot cross":                              (*big.Int)(nil),
		"the value is larger than the 16777216 bytes of a message": []any{make([]byte, MaxMessage/2), make([]byte, MaxMessage/2)},
		"value[<nil>]: a key that is nil cannot cross":             map[any]any{nil: 1},
		"value.k[0]: a value of type []int cannot cross":           map[any]any{"k": []any{[]int{1}}},
		"value: a value of type *codec.helloArgs cannot cross":     &helloArgs{},
		"value: a value of type time.Duration cannot cross":        time.Second,
		"is not a time of RFC 3339":                                time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC),
		"value: a value of type map[string]string cannot cross":    map[string]string{},
	} {
		if _, err := EncodeValue(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("EncodeValue(%T): %v; want %q", v, err, want)
		}
	}
}

func TestDecodeValueRefuses(t *testing.T) {
	for data, want := range map[string]string{
		"":                              "ends too early",
		"0101":                          "1 bytes after its end",
		"f7":                            "a simple value where a value is wanted",
		"e0":                            "a simple value",
		"9f01ff":                        "indefinite",
		"61ff":                          "not UTF-8",
		"a2616101616102":                "duplicate",
		"a10102":                        "",
		"a141aa01":                      "a key that is bytes",
		"a1f97e0001":                    "not a number",
		"a1fb7ff800000000000101":        "not a number",
		"a11bffffffffffffffff01":        "beyond int64",
		"c11a00000000":                  "the tag 1 is not for values",
		"d903e701":                      "the tag 999",
		"c001":                          "where a time as text is wanted",
		"c06161":                        "is not a time of RFC 3339",
		"9a00500000":                    "are more than",
		"9a00100000":                    "ends too early",
		"a1616181f7":                    "value.a[0]: a simple value",
		strings.Repeat("81", 33) + "01": "nested deeper",
	} {
		raw, err := hex.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = DecodeValue(raw)
		switch {
		case want == "" && err != nil:
			t.Errorf("DecodeValue(%s): %v", data, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("DecodeValue(%s): %v; want %q", data, err, want)
		}
	}
}

// Small maps take a hundred times the memory of their three bytes.
func TestDecodeValueIsBounded(t *testing.T) {
	const n = 3 << 20
	data := append([]byte{0x9a, n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255}, strings.Repeat("\xa1\x00\x00", n)...)
	if _, err := DecodeValue(data); err == nil || !strings.Contains(err.Error(), "to decode") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeValue(f *testing.F) {
	for _, v := range []any{nil, 1, "a", []any{1.5, []byte{1}}, map[any]any{"a": big.NewInt(5), true: time.Unix(0, 0)}} {
		data, err := EncodeValue(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeValue(data)
		if err != nil {
			return
		}
		again, err := EncodeValue(v)
		if err != nil {
			t.Fatalf("%x decodes to %#v, which does not encode: %v", data, v, err)
		}
		if _, err := DecodeValue(again); err != nil {
			t.Fatalf("%x: %v", again, err)
		}
	})
}
