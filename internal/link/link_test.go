package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// function makes a Function as the root package does.
func function[A, R any](name string, fn func(context.Context, A) (R, error)) *Function {
	args, err := codec.PlanOf(reflect.TypeFor[A]())
	if err != nil {
		panic(err)
	}
	reply, err := codec.PlanOf(reflect.TypeFor[R]())
	if err != nil {
		panic(err)
	}
	return &Function{
		Name: name, Args: args, Reply: reply, Where: "here",
		New:      func() any { return new(A) },
		NewReply: func() any { return new(R) },
		Invoke: func(ctx context.Context, a any) (any, error) {
			r, err := fn(ctx, *a.(*A))
			return &r, err
		},
	}
}

// call is Link.Call with types.
func call[A, R any](ctx context.Context, l *Link, f *Function, a A, c *Call) (r R, err error) {
	v, err := l.Call(ctx, f, &a, c)
	if err == nil {
		r = *v.(*R)
	}
	return r, err
}

// medium is what a link runs over.
type medium string

const (
	byMemory medium = "memory"
	bySocket medium = "socket"
	byPipes  medium = "pipes"
)

// transports are both ends.
func (by medium) transports(t testing.TB) (a, b mux.Transport) {
	t.Helper()
	switch by {
	case byPipes:
		return overPipes(t)
	case byMemory:
		return transport.Pair()
	}
	s, f, err := transport.SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := transport.Dup(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return s, socketOf(t, fd)
}

func overPipes(t testing.TB) (a, b mux.Transport) {
	t.Helper()
	r1, w1, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r2, w2, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if a, err = transport.NewPipes(r1, w2); err != nil {
		t.Fatal(err)
	}
	if b, err = transport.NewPipes(r2, w1); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// pair is a manager's and a worker's link.
func pair(t testing.TB, by medium, fns []*Function, manager, worker Config) (*Link, *Link) {
	t.Helper()
	a, b := by.transports(t)
	var reg Registry
	for _, f := range fns {
		if err := reg.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	manager.Side, worker.Side = mux.ManagerSide, mux.WorkerSide
	worker.Serving = true
	for _, c := range []*Config{&manager, &worker} {
		if c.Errors == nil {
			c.Errors = &Errors{}
		}
		if c.Functions == nil {
			c.Functions = &reg
		}
		c.NoFiles = c.NoFiles || by == byPipes
	}
	m, w := New(a, manager), New(b, worker)
	t.Cleanup(func() { m.Close(); w.Close() })
	if _, err := m.Greeted(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, w
}

type (
	echoArgs  struct{ Data []byte }
	echoReply struct{ Data []byte }
)

var echo = func() *Function {
	return function("echo", func(_ context.Context, a echoArgs) (echoReply, error) { return echoReply(a), nil })
}

// rest waits until nothing runs or is open on either side.
func rest(t testing.TB, m, w *Link) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := errors.Join(m.Quiet(ctx), w.Quiet(ctx), m.Idle(ctx), w.Idle(ctx)); err != nil {
		t.Fatal(err)
	}
}

// both is over what carries files.
func both(t *testing.T, f func(t *testing.T, by medium)) {
	for _, by := range []medium{byMemory, bySocket} {
		t.Run(string(by), func(t *testing.T) { f(t, by) })
	}
}

// each is over what does not, too.
func each(t *testing.T, f func(t *testing.T, by medium)) {
	both(t, f)
	if runtime.GOOS == "linux" {
		t.Run(string(byPipes), func(t *testing.T) { f(t, byPipes) })
	}
}

func TestEcho(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		f := echo()
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		for _, n := range []int{0, 1, 64, 16 << 10, LiftBytes, LiftBytes + 1, 1 << 20, 10<<20 + 7} {
			data := []byte(strings.Repeat("x", n))
			r, err := call[echoArgs, echoReply](t.Context(), m, f, echoArgs{data}, nil)
			if err != nil || string(r.Data) != string(data) {
				t.Fatalf("%d bytes: %d came back, %v", n, len(r.Data), err)
			}
		}
	})
}

func TestManyCallers(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		f := echo()
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		errs := make(chan error)
		for i := range 64 {
			go func() {
				var err error
				for j := range 200 {
					data := []byte(strings.Repeat(string(rune('a'+i%26)), 1+(i*j)%5000))
					var r echoReply
					r, err = call[echoArgs, echoReply](t.Context(), m, f, echoArgs{data}, nil)
					if err != nil || string(r.Data) != string(data) {
						err = errors.Join(err, errors.New("wrong answer"))
						break
					}
				}
				errs <- err
			}()
		}
		for range 64 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
	})
}

