package describe

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// version is a description of one function.
func version[A, R any](t testing.TB) *Description {
	return Of(&api.Service{Name: "x", Functions: []*api.Function{
		function[A, R](t, "f", "", policy.Rule{Kind: policy.Anyone}, false),
	}}, nil)
}

type none struct{}

type (
	argOf[T any] struct{ A T }
	optional     struct {
		A string `cbor:",omitempty"`
	}
	optionalPtr struct{ A *string }
	max63       struct {
		A string `maxlen:"63"`
	}
	max253 struct {
		A string `maxlen:"253"`
	}
	min2 struct {
		A string `minlen:"2"`
	}
	patterned struct {
		A string `pattern:"[a-z]+"`
	}
	patterned2 struct {
		A string `pattern:"[a-y]+"`
	}
	enumAB struct {
		A string `enum:"a,b"`
	}
	enumBC struct {
		A string `enum:"b,c"`
	}
	port struct {
		A uint16 `min:"1" max:"1024"`
	}
	portWide struct {
		A uint16 `min:"1"`
	}
	secret struct {
		A string `secret:"true"`
	}
	documented struct {
		A string `doc:"it"`
	}
	positional struct {
		A string `arg:"0"`
	}
	withDefault struct {
		A string `default:"x"`
	}
	otherDefault struct {
		A string `default:"y"`
	}
	waitShort struct {
		A time.Duration `max:"1m"`
	}
	waitLong struct {
		A time.Duration `max:"1h"`
	}
	nestedOf[T any] struct{ L []T }
	more            struct{ A, B string }
	moreOptional    struct {
		A string
		B string `cbor:",omitempty"`
	}
	moreNull struct {
		A string
		B *string
	}
)

