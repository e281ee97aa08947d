package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// bombs use up what there is, each until it is refused, and tell how much they got.
var bombs = map[string]func() int{
	"processes": func() (n int) {
		for ; n < 5000; n++ {
			pid, err := forked(unix.SYS_CLONE, [6]uintptr{uintptr(unix.SIGCHLD)})
			if err != nil {
				break
			}
			_ = pid // nobody waits for it
		}
		return n
	},
	"threads": func() int {
		for range 5000 {
			go func() {
				runtime.LockOSThread()
				select {}
			}()
		}
		time.Sleep(time.Minute) // the runtime does not survive it
		return 5000
	},
	"files": func() (n int) {
		for ; n < 5000; n++ {
			if _, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0); err != nil {
				break
			}
		}
		return n
	},
	"memory": func() int {
		var all [][]byte
		for range 1024 {
			all = append(all, bytes.Repeat([]byte("evil"), 1<<18))
		}
		return len(all)
	},
	"memory that is shared": func() int {
		return mebibytes(unix.MAP_SHARED|unix.MAP_ANONYMOUS, -1)
	},
	"memory with a name": func() (n int) {
		for ; n < 256; n++ {
			fd, err := unix.MemfdCreate("evil", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
			if err != nil {
				break
			}
			if _, err := unix.Write(fd, make([]byte, 1<<20)); err != nil {
				break
			}
		}
		return n
	},
	"pipes": func() (n int) {
		for ; n < 2000; n++ {
			var p [2]int
			if unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
				break
			}
			_, _ = unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, 1<<20)
			_, _ = unix.Write(p[1], make([]byte, 1<<20))
		}
		return n
	},
	"processor time": func() int {
		for {
			runtime.Gosched()
		}
	},
	"output": func() int {
		b := bytes.Repeat([]byte("evil"), 1<<10)
		for {
			if _, err := os.Stdout.Write(b); err != nil {
				return 0
			}
		}
	},
	"log records": func() int {
		for {
			slog.Info("evil", "more", string(bytes.Repeat([]byte("evil"), 1<<10)))
		}
	},
}

// mebibytes maps and touches so many.
func mebibytes(flags uintptr, fd int) (n int) {
	for ; n < 256; n++ {
		at, err := result(unix.SYS_MMAP, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_POPULATE, uintptr(fd), 0)
		if err != nil || at == 0 {
			break
		}
	}
	return n
}

var explode = outwork.Func("attack.explode", func(_ context.Context, name string) (int, error) { return bombs[name](), nil })

// bang is what is to become of a bomb.
type bang struct {
	bomb   string
	limits sandbox.Limits
	most   int        // that it gets; 0: its worker is lost
	cause  lost.Cause // then, or when it may be
	levels []string   // nil: contained and strict
	slack  string     // the level at which it may get all, where no control group holds it
}

const mebibyte = 1 << 20

// smallest is a limit of memory that the test binary can live with.
var smallest = int64(128 * mebibyte)

var bangs = []bang{
	{bomb: "processes", limits: sandbox.Limits{Processes: 64}, most: 64, cause: lost.Crash, levels: []string{sandbox.Contained}}, // its runtime may need a thread meanwhile
	{bomb: "threads", limits: sandbox.Limits{Processes: 64}, cause: lost.Crash},
	{bomb: "files", limits: sandbox.Limits{Files: 64}, most: 64},
	{bomb: "memory", limits: sandbox.Limits{Memory: smallest}, cause: lost.Memory},
	{bomb: "memory that is shared", limits: sandbox.Limits{Memory: smallest}, most: int(smallest / mebibyte), cause: lost.Memory, slack: sandbox.Contained},
	{bomb: "memory with a name", limits: sandbox.Limits{Memory: smallest}, most: int(smallest / mebibyte), cause: lost.Memory, slack: "both"},
	{bomb: "pipes", limits: sandbox.Limits{Files: 64}, most: 64},
	{bomb: "processor time", limits: sandbox.Limits{CPU: time.Second}, cause: lost.CPU, levels: []string{sandbox.Strict}},
	{bomb: "output", limits: sandbox.Limits{Output: mebibyte}, cause: lost.Output},
	{bomb: "log records", limits: sandbox.Limits{Output: mebibyte}, cause: lost.Output},
}

