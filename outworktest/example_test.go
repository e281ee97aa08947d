package outworktest_test

import (
	"context"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
)

var double = outwork.Func("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

// A test's worker is in its own process, and ends with it.
func ExampleStart() {
	_ = func(t *testing.T) {
		var m outwork.Manager
		w := outworktest.Start(t, &m, outwork.Target{})
		if n, err := double.Call(t.Context(), w, 21); n != 42 || err != nil {
			t.Error(n, err)
		}
	}
}