type readArgs struct {
	In   io.Reader
	Seed string
}
type readReply struct{ Out io.ReadCloser }

func TestReaders(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		f := function("pass", func(ctx context.Context, a readArgs) (readReply, error) {
			return readReply{io.NopCloser(io.MultiReader(strings.NewReader(a.Seed), a.In))}, nil
		})
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		in := strings.Repeat("0123456789", 1<<20)
		r, err := call[readArgs, readReply](t.Context(), m, f, readArgs{strings.NewReader(in), "seed"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Out)
		if err != nil || string(b) != "seed"+in {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		if err := m.Quiet(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		began, ended := make(chan bool, 1), make(chan error, 1)
		f := function("hang", func(ctx context.Context, a int) (int, error) {
			began <- true
			<-ctx.Done()
			ended <- ctx.Err()
			return 0, ctx.Err()
		})
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		if _, err := call[int, int](ctx, m, f, 1, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := <-ended; err != context.Canceled {
			t.Fatal(err)
		}
		if err := m.Quiet(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSlowFunctionDoesNotHoldOthersUp(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		release := make(chan bool)
		slow := function("slow", func(ctx context.Context, a int) (int, error) { <-release; return a, nil })
		f := echo()
		m, _ := pair(t, by, []*Function{f, slow}, Config{}, Config{})
		done := make(chan error)
		go func() {
			_, err := call[int, int](t.Context(), m, slow, 1, nil)
			done <- err
		}()
		for range 100 {
			if _, err := call[echoArgs, echoReply](t.Context(), m, f, echoArgs{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestBack(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		ask := function("ask", func(ctx context.Context, s string) (string, error) { return "you said " + s, nil })
		f := function("call", func(ctx context.Context, s string) (string, error) {
			r, err := From(ctx).Back(ctx, ask, &s)
			if err != nil {
				return "", err
			}
			return *r.(*string), nil
		})
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		r, err := call[string, string](t.Context(), m, f, "hi", &Call{Grants: map[string]*Function{"ask": ask}})
		if err != nil || r != "you said hi" {
			t.Fatal(r, err)
		}
		if _, err := call[string, string](t.Context(), m, f, "hi", nil); err == nil || !strings.Contains(err.Error(), "not granted") {
			t.Fatal(err)
		}
	})
}

func TestErrorsCross(t *testing.T) {
	f := function("fail", func(ctx context.Context, name string) (int, error) {
		if name == "panic" {
			panic("boo")
		}
		_, err := os.Open(name)
		return 0, err
	})
	m, _ := pair(t, bySocket, []*Function{f}, Config{}, Config{})
	_, err := call[string, int](t.Context(), m, f, "/no/such/file", nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/no/such/file") {
		t.Fatal(err)
	}
	_, err = call[string, int](t.Context(), m, f, "panic", nil)
	fail, ok := errors.AsType[*Failure](err)
	if !ok || fail.Code != CodePanicked || !strings.Contains(fail.Stack, "link_test.go") {
		t.Fatal(err)
	}
}

func TestLogsPrecedeResults(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		var w *Link
		f := function("log", func(ctx context.Context, n int) (int, error) {
			From(ctx).Link().Log(&Record{Message: "hello", Level: int(slog.LevelInfo), Time: time.Now().UnixNano(), Attrs: []Attr{}})
			return n, nil
		})
		n := 0
		var m *Link
		m, w = pair(t, by, []*Function{f}, Config{Log: func(r Record) { n++ }}, Config{})
		_ = w
		for i := range 1000 {
			if _, err := call[int, int](t.Context(), m, f, i, nil); err != nil {
				t.Fatal(err)
			}
			if n != i+1 {
				t.Fatalf("after %d calls %d records", i+1, n)
			}
		}
	})
}

func BenchmarkEcho(b *testing.B) {
	f := echo()
	m, _ := pair(b, bySocket, []*Function{f}, Config{}, Config{})
	benchmarkEcho(b, m, f)
}

func BenchmarkServiceEcho(b *testing.B) {
	f := echo()
	client, _ := served(b, bySocket, Config{}, f)
	benchmarkEcho(b, client, f)
}

func benchmarkEcho(b *testing.B, m *Link, f *Function) {
	data := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := call[echoArgs, echoReply](b.Context(), m, f, echoArgs{data}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
