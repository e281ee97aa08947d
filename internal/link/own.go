package link

import (
	"context"
	"reflect"

	"github.com/outwork-go/outwork/internal/codec"
)

// Own is a function of this module's own, between a manager and what it has started: where
// is its package. fn is nil on the side that calls; it always runs in a goroutine. It
// panics when A or R cannot cross.
func Own[A, R any](name, where string, fn func(context.Context, *A) (*R, error)) *Function {
	f := &Function{
		Name: name, Args: ownPlan[A](), Reply: ownPlan[R](), Where: where, Async: true,
		New:      func() any { return new(A) },
		NewReply: func() any { return new(R) },
	}
	if fn != nil {
		f.Invoke = func(ctx context.Context, a any) (any, error) { return fn(ctx, a.(*A)) }
	}
	return f
}

func ownPlan[T any]() *codec.Plan {
	p, err := codec.PlanOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err)
	}
	return p
}

// RegistryOf has these functions. It panics when two have the same name.
func RegistryOf(all ...*Function) *Registry {
	reg := &Registry{}
	for _, f := range all {
		if err := reg.Add(f); err != nil {
			panic(err)
		}
	}
	return reg
}
