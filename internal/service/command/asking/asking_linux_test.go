package asking

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
	"github.com/outwork-go/outwork/internal/service/fault"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/schema"
	"github.com/outwork-go/outwork/internal/transport"
)

type setArgs struct {
	Name   string         `cbor:"name" doc:"the name" pattern:"[a-z]+"`
	Size   uint16         `cbor:"size,omitempty" max:"100"`
	Mode   string         `cbor:"mode" enum:"fast,slow" default:"fast"`
	Tags   []string       `cbor:"tags"`
	Labels map[string]int `cbor:"labels"`
	Data   []byte         `cbor:"data,omitempty"`
	Key    string         `cbor:"key,omitempty" secret:"true"`
	File   *os.File       `cbor:"file"`
}

type setReply struct {
	Got  string `cbor:"got"`
	Read string `cbor:"read"`
}

func setValue(_ context.Context, args any) (any, error) {
	a := args.(*setArgs)
	if a.Name == "denied" {
		return nil, &fault.Denied{Text: "value.set is denied to you"}
	}
	b := make([]byte, 4)
	n, _ := a.File.Read(b)
	got := strings.Join([]string{a.Name, strconv.Itoa(int(a.Size)), a.Mode, strings.Join(a.Tags, "+"), strconv.Itoa(a.Labels["k"]), string(a.Data), a.Key}, "|")
	return &setReply{Got: got, Read: string(b[:n])}, nil
}

// function is fn by reflection, as a service would have it.
func function[A, R any](t *testing.T, name string, fn func(context.Context, any) (any, error)) *api.Function {
	t.Helper()
	l, err := hook.NewFunction(name, reflect.TypeFor[A](), reflect.TypeFor[R](), fn)
	if err != nil {
		t.Fatal(err)
	}
	args, err := schema.Of(reflect.TypeFor[A]())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := schema.Of(reflect.TypeFor[R]())
	if err != nil {
		t.Fatal(err)
	}
	return &api.Function{Link: l, Doc: "Set\x1b]0;x\a a value. Keep it.", Args: args, Reply: reply, Mutates: true, Rule: policy.Rule{Kind: policy.Group, Name: "g"}}
}

// serve serves a service without a policy on a socket, and returns its path.
func serve(t *testing.T, change func(*describe.Description)) string {
	t.Helper()
	s := &api.Service{Name: "testctl", Doc: "Test.", Version: "1", Functions: []*api.Function{function[setArgs, setReply](t, "value.set", setValue)}}
	d := describe.Of(s, func(string) (string, string) { return describe.Yes, "code" })
	if change != nil {
		change(d)
	}
	about := function[describe.Args, describe.Description](t, describe.Name, func(context.Context, any) (any, error) { return d, nil })
	var registry link.Registry
	for _, f := range append(s.Functions, about) {
		if err := registry.Add(f.Link); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { accept(l.(*net.UnixListener), &registry) })
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return path
}

// accept serves each client until it hangs up.
func accept(l *net.UnixListener, registry *link.Registry) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		f, err := c.File()
		c.Close()
		if err != nil {
			return
		}
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		f.Close()
		if err != nil {
			return
		}
		t, err := transport.NewSocket(fd)
		if err != nil {
			return
		}
		served := link.New(t, link.Config{
			Side: mux.WorkerSide, Service: true, Serving: true, Functions: registry, Errors: hook.Errors,
			Hello: link.Hello{Confinement: "none"},
		})
		wg.Go(func() { <-served.Done(); served.Close() })
	}
}

// outwork runs a command line, and returns its exit status.
func execute(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := &cobra.Command{Use: "outwork", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Verbs()...)
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return 0, out.String(), errs.String()
	}
	f := shell.FailureOf(err)
	return f.Status, out.String(), errs.String() + f.Text
}

func TestCall(t *testing.T) {
	path := serve(t, nil)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	given := "file=@" + file
	for _, test := range []struct {
		words, stdin   string // words by spaces
		status         int
		stdout, stderr string
	}{
		{"value.set name=a " + given, "", 0, "got:  a|0|fast||0||\nread: text\n", ""},
		{"value.set --json name=a " + given, "", 0, `{"got":"a|0|fast||0||","read":"text"}` + "\n", ""},
		{"value.set name=a size:=7 mode=slow tags=x tags=y labels=k=3 data=b " + given, "", 0, "got:  a|7|slow|x+y|3|b|\nread: text\n", ""},
		{`value.set name:="a" tags:=["x","y"] labels:={"k":4} data=@` + file + " key=- " + given, "secret\n", 0, "got:  a|0|fast|x+y|4|text\n      |secret\nread: text\n", ""},
		{"value.set name=denied " + given, "", 77, "", "value.set is denied to you"},
		{"value.set name=a", "", 2, "", "file is missing: see outwork describe " + path},
		{"value.set " + given, "", 2, "", "name is missing: see outwork describe " + path},
		{"value.set name=A " + given, "", 2, "", "name must match ^[a-z]+$"},
		{"value.set size=101", "", 2, "", "size must be at most 100"},
		{"value.set size:=-1", "", 2, "", "size must be at least 0"},
		{"value.set labels:={\"k\":\"x\"}", "", 2, "", "labels[\"k\"] must be an integer, not text"},
		{"value.set nmae=a", "", 2, "", `there is no field "nmae": did you mean name?`},
		{"value.set frob=a", "", 2, "", `there is no field "frob": fields are name, size, mode, tags, labels, data, key and file`},
		{"value.set name", "", 2, "", `"name" must be name=value, name:=JSON or name=@FILE: fields are name, size, mode, tags, labels, data, key and file`},
		{"value.set key=abc", "", 2, "", "key is a secret, and all users can see a command line: give key=@FILE, or key=- for standard input"},
		{"value.set file=x", "", 2, "", "file is a file: give file=@FILE, or file=- for standard input"},
		{"value.set file=@nowhere", "", 2, "", "file: nowhere cannot be opened: no such file or directory"},
		{"value.sett", "", 2, "", `testctl has no function "value.sett": did you mean value.set?`},
		{"frobnicate", "", 2, "", `testctl has no function "frobnicate": see outwork describe`},
	} {
		args := append([]string{"call", "--uid", strconv.Itoa(os.Getuid()), path}, strings.Fields(test.words)...)
		status, stdout, stderr := execute(t, test.stdin, args...)
		if status != test.status || stdout != test.stdout || stderr != test.stderr {
			t.Errorf("%s: status %d, %q, %q\nwant %d, %q, %q", test.words, status, stdout, stderr, test.status, test.stdout, test.stderr)
		}
	}
}

