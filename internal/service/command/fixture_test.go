package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/fault"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// The functions of the service that the tests are about.

type none struct{}

type hostname struct {
	Name string `cbor:"name" doc:"the new host name" pattern:"^[a-z0-9-]{1,63}$" arg:"0"`
}

type hostnameReply struct {
	Name string `cbor:"name"`
}

var hostnames = outwork.Func("hostname.get", func(context.Context, none) (hostnameReply, error) {
	return hostnameReply{"web1"}, nil
})

var setHostname = outwork.Func("hostname.set", func(_ context.Context, a hostname) (none, error) { return none{}, nil })

type entry struct {
	Path string `cbor:"path"`
	Mode uint32 `cbor:"mode,omitempty" max:"511"`
}

type user struct {
	Name     string            `cbor:"name" doc:"the name to log in by" minlen:"1" maxlen:"32" arg:"0"`
	Groups   []string          `cbor:"groups" doc:"groups besides the first one" arg:"1..."`
	ID       uint32            `cbor:"user_id,omitempty" doc:"the number; the next free one otherwise" min:"1000" max:"60000"`
	Shell    string            `cbor:"shell" doc:"what is started at login" enum:"bash,zsh,sh" default:"bash"`
	Admin    bool              `cbor:"admin" doc:"may become root"`
	Label    map[string]string `cbor:"label" doc:"what else is known"`
	Entry    *entry            `cbor:"entry" doc:"a file to make"`
	Mail     []string          `cbor:"mail" doc:"an address"`
	Valid    time.Duration     `cbor:"valid" doc:"for how long" default:"24h"`
	Picture  []byte            `cbor:"picture,omitempty" doc:"a picture" maxlen:"64"`
	Password string            `cbor:"password" doc:"the password" secret:"true" minlen:"3"`
}

type userReply struct {
	Name    string            `cbor:"name"`
	ID      uint32            `cbor:"user_id"`
	Groups  []string          `cbor:"groups"`
	Home    *entry            `cbor:"home"`
	Label   map[string]string `cbor:"label"`
	Admin   bool              `cbor:"admin"`
	Valid   time.Duration     `cbor:"valid"`
	Picture []byte            `cbor:"picture"`
	Secret  int               `cbor:"secret"`
	Mails   []mail            `cbor:"mails"`
}

type mail struct {
	Address string `cbor:"address"`
	Main    bool   `cbor:"main"`
}

var addUser = outwork.Func("user.add", func(_ context.Context, a user) (userReply, error) {
	r := userReply{
		Name: a.Name, ID: a.ID, Groups: a.Groups, Home: a.Entry, Label: a.Label, Admin: a.Admin, Valid: a.Valid,
		Picture: a.Picture, Secret: len(a.Password),
	}
	for i, m := range a.Mail {
		r.Mails = append(r.Mails, mail{m, i == 0})
	}
	return r, nil
})

type secretArgs struct {
	Password string `cbor:"password" doc:"the password" secret:"true" minlen:"3"`
}

var secretLength = outwork.Func("user.secret", func(_ context.Context, a secretArgs) (int, error) { return len(a.Password), nil })

type lines struct {
	Lines int `cbor:"lines" doc:"how many" min:"1" max:"1000" default:"2"`
}

type record struct {
	Unit string `cbor:"unit"`
	Text string `cbor:"text"`
}

type recordList struct {
	Records []record `cbor:"records"`
}

func records(n int) (all []record) {
	for i := range n {
		all = append(all, record{fmt.Sprintf("unit-%d.service", i), "line " + strings.Repeat("x", i) + "\x1b]0;t\x07"})
	}
	return all
}

var listJournal = outwork.Func("journal.list", func(_ context.Context, a lines) (recordList, error) {
	return recordList{records(a.Lines)}, nil
})

type recordStream struct {
	Boot    string                  `cbor:"boot"`
	Records *outwork.Stream[record] `cbor:"records"`
}

var followJournal = outwork.Func("journal.follow", func(_ context.Context, a lines) (recordStream, error) {
	return recordStream{"b1", outwork.StreamOf(func(yield func(record, error) bool) {
		for _, r := range records(a.Lines) {
			if !yield(r, nil) {
				return
			}
		}
		if a.Lines == 13 {
			yield(record{}, errors.New("the journal is torn"))
		}
	})}, nil
})