func TestDiff(t *testing.T) {
	type text = argOf[string]
	for i, test := range []struct {
		before, after *Description
		want          string // one line a change; ! is breaking
	}{
		{version[text, text](t), version[text, text](t), ""},
		// arguments
		{version[text, none](t), version[none, none](t), `! f: argument "A": the field was removed`},
		{version[none, none](t), version[text, none](t), `! f: argument "A": the field is new, and required`},
		{version[none, none](t), version[optional, none](t), `f: argument "A": the field is new, and optional`},
		{version[optional, none](t), version[text, none](t), `! f: argument "A": it was optional, and is required`},
		{version[text, none](t), version[optional, none](t), `f: argument "A": it was required, and is optional`},
		{version[optionalPtr, none](t), version[optional, none](t), `! f: argument "A": it is no pointer in one of the versions`},
		{version[text, none](t), version[argOf[int], none](t), `! f: argument "A": the type was changed: integer, before text`},
		{
			version[argOf[int16], none](t), version[argOf[int8], none](t),
			"! f: argument \"A\": the range was narrowed: at least -128, before -32768\n! f: argument \"A\": the range was narrowed: at most 127, before 32767",
		},
		{
			version[argOf[int8], none](t), version[argOf[int64], none](t),
			"f: argument \"A\": the range was widened: at least -9223372036854775808, before -128\nf: argument \"A\": the range was widened: at most 9223372036854775807, before 127",
		},
		{version[max253, none](t), version[max63, none](t), `! f: argument "A": the range was narrowed: at most 63 characters, before 253`},
		{version[max63, none](t), version[max253, none](t), `f: argument "A": the range was widened: at most 253 characters, before 63`},
		{version[text, none](t), version[max63, none](t), `! f: argument "A": the range was narrowed: at most 63 characters, before any number`},
		{version[max63, none](t), version[text, none](t), `f: argument "A": the range was widened: any number of characters, before at most 63`},
		{version[text, none](t), version[min2, none](t), `! f: argument "A": the range was narrowed: at least 2 characters, before 0`},
		{version[portWide, none](t), version[port, none](t), `! f: argument "A": the range was narrowed: at most 1024, before 65535`},
		{version[argOf[uint16], none](t), version[portWide, none](t), `! f: argument "A": the range was narrowed: at least 1, before 0`},
		{version[waitLong, none](t), version[waitShort, none](t), `! f: argument "A": the range was narrowed: at most 1m0s, before 1h0m0s`},
		{version[text, none](t), version[patterned, none](t), `! f: argument "A": the range was narrowed: matching ^[a-z]+$, before any text`},
		{version[patterned, none](t), version[patterned2, none](t), `! f: argument "A": the pattern was changed: ^[a-y]+$, before ^[a-z]+$`},
		{version[patterned, none](t), version[text, none](t), `f: argument "A": the range was widened: any text, before matching ^[a-z]+$`},
		{version[enumAB, none](t), version[enumBC, none](t), "! f: argument \"A\": values were removed: a\nf: argument \"A\": values were added: c"},
		{version[text, none](t), version[enumAB, none](t), `! f: argument "A": the range was narrowed: one of a, b, before any value`},
		{version[enumAB, none](t), version[text, none](t), `f: argument "A": the range was widened: any value, before one of a, b`},
		{version[secret, none](t), version[text, none](t), `! f: argument "A": it is no longer secret: it would be recorded`},
		{version[text, none](t), version[secret, none](t), `f: argument "A": it is secret now`},
		{version[text, none](t), version[documented, none](t), `f: argument "A": the doc was changed`},
		{version[positional, none](t), version[text, none](t), `! f: argument "A": its place on the command line was changed: A, before A (argument 1)`},
		{version[text, none](t), version[positional, none](t), `f: argument "A": it is positional on the command line now`},
		{version[withDefault, none](t), version[text, none](t), `! f: argument "A": it has no default any more, before x`},
		{version[withDefault, none](t), version[otherDefault, none](t), `f: argument "A": the default was changed: y, before x`},
		{version[text, none](t), version[withDefault, none](t), `f: argument "A": it has a default now: x`},
		{version[nestedOf[withDefault], none](t), version[nestedOf[text], none](t), `! f: argument "L[].A": it has no default any more, before x`},
		{version[argOf[withDefault], none](t), version[argOf[struct{}], none](t), `! f: argument "A.A": the field was removed`},
		{version[argOf[struct{}], none](t), version[argOf[withDefault], none](t), `! f: argument "A.A": the field is new, and required`},
		{version[nestedOf[text], none](t), version[nestedOf[max63], none](t), `! f: argument "L[].A": the range was narrowed: at most 63 characters, before any number`},
		{version[nestedOf[text], none](t), version[nestedOf[none], none](t), `! f: argument "L[].A": the field was removed`},
		{
			version[argOf[[]int32], none](t), version[argOf[[]uint32], none](t),
			"! f: argument \"A\": the range was narrowed: at least 0, before -2147483648\nf: argument \"A\": the range was widened: at most 4294967295, before 2147483647",
		},
		{version[argOf[[][]int32], none](t), version[argOf[[][]int8], none](t), `! f: argument "A[][]": the type was narrowed: -128 to 127, before -2147483648 to 2147483647`},
		{version[argOf[[]string], none](t), version[argOf[map[string]string], none](t), `! f: argument "A": the type was changed: map to text, before list of text`},
		{version[fileArg, none](t), version[anyFileArg, none](t), `f: argument "A": kinds of file were added: pipe`},
		{version[anyFileArg, none](t), version[fileArg, none](t), `! f: argument "A": kinds of file were removed: pipe`},
		// results
		{version[none, text](t), version[none, none](t), `! f: result "A": the field was removed`},
		{version[none, text](t), version[none, more](t), `f: result "B": the field is new`},
		{version[none, text](t), version[none, moreNull](t), `f: result "B": the field is new`},
		{version[none, text](t), version[none, moreOptional](t), `f: result "B": the field is new`},
		{version[none, text](t), version[none, optional](t), `! f: result "A": it was in every result, and may be absent`},
		{version[none, optional](t), version[none, text](t), `f: result "A": it may have been absent, and is in every result`},
		{version[none, enumAB](t), version[none, enumBC](t), "f: result \"A\": values were removed: a\n! f: result \"A\": values were added: c"},
		{version[none, enumAB](t), version[none, text](t), `! f: result "A": the range was widened: any value`},
		{version[none, max63](t), version[none, max253](t), `f: result "A": the range was widened`},
		{
			version[none, argOf[int8]](t), version[none, argOf[int16]](t),
			"f: result \"A\": the range was widened: at least -32768, before -128\nf: result \"A\": the range was widened: at most 32767, before 127\n! f: result \"A\": the type was widened: -32768 to 32767",
		},
		{version[none, argOf[float32]](t), version[none, argOf[float64]](t), "the type was widened"},
		{version[none, string](t), version[none, []string](t), `! f: result: the type was changed: list of text, before text`},
		{version[none, []text](t), version[none, []none](t), `! f: result "[].A": the field was removed`},
		{version[none, io.Reader](t), version[none, string](t), `! f: result: the type was changed: text, before stream of bytes`},
	} {
		got := lines(Diff(test.before, test.after))
		if !matches(got, test.want) {
			t.Errorf("%d: got\n%s\nwant\n%s", i, got, test.want)
		}
	}
}

