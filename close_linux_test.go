package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
)

// finishes says that it has begun, works on for a while, and tells how it
// ended.
var finishes = outwork.Func("test.finishes", func(ctx context.Context, d time.Duration) (string, error) {
	fmt.Println("begun")
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	fmt.Println("printed last")
	slog.Info("logged last")
	return "done", nil
})

func TestShutdownDrains(t *testing.T) {
	nothingLeft(t)
	var stdout, log buffer
	m := outwork.Manager{Stdout: &stdout, Log: slog.New(slog.NewTextHandler(&log, nil))}
	var calls []*outwork.Pending[string]
	for range 2 {
		w, err := m.Start(within(t), outwork.Target{})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, finishes.Go(within(t), w, 50*time.Millisecond), finishes.Go(within(t), w, 80*time.Millisecond))
	}
	eventually(t, "all calls run", func() bool { return strings.Count(stdout.String(), "begun\n") == len(calls) })
	if err := m.Shutdown(within(t)); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	for _, call := range calls {
		if s, err := call.Result(); s != "done" || err != nil {
			t.Errorf("got %q, %v", s, err)
		}
	}
	if n := strings.Count(stdout.String(), "printed last\n"); n != len(calls) {
		t.Errorf("%d of %d printed", n, len(calls))
	}
	if n := strings.Count(log.String(), "logged last"); n != len(calls) {
		t.Errorf("%d of %d logged", n, len(calls))
	}
	if err := m.Shutdown(within(t)); err != nil {
		t.Errorf("a second shutdown: %v", err)
	}
}

// While a call is let finish, no other begins.
func TestShutdownTakesNoCalls(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Stdout: io.Discard}
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, release := context.WithCancel(within(t))
	held := wait.Go(ctx, w, struct{}{})
	eventually(t, "busy", w.Busy)
	shut := make(chan error, 1)
	go func() { shut <- m.Shutdown(within(t)) }()
	eventually(t, "refused", func() bool {
		_, err := fails.Call(within(t), w, "plain")
		return errors.Is(err, outwork.ErrClosed)
	})
	select {
	case <-held.Done():
		t.Error("the call that ran was not let finish")
	default:
	}
	release()
	if err := <-shut; err != nil {
		t.Error(err)
	}
}

// A call that Shutdown cuts short is lost with its worker, and may have run, whether or not it heeds that.
func TestShutdownOutOfTime(t *testing.T) {
	nothingLeft(t)
	var stdout buffer
	m := outwork.Manager{Stdout: &stdout, Grace: 200 * time.Millisecond}
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	heeds, ignores := finishes.Go(within(t), w, time.Hour), stubborn.Go(within(t), w, struct{}{})
	eventually(t, "both run", func() bool { return strings.Count(stdout.String(), "\n") == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := m.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	_, heeding := heeds.Result()
	_, ignoring := ignores.Result()
	for function, err := range map[string]error{"test.finishes": heeding, "test.stubborn": ignoring} {
		e := lossIn(t, err)
		if e.Function != function || e.Worker != w.Name() || e.Signal != "killed" || !e.MayHaveRun || !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("%s: got %+v", function, e)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the end of Shutdown's context is taken for that of its own", function)
		}
		if want := fmt.Sprintf("%s: worker %q is lost: closed by its manager", function, w.Name()); err.Error() != want {
			t.Errorf("it is told as %q, want %q", err, want)
		}
	}
}

// A worker that falls over what Shutdown cancels is closed all the same: that is why the call failed.
func TestShutdownBreaksTheWorker(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Stdout: io.Discard, Stderr: io.Discard}
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	call := brittle.Go(within(t), w, struct{}{})
	eventually(t, "busy", w.Busy)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := m.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	_, err = call.Result()
	if e := lossIn(t, err); !errors.Is(err, outwork.ErrClosed) || !e.MayHaveRun || e.ExitCode != 7 {
		t.Errorf("the call: %v, of which %+v", err, e)
	}
}

