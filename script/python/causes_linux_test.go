package python_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// TestCauses: why an interpreter was lost is told, confined or not, near and far.
func TestCauses(t *testing.T) {
	for _, level := range []string{sandbox.None, sandbox.Strict} {
		for _, h := range heldWays {
			t.Run(level+" "+string(h), func(t *testing.T) { causes(t, level, h) })
		}
	}
}

func causes(t *testing.T, level string, h how) {
	w := manage(t)
	for _, c := range []struct {
		what, source string
		limits       sandbox.Limits
		cause        lost.Cause
		code         int
	}{
		{"exit", "import os; os._exit(3)", sandbox.Limits{}, lost.Exit, 3},
		{"a fault in C", "import ctypes; ctypes.string_at(0)", sandbox.Limits{}, lost.Crash, -1},
		{"an abort in C", "import os; os.abort()", sandbox.Limits{}, lost.Crash, -1},
		{"output without end", "while True: print('x' * 1000)", sandbox.Limits{Output: 100_000}, lost.Output, -1},
		{"wall time", "import time; time.sleep(60)", sandbox.Limits{WallTime: 100 * time.Millisecond}, lost.Time, -1},
	} {
		target := outwork.Target{Lang: python.Lang, Sandbox: sandbox.Config{Level: level}, Limits: c.limits, Program: debian(t)}
		if h == atHost {
			target.Host = "near://"
		}
		p, err := w.m.Start(t.Context(), target) // its time may be up even then
		if err == nil {
			_, err = p.Run(t.Context(), script(c.source))
		}
		lost, ok := errors.AsType[*outwork.LostError](err)
		if !ok || !errors.Is(err, c.cause) || lost.ExitCode != c.code {
			t.Errorf("%s: %v (cause %v), want the cause %q", c.what, err, errors.Unwrap(err), c.cause)
		}
	}
}

// TestMemoryLimit: a script that asks for too much gets MemoryError, and its worker lives.
func TestMemoryLimit(t *testing.T) {
	for _, level := range []string{sandbox.None, sandbox.Contained, sandbox.Strict} {
		for _, h := range heldWays {
			t.Run(level+" "+string(h), func(t *testing.T) {
				w := manage(t)
				w.Worker = w.held(h, outwork.Target{Sandbox: sandbox.Config{Level: level}, Limits: sandbox.Limits{Memory: 100 << 20}, Program: debian(t)})
				_, err := w.Run(t.Context(), script("x = [bytearray(16 << 20) for _ in range(100)]"))
				e, ok := errors.AsType[*python.Exception](err)
				if !ok || e.Type != "MemoryError" {
					t.Fatal(err)
				}
				if v := w.run("def main(): return len(bytearray(16 << 20))"); v != int64(16<<20) {
					t.Error(v)
				}
			})
		}
	}
}

// TestProcessorLimit ends what computes for ever, in C too.
func TestProcessorLimit(t *testing.T) {
	for _, level := range []string{sandbox.None, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			w := manage(t)
			w.Worker = w.held(socket, outwork.Target{Sandbox: sandbox.Config{Level: level}, Limits: sandbox.Limits{CPU: time.Second}, Program: debian(t)})
			_, err := w.Run(t.Context(), script("sum(iter(int, 1))"))
			if !errors.Is(err, lost.CPU) {
				t.Error(err)
			}
		})
	}
}

// TestOtherLimits are refusals that a script sees.
func TestOtherLimits(t *testing.T) {
	asUser(t)
	w := manage(t)
	w.Worker = w.held(socket, outwork.Target{
		Sandbox: sandbox.Config{Level: sandbox.Contained},
		Limits:  sandbox.Limits{Files: 40, Processes: 40}, Program: debian(t),
	})
	v := w.run(`
import os, time


def files():
    try:
        return [os.open("/etc/passwd", 0) for _ in range(100)]
    except OSError as e:
        return e.errno


def processes():
    r, w = os.pipe()
    pids = []
    try:
        for _ in range(100):
            pid = os.fork()
            if not pid:
                os.close(w)
                os.read(r, 1)
                os._exit(0)
            pids.append(pid)
        return len(pids)
    except OSError as e:
        return e.errno
    finally:
        os.close(w)
        for pid in pids:
            os.waitpid(pid, 0)


def main():
    p = processes()
    return files(), p
`)
	if fmt.Sprint(v) != "[24 11]" { // EMFILE, EAGAIN
		t.Error(v)
	}
}