func TestWhomToAsk(t *testing.T) {
	path := serve(t, nil)
	for _, test := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"call", path + "x", "f"}, 69, "there is no socket " + path + "x: did you mean " + path + "?"},
		{[]string{"call", path + "/x/y", "f"}, 69, path + "/x/y"},
		{[]string{"call", "--uid", strconv.Itoa(os.Getuid() + 1), path, "f"}, 69, "it may be an impostor"},
		{[]string{"call", "hostctl", "f"}, 2, `"hostctl" is no address`},
		{[]string{"call"}, 2, "there is no address"},
		{[]string{"call", path}, 2, "there is no function behind " + path},
		{[]string{"describe"}, 2, "there is no address"},
		{[]string{"describe", path, "x"}, 2, `"x" is one argument too many`},
		{[]string{"describe", "--lock", "--json", path}, 2, "--lock cannot be given with --json or --diff"},
		{[]string{"describe", "--diff", "nowhere", path}, 2, "--diff nowhere: cannot read the file: no such file or directory"},
	} {
		status, _, stderr := execute(t, "", test.args...)
		if status != test.status || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%q: status %d, %q; want %d, %q", test.args, status, stderr, test.status, test.stderr)
		}
	}
}

func TestDescribe(t *testing.T) {
	path := serve(t, nil)
	ask := func(args ...string) (int, string, string) {
		return execute(t, "", append([]string{"describe", "--uid", strconv.Itoa(os.Getuid()), path}, args...)...)
	}
	status, text, _ := ask()
	if status != 0 || !strings.Contains(text, "value.set") || !strings.Contains(text, "group g") || strings.Contains(text, "\x1b") {
		t.Errorf("status %d, %q", status, text)
	}
	status, text, _ = ask("--json")
	if status != 0 || !strings.HasPrefix(text, `{"service":"testctl"`) || !strings.Contains(text, `"args":{`) || strings.Count(text, "\n") != 1 {
		t.Errorf("status %d, %q", status, text)
	}
	_, lock, _ := ask("--lock")
	file := filepath.Join(t.TempDir(), describe.LockFile)
	if err := os.WriteFile(file, []byte(lock), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := ask("--diff", file); status != 0 || text != "" {
		t.Errorf("the same: status %d, %q", status, text)
	}
	path = serve(t, func(d *describe.Description) { d.Functions[0].Name = "value.put" })
	status, text, errs := ask("--diff", file)
	if status != 1 || !strings.Contains(text, "breaks  value.set: the function was removed\n") || !strings.Contains(text, "changes value.put: the function is new\n") {
		t.Errorf("renamed: status %d, %q", status, text)
	}
	if want := "testctl does not fit " + file + " any more"; errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
	if status, text, _ := ask("--diff", file, "--json"); status != 1 || !strings.HasPrefix(text, `[{"function":"value.put"`) {
		t.Errorf("as JSON: status %d, %q", status, text)
	}
}

// A service that lies about itself harms nobody.
func TestHostileDescription(t *testing.T) {
	for name, change := range map[string]func(*describe.Description){
		"no schema":  func(d *describe.Description) { d.Functions[0].Args = "{" },
		"no object":  func(d *describe.Description) { d.Functions[0].Args = `{"type":"string"}` },
		"no name":    func(d *describe.Description) { d.Functions[0].Name = "\x1b[2J" },
		"no service": func(d *describe.Description) { d.Service = "" },
	} {
		path := serve(t, change)
		for _, args := range [][]string{{"call", path, "value.set"}, {"describe", path, "--json"}, {"describe", path}} {
			status, stdout, stderr := execute(t, "", append(args, "--uid", strconv.Itoa(os.Getuid()))...)
			if status == 0 && len(args) != 2 || strings.Contains(stdout+stderr, "\x1b") {
				t.Errorf("%s: %q: status %d, %q, %q", name, args, status, stdout, stderr)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	path := serve(t, nil)
	for _, test := range []struct{ words, want string }{
		{"", ":0"},
		{path + " ", "value.set\tSet]0;x a value"},
		{path + " value.set n", "name=\tthe name"},
		{path + " value.set mode=s", "mode=slow"},
		{path + " value.set x=", ":6"},
		{path + " frob ", ":4"},
		{path + "x ", ":4"},
	} {
		args := append([]string{"__complete", "call", "--uid", strconv.Itoa(os.Getuid())}, strings.Split(test.words, " ")...)
		_, stdout, _ := execute(t, "", args...)
		if !strings.Contains(stdout, test.want+"\n") {
			t.Errorf("%q: %q, want %q in it", test.words, stdout, test.want)
		}
	}
}
