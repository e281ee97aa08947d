package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

var goesWrong = outwork.Func("test.goes.wrong", func(ctx context.Context, how string) (struct{}, error) {
	switch how {
	case "exit":
		os.Exit(3)
	case "fault":
		go func() { *(*int)(nil) = 1 }()
	case "wild": // not even a panic
		*(*int)(unsafe.Add(nil, uintptr(1)<<40)) = 1
	case "abort":
		runtime.LockOSThread()
		syscall.Kill(os.Getpid(), syscall.SIGABRT)
	case "forbidden":
		syscall.Kill(os.Getpid(), syscall.SIGSYS)
	case "trace":
		syscall.RawSyscall(syscall.SYS_PTRACE, 0, 0, 0)
	case "out of memory":
		return struct{}{}, hoard()
	case "print":
		for line := bytes.Repeat([]byte("x"), 1023); ; {
			fmt.Printf("%s\n", line)
		}
	case "log":
		for text := strings.Repeat("x", 1000); ctx.Err() == nil; {
			slog.Info(text)
		}
	case "spin":
		for deaf := new(atomic.Int64); ; {
			deaf.Add(1)
		}
	case "deaf":
		select {}
	}
	<-ctx.Done()
	return struct{}{}, ctx.Err()
})

// hoarded keeps what hoard takes.
var hoarded [][]byte

// hoard takes memory until there is none, or far more than any limit of a test: the machine has
// other users.
func hoard() error {
	const most = 1 << 30
	for n := 0; n < most; n += len(hoarded[0]) {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
		hoarded = append(hoarded, b)
	}
	hoarded = nil
	return errors.New("there was no end of it")
}

// bothWays runs f with a worker of the starter, and with one of an agent.
func bothWays(t *testing.T, f func(t *testing.T, m *outwork.Manager, target outwork.Target)) {
	for _, host := range []string{"", "near://"} {
		t.Run("at "+host, func(t *testing.T) {
			nothingLeft(t)
			m := outwork.Manager{Hops: near, Stdout: new(buffer), Stderr: new(buffer), Log: slog.New(slog.DiscardHandler)}
			t.Cleanup(func() {
				if err := m.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			f(t, &m, outwork.Target{Host: host})
		})
	}
}

func TestCausesOfProcesses(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		for how, want := range map[string]struct {
			cause lost.Cause
			exit  int
			text  string
		}{
			"exit":      {lost.Exit, 3, "is lost: exit status 3"},
			"fault":     {lost.Crash, 2, "is lost: it crashed: exit status 2; its last words: panic: runtime error: invalid memory address"},
			"wild":      {lost.Crash, 2, "is lost: it crashed: exit status 2; its last words: "},
			"abort":     {lost.Crash, 2, "is lost: it crashed: exit status 2; its last words: SIGABRT: abort"},
			"forbidden": {lost.Policy, 2, "is lost: it tried what its sandbox forbids; its last words: SIGSYS: bad system call"},
		} {
			w, err := m.Start(within(t), target)
			if err != nil {
				t.Fatal(err)
			}
			_, err = goesWrong.Call(within(t), w, how)
			e := lossIn(t, err)
			if e.Cause != want.cause || !errors.Is(err, want.cause) || !errors.Is(w.Err(), want.cause) || e.ExitCode != want.exit || !e.MayHaveRun || !strings.Contains(err.Error(), want.text) {
				t.Errorf("%s: %+v\n%v", how, e, err)
			}
			if e.PeakMemory < 1<<20 || e.PeakMemory > 1<<40 || e.CPU <= 0 || e.CPU > time.Minute {
				t.Errorf("%s: a peak of %d bytes, %v of CPU", how, e.PeakMemory, e.CPU)
			}
		}
	})
}

// A worker that somebody kills was killed; one that was closed was closed, also when it is killed
// for that.
func TestKilledOrClosed(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		w, err := m.Start(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		call := wait.Go(within(t), w, struct{}{})
		eventually(t, "busy", w.Busy)
		if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_, err = call.Result()
		if e := lossIn(t, err); e.Cause != lost.Killed || e.Signal != "killed" || e.PeakMemory == 0 {
			t.Errorf("%+v", e)
		}
		w.Close() // too late to be the reason
		if err := w.Err(); !errors.Is(err, lost.Killed) || errors.Is(err, outwork.ErrClosed) {
			t.Error(err)
		}
		if w, err = m.Start(within(t), target); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, caused := errors.AsType[lost.Cause](w.Err()); caused || !errors.Is(w.Err(), outwork.ErrClosed) {
			t.Error(w.Err())
		}
	})
}

