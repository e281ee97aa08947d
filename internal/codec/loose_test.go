package codec

import (
	"bytes"
	"testing"
)

type reply struct {
	Host  string           `cbor:"host"`
	Inner inner            `cbor:"inner"`
	More  map[string]inner `cbor:"more,omitempty"`
}

type inner struct {
	N int `cbor:"n"`
}

// TestDecodeLoose: what a newer peer may say more, and what it may not.
func TestDecodeLoose(t *testing.T) {
	const known = "64686f7374 6168 65696e6e6572 a1616e05 "
	for data, want := range map[string]string{
		"a2" + known:                                                                "",
		"a3" + known + "6178 01":                                                    "",
		"a3" + known + "6178 a26161016162 8101":                                     "",
		"a2" + "64686f7374 6168 65696e6e6572 a2 616e05 617a f6":                     "",
		"a3" + known + "646d6f7265 a1 616b a2 616e05 617a 6179":                     "",
		"a3" + known + "64486f7374 6179":                                            "", // another case is another field
		"a3" + known + "6178 61ff":                                                  "x: the text is not UTF-8",
		"a3" + known + "61ff 01":                                                    "the name of a field is not UTF-8",
		"a3" + known + "01 01":                                                      "an integer where the name of a field is wanted",
		"a3" + known + "6178 a2 616101 616102":                                      "x[1]: a key is there twice",
		"a3" + known + "6178 a2 616101 78016102":                                    "x[1]: a key is there twice", // in a longer form
		"a3" + known + "6178 81 a2 0101 180102":                                     "x[0][1]: a key is there twice",
		"a3" + known + "6178 c1 a2 0101 0102":                                       "x[0][1]: a key is there twice",
		"a4" + known + "6178 01 6178 02":                                            "x: the field is there twice",
		"a3" + known + "64686f7374 6179":                                            "host: the field is there twice",
		"a3" + known + "6178 5b0fffffffffffffff":                                    "x: the message ends too early",
		"a3" + known + "6178 9f01ff":                                                "x: an item of indefinite length",
		"a3" + known + "6178 9a00500000":                                            "x: 5242880 elements are more than",
		"a3" + known + "6178 ba00100000":                                            "x: ",
		"a3" + known + "6178 f8ff":                                                  "x: a simple value where a value is wanted",
		"a1" + "64686f7374 6168":                                                    "inner: the field is missing",
		"a2" + "64686f7374 6168 65696e6e6572 a1 617a 05":                            "inner.n: the field is missing",
		"a2" + "64686f7374 f6 65696e6e6572 a1 616e 05":                              "host: null where text is wanted",
		"a3" + known + "6178" + string(bytes.Repeat([]byte("81"), MaxDepth)) + "01": "nested deeper than",
	} {
		var v reply
		_, _, err := mustPlan[reply](t).DecodeBy(Rules{Loose: true}, fromHex(t, data), &v)
		wantErr(t, data, err, want)
		if err == nil && (v.Host != "h" || v.Inner.N != 5) {
			t.Errorf("%s: %+v", data, v)
		}
	}
}

// TestDecodeWithin: what decoding takes is told, and bounded.
func TestDecodeWithin(t *testing.T) {
	p := mustPlan[[]string](t)
	var buf bytes.Buffer
	list := make([]string, 1000)
	if err := p.Append(&buf, &list, false); err != nil {
		t.Fatal(err)
	}
	var v []string
	if _, memory, err := p.DecodeBy(Rules{}, buf.Bytes(), &v); err != nil || memory != 16000 {
		t.Error(memory, err)
	}
	_, _, err := p.DecodeBy(Rules{Memory: 15999}, buf.Bytes(), &v)
	wantErr(t, "1000 strings", err, "it would take more than 15 KiB to decode")
}
