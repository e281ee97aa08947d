package codec

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGuestValues: tuples, sets and exceptions come back as what they were.
func TestGuestValues(t *testing.T) {
	failed := &Exception{"ValueError", "bad", "Traceback …"}
	for _, v := range []any{
		Tuple{int64(1), Tuple{}, "x"},
		Set{int64(1), "two"},
		failed,
		[]any{failed, map[any]any{"e": failed, "t": Tuple{nil}}},
		Tuple{Set{failed}},
	} {
		b, err := EncodeValue(v)
		if err != nil {
			t.Errorf("%v: %v", v, err)
			continue
		}
		if got, err := DecodeValue(b); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%#v, %v; want %#v", got, err, v)
		}
	}
	if failed.Error() != "ValueError: bad" || (&Exception{Type: "KeyError"}).Error() != "KeyError" {
		t.Error(failed)
	}
}

func TestGuestValuesNested(t *testing.T) {
	v := any(Tuple{})
	for range MaxDepth - 1 {
		v = Tuple{v}
	}
	b, err := EncodeValue(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeValue(b); err != nil {
		t.Error(err)
	}
	if _, err := EncodeValue(Tuple{v}); err == nil {
		t.Error("too deep, and encoded")
	}
}

// TestGuestValuesRefused: what a hostile worker could send in their place.
func TestGuestValuesRefused(t *testing.T) {
	tag := func(n uint64, item ...byte) []byte {
		return append([]byte{0xda, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, item...)
	}
	for name, b := range map[string][]byte{
		"a tuple that is a number":      tag(tagTuple, 1),
		"a set that is a map":           tag(tagSet, 0xa0),
		"an exception of two":           tag(tagException, 0x82, 0x60, 0x60),
		"an exception of a number":      tag(tagException, 0x83, 0x60, 0x60, 1),
		"an exception that is no list":  tag(tagException, 0x60),
		"a tuple of more than there is": tag(tagTuple, 0x9a, 0, 0x10, 0, 0),
		"a tag of a tag":                tag(tagTuple, tag(tagTuple, 0x80)...),
		"text that is not UTF-8":        tag(tagException, 0x83, 0x61, 0xff, 0x60, 0x60),
		"a key that is a tuple":         append([]byte{0xa1}, append(tag(tagTuple, 0x80), 0)...),
	} {
		if v, err := DecodeValue(b); err == nil {
			t.Errorf("%s: %v", name, v)
		}
	}
}

func TestEncodeArgument(t *testing.T) {
	type name string
	n := 7
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct{ give, want any }{
		{[]string{"a"}, []any{"a"}},
		{[2]int8{1, 2}, []any{int64(1), int64(2)}},
		{map[name][]int{"k": {1}}, map[any]any{"k": []any{int64(1)}}},
		{&n, int64(7)},
		{(*int)(nil), nil},
		{name("x"), "x"},
		{time.Second, int64(time.Second)},
		{Tuple{[]float32{0.5}}, Tuple{[]any{0.5}}},
		{map[string]any{"t": at}, map[any]any{"t": at}},
		{[]time.Time{at.In(time.FixedZone("old", 20*60-28))}, []any{at}}, // as Amsterdam's was in 1880
		{[]byte{1}, []byte{1}},
		{uint8(200), int64(200)},
	} {
		b, err := EncodeArgument(c.give)
		if err != nil {
			t.Errorf("%T: %v", c.give, err)
			continue
		}
		if got, err := DecodeValue(b); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T: %#v, %v", c.give, got, err)
		}
	}
	var loop []any
	loop = append(loop, nil)
	loop[0] = loop
	for _, v := range []any{struct{ A int }{}, func() {}, loop, map[any]any{[1]int{}: 1}} {
		if _, err := EncodeArgument(v); err == nil {
			t.Errorf("%T was encoded", v)
		}
	}
}

// TestEncodeArgumentIsBounded: what is endless, or nearly so, is not expanded first.
func TestEncodeArgumentIsBounded(t *testing.T) {
	type pointer *any
	narrow, wide := any(0), any(0)
	for range MaxDepth {
		narrow = []any{narrow}
	}
	for range 6 {
		wide = slices.Repeat([]any{wide}, 64)
	}
	loop := make([]any, 2)
	loop[0], loop[1] = loop, loop
	keyed := map[string]any{}
	keyed["a"], keyed["b"] = keyed, keyed
	var self any
	self = pointer(&self)
	tooDeep := "the value is nested deeper than 32 levels, or contains itself"
	tooLarge := "the value is larger than the 16777216 bytes of a message"
	for name, c := range map[string]struct {
		give any
		want string
	}{
		"a list that contains itself": {loop, "[0][0]: " + tooDeep},
		"a map that contains itself":  {keyed, tooDeep},
		"a pointer to itself":         {self, tooDeep},
		"too deep":                    {[]any{narrow}, "[0][0]: " + tooDeep},
		"shared again and again":      {wide, tooLarge},
		"a list that is too long":     {make([]struct{}, 1<<30), "value: " + tooLarge},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := EncodeArgument(c.give)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.200v, want %q", name, err, c.want)
		}
		if made := (after.TotalAlloc - before.TotalAlloc) >> 20; made > 1024 {
			t.Errorf("%s: it took %d MiB", name, made)
		}
	}
	if b, err := EncodeArgument(narrow); err != nil {
		t.Errorf("nested as deep as may be: %v", err)
	} else if _, err := DecodeValue(b); err != nil {
		t.Error(err)
	}
}