// A worker whose host is lost has that for its cause.
func TestHostLostIsTheCause(t *testing.T) {
	m := outwork.Manager{Hops: near}
	w := started(t, &m, outwork.Target{Host: "near://"})
	call := wait.Go(within(t), w, struct{}{})
	eventually(t, "busy", w.Busy)
	if err := syscall.Kill(parentOf(t, w.PID()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := call.Result()
	if cause, _ := errors.AsType[lost.Cause](err); cause != lost.Host {
		t.Error(err)
	}
}

// What was printed up to the limit is delivered, and nothing more.
func TestOutputLimit(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		target.Limits.Output = 64<<10 + 100
		w, err := m.Start(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := prints.Call(within(t), w, printArgs{Text: bytes.Repeat([]byte("y"), 50), Stderr: true}); err != nil {
			t.Fatal(err)
		}
		other := wait.Go(within(t), w, struct{}{})
		_, err = goesWrong.Call(within(t), w, "print")
		if e := lossIn(t, err); e.Cause != lost.Output || e.Signal != "killed" || !strings.Contains(err.Error(), "it printed and logged more than it may (limit 64.1 KiB, peak ") {
			t.Errorf("%+v\n%v", e, err)
		}
		if _, err := other.Result(); !errors.Is(err, lost.Output) {
			t.Errorf("another call: %v", err)
		}
		<-w.Done()
		if got := m.Stdout.(*buffer).Bytes(); len(got) != 64<<10+50 {
			t.Errorf("%d bytes were delivered", len(got))
		}
	})
}

// What was printed just up to the limit does no harm.
func TestOutputWithinTheLimit(t *testing.T) {
	m := outwork.Manager{Stdout: new(buffer)}
	w := started(t, &m, outwork.Target{Limits: sandbox.Limits{Output: 1000}})
	for range 2 {
		if _, err := prints.Call(within(t), w, printArgs{Text: bytes.Repeat([]byte("y"), 500), Piece: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := double.Call(within(t), w, 1); n != 2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := prints.Call(within(t), w, printArgs{Text: []byte("z")}); err == nil {
		<-w.Done() // the result may have been quicker than the end
	}
	<-w.Done()
	if err := w.Err(); !errors.Is(err, lost.Output) {
		t.Error(err)
	}
	if got := m.Stdout.(*buffer).String(); got != strings.Repeat("y", 1000) {
		t.Errorf("%d bytes were delivered", len(got))
	}
}

// counter counts log records.
type counter struct {
	slog.Handler
	n *atomic.Int64
}

func (c counter) Handle(context.Context, slog.Record) error { c.n.Add(1); return nil }

func (c counter) Enabled(context.Context, slog.Level) bool { return true }

func TestLogsAreOutput(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		c := counter{slog.DiscardHandler, new(atomic.Int64)}
		m.Log = slog.New(c)
		target.Limits.Output = 50 << 10
		w, err := m.Start(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		_, err = goesWrong.Call(within(t), w, "log")
		if !errors.Is(err, lost.Output) {
			t.Error(err)
		}
		<-w.Done()
		if n := c.n.Load(); n < 25 || n > 50 {
			t.Errorf("%d records were delivered", n)
		}
	})
}

// A worker may print too much before anybody can signal it.
func TestOutputAtOnce(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		loud := self(t, bareRole, "loud")
		target.Program, target.Env, target.Limits.Output = loud.Program, loud.Env, 10
		for range 10 {
			_, err := m.Start(within(t), target)
			if !errors.Is(err, lost.Output) || strings.Contains(err.Error(), "outwork.Main") {
				t.Error(err)
			}
		}
	})
}

func init() {
	bareRoles["loud"] = func() {
		for {
			fmt.Println("here I am")
		}
	}
}

func TestWallTimeOfProcesses(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		target.Limits.WallTime = 50 * time.Millisecond
		w, err := m.Begin(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = goesWrong.Call(within(t), w, "deaf"); !errors.Is(err, lost.Time) {
			t.Error(err)
		}
	})
}

