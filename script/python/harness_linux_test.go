package python_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/script/python"
)

// buffer is what a manager's output goes to.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // closed by the next Write, if somebody waits for it
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.b.Write(p)
}

// next is closed when more has been written than now, which is text.
func (b *buffer) next() (text string, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.b.String(), b.changed
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// world is a manager and a worker of it, and what they print and log.
type world struct {
	*outwork.Worker
	t    *testing.T
	m    *outwork.Manager
	out  *buffer // stdout
	errs *buffer // stderr
	log  *buffer
}

// how a worker is connected.
type how string

const (
	socket how = "socket" // files cross
	plain  how = "plain"  // a pair of byte streams, and nothing between
	atHost how = "host"   // the same, by an agent
)

// near is a hop to an agent on this machine.
var near = map[string]func(string) (host.Hop, error){
	"near": func(string) (host.Hop, error) { return nearHop{}, nil },
}

type nearHop struct{}

func (nearHop) String() string { return "near://" }

func (nearHop) Direct() {}

func (nearHop) Command(string) []string {
	return []string{"env", "OUTWORK_ROLE=agent", "/proc/" + strconv.Itoa(os.Getpid()) + "/exe", "[agent]"}
}

// manage makes a manager without a worker; set may change it.
func manage(t *testing.T, set ...func(*outwork.Manager)) *world {
	w := &world{t: t, out: &buffer{}, errs: &buffer{}, log: &buffer{}}
	w.m = &outwork.Manager{
		Hops:   near,
		Stdout: w.out, Stderr: w.errs,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range set {
		f(w.m)
	}
	t.Cleanup(func() {
		if err := w.m.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// newWorld starts a worker; set may change the manager before that.
func newWorld(t *testing.T, h how, interpreter string, set ...func(*outwork.Manager)) *world {
	t.Helper()
	w := manage(t, set...)
	w.Worker = w.start(h, outwork.Target{Lang: python.Lang, Program: interpreter, Name: "py"})
	return w
}

func (w *world) start(h how, target outwork.Target) *outwork.Worker {
	w.t.Helper()
	if h == atHost {
		target.Host = "near://"
	}
	if h != plain {
		worker, err := w.m.Start(w.t.Context(), target)
		if err != nil {
			w.t.Fatal(err)
		}
		return worker
	}
	worker, err := hook.StartPlain(w.t.Context(), w.m, target, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return worker.(*outwork.Worker)
}

// run runs a script that must end well.
func (w *world) run(source string, args ...string) any {
	w.t.Helper()
	v, err := w.try(w.t.Context(), source, args...)
	if err != nil {
		w.t.Fatalf("%v\n%s%s", err, stackOf(err), w.errs)
	}
	return v
}

// try runs a script.
func (w *world) try(ctx context.Context, source string, args ...string) (any, error) {
	v, err := w.Run(ctx, outwork.Script{Lang: python.Lang, Name: "script.py", Source: source, Args: args})
	return v.Any(), err
}

func stackOf(err error) string {
	if e, ok := err.(*outwork.RemoteError); ok {
		return e.Stack + "\n"
	}
	return ""
}

// each runs a test under every interpreter, over every kind of link.
func each(t *testing.T, test func(t *testing.T, h how, interpreter string)) {
	for _, p := range interpreters(t) {
		for _, h := range all {
			t.Run(string(h)+" "+p, func(t *testing.T) { test(t, h, p) })
		}
	}
}

// all are the kinds of link.
var all = []how{socket, plain, atHost}

// ways runs a test under one interpreter, over every kind of link.
func ways(t *testing.T, test func(t *testing.T, h how)) {
	for _, h := range all {
		t.Run(string(h), func(t *testing.T) { test(t, h) })
	}
}

// debian is one interpreter, for what need not be tried under all.
func debian(t *testing.T) string { return interpreters(t)[0] }
