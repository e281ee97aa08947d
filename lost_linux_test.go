package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
)

var dies = outwork.Func("test.dies", func(ctx context.Context, how string) (struct{}, error) {
	switch how {
	case "exit":
		fmt.Fprintln(os.Stderr, "that was it")
		os.Exit(7)
	case "zero":
		os.Exit(0)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "panic":
		go panic("out of the blue")
	case "flood":
		os.Stderr.Write(bytes.Repeat([]byte("0123456789abcde\n"), 8<<10))
		os.Exit(1)
	case "fault":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
	}
	<-ctx.Done()
	return struct{}{}, ctx.Err()
})

// lossIn is err as the LostError that it must be.
func lossIn(t *testing.T, err error) *outwork.LostError {
	t.Helper()
	e, ok := errors.AsType[*outwork.LostError](err)
	if !ok {
		t.Fatalf("got %T %v, want a LostError", err, err)
	}
	return e
}

func TestLost(t *testing.T) {
	for how, want := range map[string]struct {
		exit   int
		signal string
		words  string // among its last
		text   string // in the error
	}{
		"exit":  {7, "", "that was it\n", "is lost: exit status 7; its last words: that was it"},
		"zero":  {0, "", "", "is lost: exit status 0"},
		"kill":  {-1, "killed", "", "is lost: signal killed"},
		"panic": {2, "", "panic: out of the blue", "exit status 2; its last words: panic: out of the blue"},
		"fault": {2, "", "SIGSEGV", "exit status 2; its last words: SIGSEGV: "},
		"flood": {1, "", "0123456789abcde\n", "… "},
	} {
		t.Run(how, func(t *testing.T) {
			m := outwork.Manager{Stdout: new(buffer), Stderr: new(buffer)}
			w := started(t, &m, outwork.Target{Name: "frail"})
			_, err := dies.Call(within(t), w, how)
			e := lossIn(t, err)
			if e.Worker != "frail" || e.Function != "test.dies" || !e.MayHaveRun || e.ExitCode != want.exit || e.Signal != want.signal {
				t.Errorf("got %+v", e)
			}
			if !strings.Contains(string(e.Stderr), want.words) || len(e.Stderr) > 64<<10 {
				t.Errorf("its last words, %d bytes: %q", len(e.Stderr), e.Stderr)
			}
			if !strings.Contains(err.Error(), want.text) || !strings.HasPrefix(err.Error(), `test.dies: worker "frail" is lost`) {
				t.Errorf("got %q, want %q in it", err, want.text)
			}
			<-w.Done()
			if e := lossIn(t, w.Err()); e.Function != "" || e.ExitCode != want.exit {
				t.Errorf("Err: %+v", e)
			}
			_, err = double.Call(within(t), w, 1)
			if e := lossIn(t, err); e.MayHaveRun || !strings.Contains(err.Error(), "the call was not sent") {
				t.Errorf("a call afterwards: %+v, %v", e, err)
			}
		})
	}
}

func TestLostEndsAllCalls(t *testing.T) {
	var m outwork.Manager
	w, other := started(t, &m, outwork.Target{}), started(t, &m, outwork.Target{})
	var calls []*outwork.Pending[struct{}]
	for range 50 {
		calls = append(calls, wait.Go(within(t), w, struct{}{}))
	}
	eventually(t, "busy", w.Busy)
	if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, call := range calls {
		_, err := call.Result()
		lossIn(t, err)
	}
	if n, err := double.Call(within(t), other, 2); n != 4 || err != nil {
		t.Errorf("the other worker: %d, %v", n, err)
	}
	if err := m.Wait(within(t)); err != nil {
		t.Error(err)
	}
}

func TestStarterKilled(t *testing.T) {
	var m outwork.Manager
	defer m.Close() // whose error is what was done to the starter
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	call := wait.Go(within(t), w, struct{}{})
	eventually(t, "busy", w.Busy)
	if err := syscall.Kill(parentOf(t, w.PID()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err = call.Result()
	if e := lossIn(t, err); !e.MayHaveRun {
		t.Errorf("got %+v", e)
	}
	<-w.Done()
	w, err = m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatalf("start after the starter was lost: %v", err)
	}
	if n, err := double.Call(within(t), w, 2); n != 4 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// A start whose starter is lost meanwhile is a lost worker, and the next one is well.
func TestStarterKilledWhileStarting(t *testing.T) {
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	starter := parentOf(t, w.PID())
	if err := syscall.Kill(starter, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	ended := make(chan error, 1)
	go func() {
		_, err := m.Start(within(t), outwork.Target{})
		ended <- err
	}()
	eventually(t, "a link and pipes", func() bool { return descriptors(t) >= before+6 })
	if err := syscall.Kill(starter, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := lossIn(t, <-ended); e.MayHaveRun || e.Worker == "" {
		t.Errorf("got %+v", e)
	}
	if _, err := m.Start(within(t), outwork.Target{}); err != nil {
		t.Errorf("the next start: %v", err)
	}
}

type halfReply struct {
	Body  io.Reader
	Items *outwork.Stream[item]
}

// halfway streams a little of a reader and a stream, and then waits for its end.
var halfway = outwork.Func("test.halfway", func(ctx context.Context, _ struct{}) (halfReply, error) {
	never := readerFunc(func([]byte) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	items := outwork.StreamOf(func(yield func(item, error) bool) {
		if yield(item{1, "one"}, nil) {
			<-ctx.Done()
		}
	})
	return halfReply{io.MultiReader(strings.NewReader("half"), never), items}, nil
})

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// What a lost worker had not sent must not look complete, and says how it was lost.
func TestLostInMidStream(t *testing.T) {
	m := new(outwork.Manager)
	t.Cleanup(func() { m.Close() })
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := halfway.Call(within(t), w, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r.Body)
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Signal != "killed" || !e.MayHaveRun {
		t.Errorf("the reader ends with %T %v, after %q", err, err, rest)
	}
	var last error
	for _, err := range r.Items.All() {
		last = err
	}
	if e, ok := errors.AsType[*outwork.LostError](last); !ok || e.Signal != "killed" || !e.MayHaveRun {
		t.Errorf("the stream ends with %T %v", last, last)
	}
}