func lines(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		if c.Breaking {
			b.WriteString("! ")
		}
		fmt.Fprintln(&b, c)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// matches compares line by line, each by how it begins.
func matches(got, want string) bool {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	if !strings.Contains(want, ": ") {
		return strings.Contains(got, want) && (want != "" || got == "")
	}
	for i := range a {
		if len(a) != len(b) || !strings.HasPrefix(a[i], b[i]) {
			return false
		}
	}
	return true
}

func TestDiffOfFunctions(t *testing.T) {
	base := hostctl(t)
	change := func(edit func(*api.Service)) *Description {
		s := hostctl(t)
		edit(s)
		return Of(s, nil)
	}
	set := func(r policy.Rule) func(*api.Service) {
		return func(s *api.Service) { s.Functions[0].Rule = r }
	}
	for _, test := range []struct {
		after *Description
		want  string
	}{
		{change(func(s *api.Service) { s.Functions = s.Functions[1:] }), "! hostname.set: the function was removed"},
		{change(func(s *api.Service) {
			s.Functions = append(s.Functions, function[none, none](t, "a.b", "", policy.Rule{}, false))
		}), "a.b: the function is new"},
		{change(func(s *api.Service) { s.Name = "other" }), "! the service is called other, before hostctl"},
		{change(func(s *api.Service) { s.Version, s.Doc = "2", "x" }), ""},
		{change(func(s *api.Service) { s.Functions[0].Doc = "Other." }), "hostname.set: the doc was changed"},
		{change(func(s *api.Service) { s.Functions[0].Mutates = false }), "! hostname.set: it is no longer said to change something"},
		{change(func(s *api.Service) { s.Functions[1].Mutates = true }), "log.read: it is now said to change something"},
		{change(func(s *api.Service) { s.Functions[0].Asks = nil }), "hostname.set: it no longer calls back prompt.text"},
		{change(set(policy.Rule{Kind: policy.Anyone})), "! hostname.set: access was loosened: anyone, before group hostctl"},
		{change(set(anyOf(group("hostctl"), group("wheel")))), "! hostname.set: access was loosened: any of (group hostctl, group wheel), before group hostctl"},
		{change(set(allOf(group("hostctl"), group("wheel")))), "hostname.set: access was tightened: all of (group hostctl, group wheel), before group hostctl"},
		{change(set(policy.Rule{})), "hostname.set: access was tightened: nobody, before group hostctl"},
		{change(set(group("wheel"))), "! hostname.set: access was changed: group wheel, before group hostctl: it cannot be shown"},
		{change(set(anyOf(group("hostctl")))), ""},
	} {
		if got := lines(Diff(Of(base, nil), test.after)); !matches(got, test.want) {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
	if !Breaking(Diff(Of(base, nil), &Description{Service: "hostctl"})) || Breaking(nil) {
		t.Error("Breaking is wrong")
	}
}

func TestDiffOfWhatCannotBeRead(t *testing.T) {
	good, bad := version[none, none](t), version[none, none](t)
	bad.Functions[0].Args = "{"
	if got := lines(Diff(good, bad)); !strings.HasPrefix(got, "! f: the types now cannot be read") {
		t.Error(got)
	}
	bad = version[none, none](t)
	bad.Functions[0].Rule = "{}"
	if got := lines(Diff(good, bad)); !strings.HasPrefix(got, "! f: who may call: now, a rule must have") {
		t.Error(got)
	}
}

type (
	fileArg    struct{ A *os.File }
	anyFileArg struct {
		A *os.File `file:"pipe,regular"`
	}
)