type fileArgs struct {
	Which string `cbor:"which" doc:"which file" enum:"shadow,pipe,none,absent" arg:"0"`
}

type fileReply struct {
	File *os.File `cbor:"file,omitempty" doc:"the file"`
	Size int64    `cbor:"size"`
}

var readFile = outwork.Func("file.read", func(_ context.Context, a fileArgs) (fileReply, error) {
	switch a.Which {
	case "none":
		return fileReply{}, os.ErrNotExist
	case "absent":
		return fileReply{}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fileReply{}, err
	}
	defer w.Close()
	_, err = io.WriteString(w, "root:*:\x1b]0;\n")
	return fileReply{r, 12}, err
})

var listenPort = outwork.Func("port.listen", func(context.Context, none) (*os.File, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.File()
})

type hashArgs struct {
	Of *os.File `cbor:"of" doc:"what to hash" arg:"0" file:"pipe,regular"`
}

var hashFile = outwork.Func("hash", func(_ context.Context, a hashArgs) ([]byte, error) {
	b, err := io.ReadAll(a.Of)
	sum := sha256.Sum256(b)
	return sum[:], err
})

type failArgs struct {
	How string `cbor:"how" doc:"how to fail" arg:"0"`
}

var fail = outwork.Func("fail", func(ctx context.Context, a failArgs) (none, error) {
	switch a.How {
	case "denied":
		return none{}, &fault.Denied{Text: "fail is denied to you (uid 7): it takes membership of group hostctl"}
	case "busy":
		return none{}, &fault.Busy{}
	case "invalid":
		return none{}, &fault.Invalid{Function: "fail", Field: "how", Problem: "must be better"}
	case "internal":
		return none{}, &fault.Internal{Request: "4f"}
	case "wait":
		fmt.Fprintln(os.Stderr, "waiting")
		<-ctx.Done()
		fmt.Fprintln(os.Stderr, "told")
		return none{}, ctx.Err()
	}
	if a.How == "deaf" {
		fmt.Fprintln(os.Stderr, "waiting")
		<-ctx.Done()
		fmt.Fprintln(os.Stderr, "told, but deaf")
		select {}
	}
	return none{}, errors.New("it fails\x1b]0;x\x07")
})

type keep struct {
	For    time.Duration `cbor:"for" doc:"how long" min:"1h" default:"24h"`
	Copies int           `cbor:"copies" doc:"how many" min:"1" max:"9" default:"1"`
	Where  struct {
		Disk string `cbor:"disk" doc:"on which disk" enum:"fast,slow" default:"fast"`
	} `cbor:"where"`
}

type note struct {
	Text  string            `cbor:"text" doc:"what to note" arg:"0"`
	Tags  []string          `cbor:"tags" doc:"words to find it by" arg:"1..."`
	Keep  keep              `cbor:"keep" doc:"how it is kept"`
	Extra map[string]string `cbor:"extra" doc:"what else is known"`
}

type noteReply struct {
	Keep  keep              `cbor:"keep"`
	Tags  []string          `cbor:"tags"`
	Extra map[string]string `cbor:"extra"`
}

var addNote = outwork.Func("note.add", func(_ context.Context, a note) (noteReply, error) {
	return noteReply{a.Keep, a.Tags, a.Extra}, nil
})

// prompt is granted, and looks at no context: as one that reads what is typed.
var prompt = outwork.Func("prompt", func(context.Context, none) (none, error) {
	fmt.Fprintln(os.Stderr, "waiting")
	select {}
})

var ask = outwork.Func("ask", func(ctx context.Context, _ none) (none, error) {
	return prompt.Call(ctx, call.Back(ctx), none{})
})

type helloArgs struct {
	Name string `cbor:"name" doc:"whom to greet" arg:"0"`
}

var hello = outwork.Func("hello", func(_ context.Context, a helloArgs) (string, error) { return "Hello " + a.Name, nil })

// export is f with what a service says of it.
func export(f outwork.AnyFunction, doc string, rule policy.Rule, mutates bool) *api.Function {
	l := hook.Function(f)
	args, err := schema.Of(l.Args.Type())
	if err != nil {
		panic(err)
	}
	reply, err := schema.Of(l.Reply.Type())
	if err != nil {
		panic(err)
	}
	return &api.Function{Link: l, Doc: doc, Args: args, Reply: reply, Rule: rule, Mutates: mutates}
}

