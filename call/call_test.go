package call_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/outworktest"
)

func TestMain(m *testing.M) {
	outwork.Main()
	os.Exit(m.Run())
}

var (
	one = outwork.Func("test.one", func(context.Context, string) (int, error) { return 1, nil })
	two = outwork.Func("test.two", func(context.Context, string) (int, error) { return 2, nil })
)

// both calls back all that it may have been granted, and tells how far it is.
var both = outwork.Func("test.both", func(ctx context.Context, _ string) (int, error) {
	back := call.Back(ctx)
	a, err := one.Call(ctx, back, "")
	if err != nil {
		return 0, err
	}
	call.Progress(ctx, 1, 2, "one")
	b, err := two.Call(ctx, back, "")
	return a + b, err
})

// What a context grants adds to what the one before it did, which stays as it is.
func TestGrantsAdd(t *testing.T) {
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{})
	first := call.WithGrants(t.Context(), one)
	all := call.WithGrants(first, two)
	told := 0
	if n, err := both.Call(call.WithProgress(all, func(done, _ int64, _ string) { told += int(done) }), w, ""); n != 3 || err != nil || told != 1 {
		t.Errorf("%d, %v, told %d", n, err, told)
	}
	if _, err := both.Call(first, w, ""); err == nil || !strings.Contains(err.Error(), `was not granted "test.two"; its grants are test.one`) {
		t.Errorf("the first grants: %v", err)
	}
	if _, err := both.Call(t.Context(), w, ""); err == nil || !strings.Contains(err.Error(), `was not granted "test.one"; its grants: none`) {
		t.Errorf("nothing grants: %v", err)
	}
}

// A context that is no function's leads nowhere, and tells nobody.
func TestOutside(t *testing.T) {
	call.Progress(t.Context(), 1, 2, "nobody hears")
	_, err := one.Call(t.Context(), call.Back(t.Context()), "")
	if err == nil || err.Error() != "test.one: the context is not that of a function in a worker" {
		t.Errorf("%v", err)
	}
}