var alive = outwork.Func("attack.alive", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

func TestBombs(t *testing.T) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			for _, b := range bangs {
				if b.levels != nil && b.levels[0] != level {
					continue
				}
				t.Run(b.bomb, func(t *testing.T) {
					t.Parallel()
					b.try(t, level)
				})
			}
		})
	}
}

func (b *bang) try(t *testing.T, level string) {
	a := newAttacker(t, sandbox.Config{Level: level})
	other := a.worker(t)
	a.w, a.target.Limits = nil, b.limits
	w := a.worker(t)
	if sample > 1 && b.limits.Memory > 0 && !holds(w, "memory by ") {
		t.Skip("the memory of a program with the race detector is held by a control group alone")
	}
	n, err := explode.Call(within(t), w, b.bomb)
	t.Logf("%d, %v", n, err)
	switch {
	case err != nil && !errors.Is(err, b.cause):
		t.Errorf("got %v, want %v", err, b.cause)
	case b.bomb == "processes" && err != nil && !threadless(err):
		t.Errorf("it is lost, and not because it got no thread: %v", err)
	case err == nil && (b.slack == level || b.slack == "both") && !holds(w, "memory by cgroup"):
	case err == nil && (n > b.most || b.most == 0):
		t.Errorf("it got %d, want at most %d", n, b.most)
	}
	if n, err := alive.Call(within(t), other, 2); n != 4 || err != nil {
		t.Errorf("another worker: %d, %v", n, err)
	}
	if err := w.Close(); err != nil && b.cause == "" {
		t.Error(err)
	}
	noMore(t, w.PID())
}

// threadless reports whether a worker was lost as its runtime wanted a thread and got none.
func threadless(err error) bool {
	e, ok := errors.AsType[*outwork.LostError](err)
	return ok && errors.Is(err, lost.Crash) &&
		(bytes.Contains(e.Stderr, []byte("pthread_create failed")) || bytes.Contains(e.Stderr, []byte("failed to create new OS thread")))
}

// holds reports whether what holds the worker begins so.
func holds(w *outwork.Worker, begin string) bool {
	return slices.ContainsFunc(w.Confinement().Active, func(s string) bool { return strings.HasPrefix(s, begin) })
}

// noMore checks that nothing is left of a worker, in whose namespace all is that it started.
func noMore(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("worker %d is there still: %v", pid, err)
	}
}

// left are living processes that this run has started, besides its starters.
func left(t *testing.T) (all []string) {
	t.Helper()
	mark := fmt.Appendf(nil, "%s=%d\x00", runMark, os.Getpid())
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if dir == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		if env, err := os.ReadFile(dir + "/environ"); err == nil && bytes.Contains(env, mark) {
			line, _ := os.ReadFile(dir + "/cmdline")
			all = append(all, fmt.Sprintf("%s %q", dir, line))
		}
	}
	return all
}

// TestNothingIsLeft closes managers after bombs, and counts processes and control groups.
func TestNothingIsLeft(t *testing.T) {
	for _, bomb := range []string{"processes", "threads"} {
		a := newAttacker(t, sandbox.Config{Level: sandbox.Contained})
		a.target.Limits.Processes = 64
		w := a.worker(t)
		starter := parentOf(t, w.PID())
		if _, err := explode.Call(within(t), w, bomb); bomb == "processes" && err != nil && !threadless(err) {
			t.Error(err)
		}
		if err := a.m.Close(); err != nil {
			t.Error(err)
		}
		if all := groups(starter); len(all) > 0 {
			t.Errorf("these control groups are left: %q", all)
		}
	}
	if all := left(t); len(all) > 0 {
		t.Errorf("these are left: %q", all)
	}
}

// groups are the control groups that a starter has made: others make theirs meanwhile.
func groups(starter int) (all []string) {
	for _, depth := range []string{"", "*/", "*/*/", "*/*/*/"} {
		some, _ := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/%soutwork-*-%d-*", depth, starter))
		all = append(all, some...)
	}
	return all
}

// parentOf is the parent of a process.
func parentOf(t *testing.T, pid int) (ppid int) {
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
