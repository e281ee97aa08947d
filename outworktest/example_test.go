package outworktest_test

import (
	"context"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
	"github.com/outwork-go/outwork/service"
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

// The tasks of a pool are spread over workers that live in the test's process.
func ExamplePool() {
	_ = func(t *testing.T) {
		var m outwork.Manager
		pool := outworktest.Pool(t, &m, outwork.Target{}, 4)
		if n, err := double.Call(t.Context(), pool, 21); n != 42 || err != nil {
			t.Error(n, err)
		}
	}
}

// Whom a service serves is tested without a daemon, without root and without those users.
func ExampleServe() {
	_ = func(t *testing.T) {
		d := outworktest.Serve(t, service.Service{
			Name: "doubled", Doc: "Double numbers.",
			API: []service.Export{{Function: double, Doc: "Double a number.", Allow: service.Group("doublers")}},
		}, outworktest.Site{})
		if n, err := double.Call(t.Context(), d.As(outworktest.User{Groups: []string{"doublers"}}), 21); n != 42 || err != nil {
			t.Error(n, err)
		}
		if _, err := double.Call(t.Context(), d.As(outworktest.User{}), 21); err == nil {
			t.Error("somebody in no group was served")
		}
		if r := d.Records(); len(r) == 0 {
			t.Error("nobody wrote down that somebody was denied")
		}
	}
}
