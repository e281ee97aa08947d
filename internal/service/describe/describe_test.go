package describe

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/schema"
)

type nameArgs struct {
	Name  string        `cbor:"name" doc:"the new host name" pattern:"[a-z0-9-]+" maxlen:"63" arg:"0"`
	Wait  time.Duration `cbor:"wait" max:"1h" default:"10s"`
	Token string        `cbor:"token,omitempty" secret:"true"`
	Port  uint16        `cbor:"port,omitempty" min:"1"`
	Tags  []tag         `cbor:"tags,omitempty" maxlen:"8"`
}

type tag struct {
	Key string `cbor:"key" enum:"a,b" doc:"its key"`
}

type nameReply struct {
	Old  string `cbor:"old"`
	Kind string `cbor:"kind" enum:"static,dynamic"`
}

type readReply struct {
	File *os.File `cbor:"file"`
}

func function[A, R any](t testing.TB, name, doc string, r policy.Rule, mutates bool, asks ...string) *api.Function {
	t.Helper()
	f := &api.Function{Link: &link.Function{Name: name}, Doc: doc, Rule: r, Mutates: mutates}
	var err error
	if f.Args, err = schema.Of(reflect.TypeFor[A]()); err != nil {
		t.Fatal(err)
	}
	if f.Reply, err = schema.Of(reflect.TypeFor[R]()); err != nil {
		t.Fatal(err)
	}
	for _, ask := range asks {
		f.Asks = append(f.Asks, &link.Function{Name: ask})
	}
	return f
}

func group(name string) policy.Rule { return policy.Rule{Kind: policy.Group, Name: name} }

func anyOf(of ...policy.Rule) policy.Rule { return policy.Rule{Kind: policy.AnyOf, Of: of} }

func allOf(of ...policy.Rule) policy.Rule { return policy.Rule{Kind: policy.AllOf, Of: of} }

func hostctl(t testing.TB) *api.Service {
	return &api.Service{
		Name: "hostctl", Doc: "Change what needs root on this host.", Version: "1.2.3",
		Functions: []*api.Function{
			function[nameArgs, nameReply](t, "hostname.set", "Set the host name.", group("hostctl"), true, "prompt.text"),
			function[struct{}, []string](t, "log.read", "Read the log.", policy.Rule{Kind: policy.Anyone}, false),
			function[struct{}, readReply](t, "log.open", "", policy.Rule{Kind: policy.Polkit, Name: "org.example.log"}, false),
		},
	}
}

func may(name string) (string, string) {
	switch name {
	case "hostname.set":
		return No, "you are not in the group hostctl"
	case "log.open":
		return Ask, ""
	}
	return Yes, "the code allows anyone"
}

