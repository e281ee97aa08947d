package link

import (
	"context"
	"maps"
)

type (
	grantsKey   struct{}
	progressKey struct{}
)

// WithGrants is ctx for calls that grant functions, besides those that ctx grants
// already.
func WithGrants(ctx context.Context, functions ...*Function) context.Context {
	grants := map[string]*Function{}
	if old, ok := ctx.Value(grantsKey{}).(map[string]*Function); ok {
		maps.Copy(grants, old)
	}
	for _, f := range functions {
		grants[f.Name] = f
	}
	return context.WithValue(ctx, grantsKey{}, grants)
}

// WithProgress is ctx for calls whose progress f is told.
func WithProgress(ctx context.Context, f func(done, total int64, label string)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// Carried is a new call with what ctx says that calls carry.
func Carried(ctx context.Context) *Call {
	c := &Call{}
	c.Grants, _ = ctx.Value(grantsKey{}).(map[string]*Function)
	c.Progress, _ = ctx.Value(progressKey{}).(func(done, total int64, label string))
	return c
}