func hostctl() *api.Service {
	group := policy.Rule{Kind: policy.Group, Name: "hostctl"}
	anyone := policy.Rule{Kind: policy.Anyone}
	s := newService("hostctl", "hostd", "Change what needs root on this host.")
	s.Functions = []*api.Function{
		export(fail, "Fail.", anyone, false),
		export(ask, "Ask the caller back.", anyone, false),
		export(readFile, "Read a file that only root can read.", group, false),
		export(hashFile, "Hash a file.", anyone, false),
		export(hostnames, "Print the host name.", anyone, false),
		export(setHostname, "Set the host name. It holds until it is set again, and also after the next start of the host: it is kept in a file.", group, true),
		export(followJournal, "Print the journal's last lines while they come.", policy.Rule{}, false),
		export(listJournal, "List the journal's last lines.", anyone, false),
		export(addNote, "Add a note.", anyone, true),
		export(listenPort, "Listen on a port below 1024.", group, true),
		export(addUser, "Add a user.", policy.Rule{}, true),
		export(secretLength, "Print how long a secret is.", anyone, false),
	}
	return s
}

func helloService() *api.Service {
	s := newService("hello", "hellod", "Greet.")
	s.Functions = []*api.Function{export(hello, "Greet somebody.", policy.Rule{Kind: policy.Anyone}, false)}
	return s
}

func newService(name, daemon, doc string) *api.Service {
	return &api.Service{
		Name: name, Daemon: daemon, Doc: doc, Version: "1.2.3", Socket: api.Socket{Path: "/run/" + name + ".sock"},
		Limits: api.Limits{Argument: 100}, PolicyDir: "/etc/" + name + "/policy.d", AuditFile: "/var/log/" + name + "/audit.jsonl",
	}
}

// specOf is s as its command, whose functions run in this process.
func specOf(s *api.Service) Spec {
	daemon := &cobra.Command{
		Use: "daemon", Short: "Serve the functions", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return shell.Failf(78, "the daemon is not here") },
	}
	flags := daemon.Flags()
	flags.String("name", "", "the daemon's `name`")
	flags.Int("number", 0, "its `number`")
	flags.String("dir", "", "its `directory`")
	flags.String("file", "", "its `file`")
	daemon.MarkFlagsMutuallyExclusive("name", "number")
	rules := &cobra.Command{Use: "rules", Short: "Do something with rules", Args: cobra.NoArgs, Hidden: true}
	rules.AddCommand(&cobra.Command{
		Use: "copy FROM TO [MODE]", Short: "Copy rules", Args: cobra.RangeArgs(2, 3),
		RunE: func(*cobra.Command, []string) error { return nil },
	})
	grant := func(ctx context.Context, _ *api.Function) context.Context { return call.WithGrants(ctx, prompt) }
	return Spec{Service: s, Dial: dialHere, Grants: grant, Extra: []*cobra.Command{daemon, rules}}
}

// dialHere connects to a worker in this process; a socket "gone" to nobody.
func dialHere(ctx context.Context, o DialOptions) (any, func(), error) {
	if o.Socket == "gone" {
		return nil, nil, errors.New("hostd does not run: start it with systemctl start hostd")
	}
	var m outwork.Manager
	w, err := hook.Start(ctx, &m, outwork.Target{})
	if err != nil {
		return nil, nil, err
	}
	return w, func() { m.Close() }, nil
}

func TestMain(m *testing.M) {
	run := func(s func() *api.Service) func() {
		return func() {
			os.Exit(Run(context.Background(), specOf(s()), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		}
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){"hostctl": run(hostctl), "hello": run(helloService), "listenfds": listenFDs})
}

// listenFDs tells what it was executed with, as a program that systemd starts
// would look at it.
func listenFDs() {
	fmt.Printf("%s fds, pid is mine: %v, names %s\n",
		os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID") == fmt.Sprint(os.Getpid()), os.Getenv("LISTEN_FDNAMES"))
	l, err := net.FileListener(os.NewFile(3, "3"))
	if err == nil {
		fmt.Println("fd 3 listens:", l.Addr().Network())
	} else {
		b, _ := io.ReadAll(os.NewFile(3, "3"))
		fmt.Printf("fd 3 holds %q\n", b)
	}
	fmt.Println("arguments:", os.Args[1:])
}
