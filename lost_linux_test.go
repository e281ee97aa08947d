package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// lost is err as the LostError that it must be.
func lost(t *testing.T, err error) *outwork.LostError {
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
			e := lost(t, err)
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
			if e := lost(t, w.Err()); e.Function != "" || e.ExitCode != want.exit {
				t.Errorf("Err: %+v", e)
			}
			_, err = double.Call(within(t), w, 1)
			if e := lost(t, err); e.MayHaveRun || !strings.Contains(err.Error(), "the call was not sent") {
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
		lost(t, err)
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
	if e := lost(t, err); !e.MayHaveRun {
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
