package outwork

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
)

func TestValue(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	at := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	for _, test := range []struct {
		in, any any
		json    string
	}{
		{nil, nil, `null`},
		{true, true, `true`},
		{int64(-5), int64(-5), `-5`},
		{uint64(math.MaxUint64), uint64(math.MaxUint64), `18446744073709551615`},
		{huge, huge, `123456789012345678901234567890`},
		{1.5, 1.5, `1.5`},
		{"a<b", "a<b", `"a\u003cb"`},
		{[]byte("ab"), []byte("ab"), `"YWI="`},
		{[]any{int64(1), []any{}}, []any{int64(1), []any{}}, `[1,[]]`},
		{map[any]any{"k": int64(1), int64(2): "v"}, map[any]any{"k": int64(1), int64(2): "v"}, `{"2":"v","k":1}`},
		{at, at, `"2001-02-03T04:05:06.000000007Z"`},
	} {
		raw, err := codec.EncodeValue(test.in)
		if err != nil {
			t.Fatal(err)
		}
		var v Value
		if err := v.UnmarshalBinary(raw); err != nil {
			t.Fatal(err)
		}
		got := v.Any()
		if b, ok := got.(*big.Int); ok {
			got, test.any = b.String(), fmt.Sprint(test.any)
		}
		if !reflect.DeepEqual(got, test.any) {
			t.Errorf("%v: got %#v", test.in, got)
		}
		if text, err := json.Marshal(v); err != nil || string(text) != test.json {
			t.Errorf("%v: JSON is %s, %v; want %s", test.in, text, err, test.json)
		}
		if v.IsNil() != (test.in == nil) {
			t.Errorf("%v: IsNil is %v", test.in, v.IsNil())
		}
	}
}

func TestValueRefuses(t *testing.T) {
	for _, raw := range []string{"", "\xff", "\x01\x01", "\x62a"} {
		if err := new(Value).UnmarshalBinary([]byte(raw)); err == nil {
			t.Errorf("% x is a value", raw)
		}
	}
	for _, in := range []any{math.NaN(), map[any]any{"1": nil, int64(1): nil}} {
		raw, err := codec.EncodeValue(in)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := (Value{raw}).MarshalJSON(); err == nil {
			t.Errorf("%v is %s in JSON", in, text)
		}
	}
	if !(Value{}).IsNil() {
		t.Error("the zero Value is not nil")
	}
}