// The others that are in the same worker are lost with a call that does not return.
func TestOverdueInProcesses(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		target.Limits.Grace = 10 * time.Millisecond
		w, err := m.Start(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		other := wait.Go(within(t), w, struct{}{})
		givenUp(t, func(ctx context.Context) error { _, err := goesWrong.Call(ctx, w, "spin"); return err })
		if _, err := other.Result(); !errors.Is(err, lost.Overdue) {
			t.Errorf("the other call: %v", err)
		}
		<-w.Done()
		if e := lossIn(t, w.Err()); e.Signal != "killed" || !strings.Contains(e.Error(), "killed: a call did not return within 10ms of being cancelled") {
			t.Errorf("%+v", e)
		}
	})
}

// givenUp makes calls that are given up, each later than the last, until one has another end: the
// first may be given up before it is sent.
func givenUp(t *testing.T, call func(context.Context) error) {
	t.Helper()
	var err error = context.DeadlineExceeded
	for limit := 10 * time.Millisecond; errors.Is(err, context.DeadlineExceeded); limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err = call(ctx)
		cancel()
	}
	if !errors.Is(err, lost.Overdue) {
		t.Error(err)
	}
}

// These two are held by the worker's own system.

func TestMemoryLimit(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		target.Limits.Memory = 256 << 20
		w, err := m.Start(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		_, err = goesWrong.Call(within(t), w, "out of memory")
		e := lossIn(t, err)
		if e.Cause != lost.Memory || e.PeakMemory < 64<<20 || !strings.Contains(err.Error(), "it was out of memory (limit 256 MiB, peak ") {
			t.Errorf("%+v\n%v", e, err)
		}
	})
}

// The only test that takes as long as a limit of CPU time is.
func TestCPULimit(t *testing.T) {
	var m outwork.Manager
	w := started(t, &m, outwork.Target{Limits: sandbox.Limits{CPU: time.Second}})
	_, err := goesWrong.Call(within(t), w, "spin")
	if e := lossIn(t, err); e.Cause != lost.CPU || e.CPU < time.Second || !strings.Contains(err.Error(), "it used up its CPU time (limit 1s, ") {
		t.Errorf("%+v\n%v", e, err)
	}
}

// A worker with a sandbox is the first process of its namespace, and ends otherwise than others.
func TestCausesInASandbox(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		m.Grace = 10 * time.Millisecond // it holds without Limits.Grace
		target.Sandbox.Level = sandbox.Strict
		for how, want := range map[string]lost.Cause{
			"exit": lost.Exit, "fault": lost.Crash, "wild": lost.Crash, "trace": lost.Policy,
			"deaf": lost.Overdue, "kill": lost.Killed,
		} {
			w, err := m.Start(within(t), target)
			if err != nil {
				t.Fatal(err)
			}
			other := wait.Go(within(t), w, struct{}{})
			eventually(t, "busy", w.Busy)
			switch how {
			case "kill":
				if w.PID() <= 1 {
					t.Fatalf("process %d: that is its number inside", w.PID()) // where it is that of another
				}
				if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			case "deaf":
				givenUp(t, func(ctx context.Context) error { _, err := goesWrong.Call(ctx, w, how); return err })
			default:
				goesWrong.Go(within(t), w, how)
			}
			if _, err = other.Result(); !errors.Is(err, want) {
				t.Errorf("%s: %v", how, err)
			}
		}
	})
}

// A call to a worker that is not there yet is not overdue.
func TestNotYetOverdue(t *testing.T) {
	m := quiet(t)
	w, err := m.Begin(within(t), outwork.Target{Host: "quiet://", Limits: sandbox.Limits{Grace: time.Microsecond}})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := double.Call(ctx, w, 1)
		cancel()
		if _, caused := errors.AsType[lost.Cause](err); caused || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if err := w.Err(); err != nil {
		t.Error(err)
	}
	w.Close()
	if err := w.Err(); !errors.Is(err, outwork.ErrClosed) {
		t.Errorf("when it was closed: %v", err)
	}
}

// A worker that is to be held is sent nothing before it has told that it is.
func TestBeginInASandbox(t *testing.T) {
	bothWays(t, func(t *testing.T, m *outwork.Manager, target outwork.Target) {
		target.Sandbox.Level = sandbox.Strict
		w, err := m.Begin(within(t), target)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := double.Call(within(t), w, 2); n != 4 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if c := w.Confinement(); c.Level != sandbox.Strict {
			t.Errorf("it was called when it had told %+v", c)
		}
	})
}