// brittle ends its worker when it is cancelled.
var brittle = outwork.Func("test.brittle", func(ctx context.Context, _ struct{}) (struct{}, error) {
	<-ctx.Done()
	os.Exit(7)
	return struct{}{}, nil
})

// stubborn hears neither its context nor SIGTERM.
var stubborn = outwork.Func("test.stubborn", func(context.Context, struct{}) (struct{}, error) {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("deaf")
	for {
		time.Sleep(time.Hour)
	}
})

func TestCloseKillsTheStubborn(t *testing.T) {
	nothingLeft(t)
	var stdout buffer
	m := outwork.Manager{Stdout: &stdout, Grace: 50 * time.Millisecond}
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	call := stubborn.Go(within(t), w, struct{}{})
	eventually(t, "deaf", func() bool { return stdout.String() == "deaf\n" })
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	_, err = call.Result()
	if e := lossIn(t, err); !errors.Is(err, outwork.ErrClosed) || e.Signal != "killed" || !e.MayHaveRun {
		t.Errorf("got %+v", e)
	}
}

func TestClose(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	single, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := single.Close(); err != nil {
			t.Error(err)
		}
	}
	<-single.Done()
	call := wait.Go(within(t), w, struct{}{})
	eventually(t, "busy", w.Busy)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if n := len(relatives(t)); n > 0 {
				t.Errorf("%d processes when Close returns", n)
			}
		})
	}
	all.Wait()
	if _, err := call.Result(); !errors.Is(err, outwork.ErrClosed) || !lossIn(t, err).MayHaveRun {
		t.Errorf("the call that ran: %v", err)
	}
	if _, err := double.Call(within(t), w, 1); !errors.Is(err, outwork.ErrClosed) {
		t.Errorf("a call afterwards: %v", err)
	}
	if _, err := m.Start(within(t), outwork.Target{}); !errors.Is(err, outwork.ErrClosed) {
		t.Errorf("start afterwards: %v", err)
	}
	if m.Busy() || m.Wait(within(t)) != nil {
		t.Error("a closed manager is busy")
	}
}

func TestCloseOfNothing(t *testing.T) {
	var unused, shut outwork.Manager
	if err := errors.Join(unused.Close(), unused.Close(), shut.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestCloseDuringStart(t *testing.T) {
	nothingLeft(t)
	for round := range rounds(30) {
		var m outwork.Manager
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					w, err := m.Start(within(t), outwork.Target{})
					switch {
					case errors.Is(err, outwork.ErrClosed):
						return
					case err != nil:
						t.Errorf("start: %v", err)
						return
					}
					if _, err := double.Call(within(t), w, 1); err != nil && !errors.Is(err, outwork.ErrClosed) {
						t.Errorf("call: %v", err)
						return
					}
				}
			})
		}
		<-time.After(time.Duration(round) * 15 * time.Millisecond / time.Duration(rounds(30))) // any moment will do
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if n := len(relatives(t)); n > 0 {
			t.Errorf("round %d: %d processes when Close returns", round, n)
		}
		all.Wait()
	}
}

func TestStartCancelled(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	defer m.Close()
	for i := range rounds(40) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*4*time.Millisecond/time.Duration(rounds(40)))
		w, err := m.Start(ctx, outwork.Target{Name: "same"})
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("start: %v", err)
		}
		if err == nil {
			w.Close()
		}
	}
	if _, err := m.Start(within(t), outwork.Target{Name: "same"}); err != nil {
		t.Errorf("start at last: %v", err)
	}
}

func init() { usualRoles["manager"] = manage }

// manage is a program with two workers that have children, in the group and out
// of it.
func manage() {
	var m outwork.Manager
	defer m.Close()
	for range 2 {
		w, err := m.Start(neverEnds, outwork.Target{Env: os.Environ()})
		if err == nil {
			_, err = child.Call(neverEnds, w, "sleep 1000 & setsid sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' &")
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
}
