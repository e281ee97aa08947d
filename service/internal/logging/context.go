package logging

import "context"

// call is whose call a context belongs to.
type call struct {
	request string
	uid     uint32
}

type callKey struct{}

// WithCall returns a context whose records name the request and the uid of its
// caller.
func WithCall(ctx context.Context, request string, uid uint32) context.Context {
	return context.WithValue(ctx, callKey{}, call{request, uid})
}

func callOf(ctx context.Context) (c call, ok bool) {
	if ctx != nil {
		c, ok = ctx.Value(callKey{}).(call)
	}
	return c, ok
}
