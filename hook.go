package outwork

import (
	"context"
	"errors"
	"reflect"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
)

func init() {
	hook.Errors = &crossing
	hook.Function = func(f any) *link.Function { return f.(AnyFunction).function() }
	hook.Call = func(ctx context.Context, to any, f *link.Function, args any) (any, error) {
		return to.(Callee).call(ctx, f, args)
	}
	hook.NewFunction = unregistered
	hook.RegisterGuest = registerGuest
	hook.CallModule = func(ctx context.Context, worker any, c hook.ModuleCall) (any, error) {
		return worker.(*Worker).callModule(ctx, c)
	}
	hook.Joinable, hook.Joins = joinable, joins
}

// unregistered is a function of types that are known only now.
func unregistered(name string, args, reply reflect.Type, fn func(context.Context, any) (any, error)) (*link.Function, error) {
	a, aerr := codec.PlanOf(args)
	r, rerr := codec.PlanOf(reply)
	if err := errors.Join(aerr, rerr); err != nil {
		return nil, err
	}
	return &link.Function{
		Name: name, Args: a, Reply: r, Invoke: fn,
		New:      func() any { return reflect.New(args).Interface() },
		NewReply: func() any { return reflect.New(reply).Interface() },
	}, nil
}