// TestOverdue: what cannot be interrupted is ended after the grace.
func TestConfinedOverdue(t *testing.T) {
	w := manage(t)
	w.Worker = w.held(socket, outwork.Target{
		Sandbox: sandbox.Config{Level: sandbox.Strict},
		Limits:  sandbox.Limits{Grace: 50 * time.Millisecond}, Program: debian(t),
	})
	var err error = context.DeadlineExceeded
	for limit := 50 * time.Millisecond; errors.Is(err, context.DeadlineExceeded); limit *= 2 { // the first may be given up before it has begun
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		_, err = w.Run(ctx, script("sum(iter(int, 1))"))
		cancel()
	}
	<-w.Done()
	if err := w.Err(); !errors.Is(err, lost.Overdue) {
		t.Error(err)
	}
}

// TestFewThreads: calls wait for one another where a limit allows few threads.
func TestFewThreads(t *testing.T) {
	w := manage(t)
	w.Worker = w.held(socket, outwork.Target{Limits: sandbox.Limits{Memory: 80 << 20}, Program: debian(t)})
	w.run("import time\nt = []") // the main thread has run something
	var calls sync.WaitGroup
	for range 40 {
		calls.Go(func() {
			if _, err := python.Import(w.Worker, "time").Call(t.Context(), "sleep", 0.02); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if v := w.run("import sys\ndef main(): return 1 < len(sys._current_frames()) < 20"); v != true {
		t.Error("there were no few threads")
	}
}

// TestStarterKilled: an interpreter dies with what supervises it, busy in C as it may be, and so does
// what it has started.
func TestStarterKilled(t *testing.T) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			m := &outwork.Manager{}
			defer m.Close() // its starter was killed, and it says so
			w := &world{t: t, m: m}
			target := outwork.Target{Sandbox: sandbox.Config{Level: level, Subprocesses: true}, Program: debian(t)}
			w.Worker = w.held(socket, target)
			w.run("import os, sys\nos.posix_spawn(sys.executable, [sys.executable, '-c', 'sum(iter(int, 1))'], {}, setsid=True)")
			spin := make(chan error, 1)
			go func() {
				_, err := w.Run(t.Context(), script("sum(iter(int, 1))"))
				spin <- err
			}()
			all := members(t, w.PID())
			if len(all) < 2 {
				t.Fatalf("its namespace has %d processes", len(all))
			}
			if err := syscall.Kill(parent(t, w.PID()), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if _, ok := errors.AsType[*outwork.LostError](<-spin); !ok {
				t.Error("the call did not fail")
			}
			for _, pidfd := range all {
				waiting := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
				if n, err := unix.Poll(waiting, 10_000); n != 1 {
					t.Errorf("a process lives on: %v", err)
				}
			}
		})
	}
}

// members are the processes in the pid namespace that pid is in, as pidfds.
func members(t *testing.T, pid int) (pidfds []int) {
	t.Helper()
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if other, _ := os.Readlink(l); other != space { // it may have ended
			continue
		}
		var pid int
		fmt.Sscanf(l, "/proc/%d/", &pid)
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			t.Cleanup(func() { unix.Close(fd) })
			pidfds = append(pidfds, fd)
		}
	}
	return pidfds
}

// parent is the process that has started pid.
func parent(t *testing.T, pid int) (ppid int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "PPid:")
	if _, err := fmt.Sscan(rest, &ppid); err != nil {
		t.Fatal(err)
	}
	return ppid
}
