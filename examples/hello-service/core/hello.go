// Package core is what the service does: its types and its function.
package core

import (
	"context"

	"github.com/outwork-go/outwork"
)

// HelloArgs is whom to greet.
type HelloArgs struct {
	Name string `cbor:"name" doc:"whom to greet" arg:"0" default:"World!" maxlen:"64"`
}

// HelloReply is a greeting.
type HelloReply struct {
	Text string `cbor:"text" doc:"the greeting"`
}

// Hello greets.
var Hello = outwork.Func("hello", func(_ context.Context, a HelloArgs) (HelloReply, error) {
	return HelloReply{"Hello " + a.Name}, nil
})
