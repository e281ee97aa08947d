// Package call is what a call carries besides its argument and result: the functions that
// it grants, which the called one may call back ([WithGrants], [Back]), and how far it has
// come ([WithProgress], [Progress]). The caller puts them into the context of the call,
// whatever that is made at: a worker, a pool, a service. The called function finds them in
// its own.
//
// Everything here may be called concurrently. Scripts have the same in their own words
// (packages script/starlark and script/python).
package call

import (
	"context"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
)

// WithGrants lets the functions that are called with the context call back the
// given ones, by [Back], while they run, besides those that ctx grants
// already. Without it they may call nothing.
func WithGrants(ctx context.Context, functions ...outwork.AnyFunction) context.Context {
	granted := make([]*link.Function, len(functions))
	for i, f := range functions {
		granted[i] = hook.Function(f)
	}
	return link.WithGrants(ctx, granted...)
}

// Back, in a worker or service, is where the call came from: functions that it was
// granted ([WithGrants]) can be called there while it runs. ctx is the function's own,
// or made of it. A call of what was not granted is an *outwork.RemoteError that lists
// what was; with any other context, each call fails.
func Back(ctx context.Context) outwork.Callee { return hook.Back(ctx).(outwork.Callee) }

// WithProgress makes f receive what functions that are called with the context
// tell of their progress. It is called one call at a time for each worker,
// before the call returns, which waits for it also when ctx has ended: it must be
// quick.
func WithProgress(ctx context.Context, f func(done, total int64, label string)) context.Context {
	return link.WithProgress(ctx, f)
}

// Progress, in a worker or service, tells the caller how far the call is, in any unit;
// total is 0 when nobody knows. With a context that is not the function's own, or made
// of it, it does nothing.
func Progress(ctx context.Context, done, total int64, label string) {
	if in := link.From(ctx); in != nil {
		in.Progress(done, total, label)
	}
}