func TestDescriptionCrosses(t *testing.T) {
	d := Of(hostctl(t), may)
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	plan, err := codec.PlanOf(reflect.TypeFor[Description]())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.PlanOf(reflect.TypeFor[Args]()); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := plan.Append(&buf, d, false); err != nil {
		t.Fatal(err)
	}
	var back Description
	if _, err := plan.Decode(buf.Bytes(), &back, false); err != nil || !reflect.DeepEqual(*d, back) {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestWriteText(t *testing.T) {
	var b strings.Builder
	if err := Of(hostctl(t), may).WriteText(&b, 70, true); err != nil {
		t.Fatal(err)
	}
	const want = `hostctl 1.2.3
  Change what needs root on this host.

hostname.set
  Set the host name.
  may be called by: group hostctl
  may be called by you: no, you are not in the group hostctl
  changes something: each call is recorded
  calls back: prompt.text
  arguments:
    name (argument 1): text, required, at most 63 characters, matching
      ^[a-z0-9-]+$
        the new host name
    wait: duration (1m30s), default 10s, at most 1h0m0s
    token: text, optional, secret
    port: integer, optional, 1 to 65535
    tags: list of object, optional, at most 8 elements
      key: text, required, one of a, b
          its key
  result:
    old: text
    kind: text, one of static, dynamic

log.read
  Read the log.
  may be called by: anyone
  may be called by you: yes, the code allows anyone
  result: list of text

log.open
  may be called by: polkit action org.example.log
  may be called by you: polkit is asked
  result:
    file: open file
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// Nothing that a peer says moves the cursor, changes colours or begins a line.
func TestWriteTextIsSafe(t *testing.T) {
	evil := "a\x1b[2J\nb\r\u009b31m\u202e\xff\x00"
	d := &Description{
		Service: evil, Doc: evil, Version: evil,
		Functions: []Function{
			{Name: evil, Doc: evil, Allow: evil, May: Yes, Why: evil, Asks: []string{evil}, Args: evil},
			{
				Name: "x", May: evil, Reply: `{"type":"string"}`,
				Args: `{"type":"object","properties":{"a":{"type":"string","description":"\u001b[2J\n\u009b","pattern":"\u001b","default":"\u001b"}}}`,
			},
		},
	}
	var b strings.Builder
	if err := d.WriteText(&b, 0, true); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimLeft(line, " ") != clean(line) {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(b.String(), `a\x1b[2J b`) || !strings.Contains(b.String(), "its types cannot be read") {
		t.Error(b.String())
	}
}

func TestCheck(t *testing.T) {
	many := &Description{Service: "x", Functions: make([]Function, MaxFunctions+1)}
	for _, d := range []*Description{
		many,
		{Service: ""},
		{Service: "a b"},
		{Service: "x", Doc: strings.Repeat("d", MaxText+1)},
		{Service: "x", Functions: []Function{{Name: "a"}, {Name: "a"}}},
		{Service: "x", Functions: []Function{{Name: "a\n"}}},
		{Service: "x", Functions: []Function{{Name: "a", Why: strings.Repeat("d", MaxText+1)}}},
		{Service: "x", Functions: []Function{{Name: "a", Asks: []string{strings.Repeat("d", 1025)}}}},
	} {
		if d.Check() == nil {
			t.Errorf("%.200v passes", d)
		}
	}
}

func TestLock(t *testing.T) {
	var first, second bytes.Buffer
	d := Of(hostctl(t), may)
	if err := WriteLock(&first, d); err != nil {
		t.Fatal(err)
	}
	read, err := ReadLock(first.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteLock(&second, read); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("written again, it is\n%s\nand was\n%s, %v", second.Bytes(), first.Bytes(), err)
	}
	if changes := Diff(d, read); len(changes) != 0 {
		t.Errorf("a lock differs from what it was made of: %v", changes)
	}
	if !strings.HasPrefix(first.String(), "{\n  \"format\": 1,\n  \"service\": \"hostctl\",\n  \"functions\": {\n    \"hostname.set\": {\n") ||
		strings.Contains(first.String(), "1.2.3") || strings.Contains(first.String(), "not in the group") {
		t.Errorf("%s", first.Bytes())
	}
}

func TestReadLockIsStrict(t *testing.T) {
	const ok = `"doc":"","mutates":false,"allow":{"anyone":true},"args":{"type":"object"},"reply":{"type":"string"}`
	file := func(function string) string {
		return `{"format":1,"service":"x","functions":{"a":{` + function + `}}}`
	}
	if _, err := ReadLock([]byte(file(ok))); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		``:                          "it ends too early",
		file(ok) + "x":              "there is more after its end",
		`{"format":2}`:              "its format is 2, and 1 is known here",
		file(ok + `,"more":1`):      "unknown field",
		file(ok + `,"doc":""`):      "there twice",
		file(`"doc":""`):            "allow, args or reply is missing",
		strings.Repeat("[", 100000): "nested deeper",
		file(strings.Replace(ok, `{"anyone":true}`, `{}`, 1)):                                                              "exactly one of",
		file(strings.Replace(ok, `{"anyone":true}`, `{"anyone":true,"uid":0}`, 1)):                                         "exactly one of",
		file(strings.Replace(ok, `{"anyone":true}`, `{"any":[{"x":1}]}`, 1)):                                               "unknown field",
		file(strings.Replace(ok, `{"type":"object"}`, `{"type":"string"}`, 1)):                                             "must be an object",
		file(strings.Replace(ok, `{"type":"object"}`, `{"type":"thing"}`, 1)):                                              `the type "thing"`,
		strings.Replace(file(ok), `"x"`, `"x y"`, 1):                                                                       "names no service",
		file(strings.Replace(ok, `{"anyone":true}`, strings.Repeat(`{"all":[`, 9)+`{"uid":1}`+strings.Repeat(`]}`, 9), 1)): "deeper than 8",
	} {
		if _, err := ReadLock([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: got %v, want %q", text, err, want)
		}
	}
}

func TestRules(t *testing.T) {
	for _, r := range []policy.Rule{
		{},
		{Kind: policy.Anyone},
		{Kind: policy.User, ID: 0},
		{Kind: policy.User, Name: "a"},
		{Kind: policy.Group, ID: 4},
		group("g"),
		{Kind: policy.Polkit, Name: "org.x"},
		anyOf(group("a"), allOf(group("b"), group("c"))),
	} {
		back, err := parseRule(ruleJSON(r))
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s: got %v, %v", ruleJSON(r), back, err)
		}
	}
	if got := string(ruleJSON(anyOf())); got != `{"nobody":true}` {
		t.Error(got)
	}
}

func TestWithin(t *testing.T) {
	a, b, c := group("a"), group("b"), group("c")
	anyone, nobody := policy.Rule{Kind: policy.Anyone}, policy.Rule{}
	for _, test := range []struct {
		inner, outer policy.Rule
		want         bool
	}{
		{a, a, true},
		{a, b, false},
		{a, anyone, true},
		{anyone, a, false},
		{nobody, a, true},
		{anyOf(), nobody, true},
		{a, nobody, false},
		{a, anyOf(a, b), true},
		{anyOf(a, b), a, false},
		{anyOf(a, b), anyOf(b, a), true},
		{anyOf(a, c), anyOf(a, b), false},
		{allOf(a, b), a, true},
		{a, allOf(a, b), false},
		{allOf(a, b, c), allOf(c, a), true},
		{allOf(a, c), allOf(a, b), false},
		{allOf(a, anyOf(b, c)), anyOf(allOf(a, b), c), false}, // true, but not by shape
		{allOf(anyOf(a, b), c), anyOf(a, b, c), true},
		{policy.Rule{Kind: policy.User}, nobody, true}, // root
		{policy.Rule{Kind: policy.User, ID: 5}, policy.Rule{Kind: policy.Group, ID: 5}, false},
		{policy.Rule{Kind: policy.User, Name: "x"}, policy.Rule{Kind: policy.User, ID: 5}, false},
	} {
		if got := within(test.inner, test.outer); got != test.want {
			t.Errorf("%s within %s: %v", test.inner, test.outer, got)
		}
	}
}

func TestDescriptionIsJSON(t *testing.T) {
	text, err := json.Marshal(Of(hostctl(t), nil))
	if err != nil || !strings.Contains(string(text), `"name":"hostname.set"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func FuzzReadLock(f *testing.F) {
	var b bytes.Buffer
	if err := WriteLock(&b, Of(hostctl(f), nil)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadLock(data)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteLock(&again, d); err != nil {
			t.Fatal(err)
		}
		back, err := ReadLock(again.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if changes := Diff(d, back); len(changes) != 0 {
			t.Fatalf("%v", changes)
		}
	})
}

// What a command line may leave out is not said to be required, though a call has it.
func TestNestedDefaultsAreNotRequired(t *testing.T) {
	type args struct {
		Keep struct {
			Copies int `cbor:"copies" default:"1"`
		} `cbor:"keep"`
	}
	s := &api.Service{Name: "vault", Functions: []*api.Function{function[args, struct{}](t, "add", "", policy.Rule{}, false)}}
	var b strings.Builder
	if err := Of(s, nil).WriteText(&b, 0, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"keep: object, may be left out\n", "copies: integer, default 1\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
