// Package served is the functions of the service that is measured: what its
// daemon, its command and its clients have in common.
package served

import (
	"context"

	"github.com/outwork-go/outwork"
)

// Text is what the functions take, and give back.
type Text struct {
	Text string `cbor:"text" arg:"0" doc:"any text" maxlen:"64"`
}

// Functions that anyone may call, that anyone may call and is recorded for, and
// that root alone may call.
var (
	Echo     = outwork.Func("echo", echo)
	Change   = outwork.Func("change", echo)
	Withheld = outwork.Func("withheld", echo)
)

func echo(_ context.Context, t Text) (Text, error) { return t, nil }

// Whom is whom to greet.
type Whom struct {
	Name string `cbor:"name" arg:"0" doc:"whom to greet"`
}

// Greet is what the generated command is measured by.
var Greet = outwork.Func("greet", func(_ context.Context, w Whom) (string, error) {
	return "Hello " + w.Name, nil
})
