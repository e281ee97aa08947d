package logging

import "context"

// Call is what a context has under CallKey when it is that of a client's call:
// its records name the request and the caller's uid. It is safe for concurrent
// use.
type Call interface {
	Request() string
	UID() uint32
}

// CallKey is the key of the Call in a context.
type CallKey struct{}

func callOf(ctx context.Context) Call {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(CallKey{}).(Call)
	return c
}
