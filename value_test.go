package outwork_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/codec"
)

// A value prints as JSON, and as Go does where JSON has no word for it.
func TestValueString(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, "null"},
		{[]any{int64(1), "a", true}, `[1,"a",true]`},
		{map[any]any{"k": int64(2)}, `{"k":2}`},
		{math.Inf(1), "+Inf"},
	} {
		raw, err := codec.EncodeValue(test.v)
		if err != nil {
			t.Fatal(err)
		}
		var v outwork.Value
		if err := v.UnmarshalBinary(raw); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(v); got != test.want {
			t.Errorf("%v prints as %s, want %s", test.v, got, test.want)
		}
	}
}
