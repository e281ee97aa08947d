package service_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/hook"
)

type (
	// laterArgs are textArgs as a later version of the program may have them.
	laterArgs struct {
		Text string `cbor:"text"`
		Loud bool   `cbor:"loud,omitempty"`
	}
	// earlierReply is a whoReply of an earlier one.
	earlierReply struct {
		UID uint32 `cbor:"uid"`
	}
)

// A client of another version than the daemon's is told what does not fit, and
// which version the daemon is. What fits, works: a field that is left out is not
// missed, and what a reply has more is skipped.
func TestVersionsThatDiffer(t *testing.T) {
	startDaemon(t)
	conn, err := client.Dial(t.Context(), socketPath)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := callAs[laterArgs, textReply](t.Context(), conn, "echo", laterArgs{Text: "x"}); err != nil {
		t.Errorf("without what only the client knows: %v", err)
	}
	if r, err := callAs[none, earlierReply](t.Context(), conn, "whoami", none{}); err != nil || r.UID != 0 {
		t.Errorf("with a reply that says more than the client knows: %v, %v", r, err)
	}
	_, unknown := callAs[laterArgs, textReply](t.Context(), conn, "echo.later", laterArgs{})
	refused(t, unknown, `there is no function "echo.later"`)
	_, field := callAs[laterArgs, textReply](t.Context(), conn, "echo", laterArgs{Loud: true})
	refused(t, field, `there is no field "loud"`)
}

// callAs calls a function as a program with other types would.
func callAs[A, R any](ctx context.Context, conn *client.Conn, name string, args A) (R, error) {
	var zero R
	f, err := hook.NewFunction(name, reflect.TypeFor[A](), reflect.TypeFor[R](), nil)
	if err != nil {
		return zero, err
	}
	r, err := hook.Call(ctx, conn, f, &args)
	if err != nil {
		return zero, err
	}
	return *r.(*R), nil
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	remote, ok := errors.AsType[*outwork.RemoteError](err)
	if !ok || !remote.Refused || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "this is testctl, version 1.2.3") {
		t.Errorf("got %v, want %s", err, want)
	}
}
