package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/service"
)

// What abuse needs of the tests' service besides.
func init() {
	testService.API = append(testService.API,
		service.Export{Function: vault, Doc: "Keep what polkit authorizes.", Allow: service.Polkit("org.outwork.testctl.keep"), Mutates: true},
		service.Export{Function: enter, Doc: "Leave a mark, as a member of the group.", Allow: service.Group("hostctl"), Mutates: true},
		service.Export{Function: peek, Doc: "Leave a mark without a record, as a member of the group.", Allow: service.Group("hostctl")},
		service.Export{Function: forbidden, Doc: "Read an open file, as root."},
		service.Export{Function: badError, Doc: "Fail with an error whose methods panic.", Allow: service.Anyone(), Mutates: true},
		service.Export{Function: badPanic, Doc: "Panic with a value whose methods panic.", Allow: service.Anyone(), Mutates: true},
		service.Export{Function: pour, Doc: "Say a text many times.", Allow: service.Anyone()},
	)
}

// mark is where functions write that they were entered, a line each time.
const mark = "/run/testctl-mark"

type (
	vaultArgs struct {
		Text string `cbor:"text" doc:"what to keep" arg:"0"`
		Data []byte `cbor:"data,omitempty" doc:"what to keep beside it"`
	}
	pourArgs struct {
		Bytes int `cbor:"bytes" doc:"how many" arg:"0"`
	}
)

var vault = outwork.Func("vault.keep", func(_ context.Context, a vaultArgs) (none, error) { return none{}, leaveMark(a) })

var enter = outwork.Func("mark.enter", func(_ context.Context, a textArgs) (none, error) { return none{}, leaveMark(a) })

var peek = outwork.Func("mark.peek", func(_ context.Context, a textArgs) (none, error) { return none{}, leaveMark(a) })

var forbidden = outwork.Func("file.forbidden", func(_ context.Context, a fileArgs) (none, error) { return none{}, a.File.Close() })

var badError = outwork.Func("bad.error", func(context.Context, none) (none, error) { return none{}, treacherous{} })

var badPanic = outwork.Func("bad.panic", func(context.Context, none) (none, error) { panic(treacherous{}) })

var pour = outwork.Func("pour", func(_ context.Context, a pourArgs) (textReply, error) {
	return textReply{string(make([]byte, a.Bytes))}, nil
})

// treacherous is an error of which nothing can be learned.
type treacherous struct{}

func (treacherous) Error() string   { panic("the secret of the error") }
func (treacherous) Is(error) bool   { panic("the secret of the error") }
func (treacherous) As(any) bool     { panic("the secret of the error") }
func (treacherous) Unwrap() []error { panic("the secret of the error") }

func leaveMark(args any) error {
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(f).Encode(args), f.Close())
}

// marks are what functions were entered with, a line each.
func marks(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(mark)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// unmarked forgets what functions did before, and will have done.
func unmarked(t *testing.T) {
	t.Helper()
	forget := func() {
		if err := os.Remove(mark); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	forget()
	t.Cleanup(forget)
}
