package command

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// declared is a function of that name whose argument is an A.
func declared[A any](t *testing.T, name string) *api.Function {
	t.Helper()
	args, err := schema.Of(reflect.TypeFor[A]())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := schema.Of(reflect.TypeFor[[]byte]())
	if err != nil {
		t.Fatal(err)
	}
	l, err := hook.NewFunction(name, args.Go, reply.Go, func(context.Context, any) (any, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	return &api.Function{Link: l, Args: args, Reply: reply}
}

func TestCheck(t *testing.T) {
	type word struct {
		Name string `cbor:"name" arg:"0"`
	}
	type secretWord struct {
		Name string `cbor:"name" arg:"0" secret:"true"`
	}
	type flag struct {
		Name string `cbor:"name"`
	}
	type json struct {
		JSON string `cbor:"json"`
	}
	type output struct {
		Output string `cbor:"output"`
	}
	type twins struct {
		A string `cbor:"max_size"`
		B string `cbor:"maxSize"`
	}
	type secretTwins struct {
		A string `cbor:"key" secret:"true"`
		B string `cbor:"key_file"`
	}
	for _, test := range []struct {
		functions []*api.Function
		want      string
	}{
		{[]*api.Function{declared[word](t, "hostname.set"), declared[flag](t, "hostname"), declared[word](t, "hostctl")}, ""},
		{[]*api.Function{declared[word](t, "policy.set")}, `function "policy.set": every command has a verb policy of its own`},
		{[]*api.Function{declared[word](t, "a..b")}, `function "a..b" cannot be a command`},
		{[]*api.Function{declared[word](t, "a b.c")}, `function "a b.c" cannot be a command`},
		{[]*api.Function{declared[word](t, "-a")}, `function "-a" cannot be a command`},
		{[]*api.Function{declared[word](t, "get_all"), declared[word](t, "get-all")}, `functions "get_all" and "get-all" would be the same command: hostctl get-all`},
		{[]*api.Function{declared[word](t, "hostname"), declared[word](t, "hostname.set")}, `function "hostname" takes arguments, which could not be told from the command of "hostname.set"`},
		{[]*api.Function{declared[secretWord](t, "a")}, `function "a": field "name" is secret and cannot be a positional argument`},
		{[]*api.Function{declared[json](t, "a")}, `field "json" would be the flag --json, which every command has`},
		{[]*api.Function{declared[output](t, "a")}, `field "output" would be the flag --output, which every command has`},
		{[]*api.Function{declared[twins](t, "a")}, `fields "max_size" and "maxSize" would be the same flag: --max-size`},
		{[]*api.Function{declared[secretTwins](t, "a")}, `fields "key" and "key_file" would be the same flag: --key-file`},
	} {
		s := newService("hostctl", "hostd", "")
		s.Functions = test.functions
		err := Check(s)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%v", err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("got %v, want %q in it", err, test.want)
		}
	}
}
