package attack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/sandbox"
)

// many has so many threads that wait until the call ends.
var many = outwork.Func("attack.many", func(ctx context.Context, n int) (int, error) {
	ready, done := make(chan bool), make(chan bool)
	defer close(done)
	for range n {
		go func() {
			runtime.LockOSThread() // and the thread ends with it
			ready <- true
			<-done
		}()
	}
	for range n {
		<-ready
	}
	call.Progress(ctx, 1, 1, "ready")
	<-ctx.Done()
	return n, nil
})

// holding is what the kernel says about a thread that a level holds. Nothing is gained from the
// bounding set of capabilities where there are no new privileges.
var holding = map[string]func(value string) bool{
	"Seccomp":    func(v string) bool { return v == "2" },
	"NoNewPrivs": func(v string) bool { return v == "1" },
	"CapInh":     none, "CapPrm": none, "CapEff": none, "CapAmb": none,
	"Uid": notRoot, "Gid": notRoot,
}

func none(v string) bool { return strings.Trim(v, "0") == "" }

func notRoot(v string) bool { return !slices.Contains(strings.Fields(v), "0") }

// TestEveryThreadIsHeld looks from outside at all threads of a worker.
func TestEveryThreadIsHeld(t *testing.T) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			a := newAttacker(t, sandbox.Config{Level: level})
			w := a.worker(t)
			seen, ctx := make(chan bool, 1), within(t)
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			ctx = call.WithProgress(ctx, func(int64, int64, string) { seen <- true })
			ended := make(chan error, 1)
			go func() { _, err := many.Call(ctx, w, 16); ended <- err }()
			select {
			case <-seen:
			case err := <-ended:
				t.Fatal(err)
			}
			if n := held(t, w.PID()); n < 16 {
				t.Errorf("it has %d threads; want 16 and more", n)
			}
			outside(t, w.PID())
			noCore(t, w.PID())
			if os.Geteuid() == 0 {
				ownUser(t, w.PID())
			}
			cancel()
			<-ended
		})
	}
}

// held checks each thread of a process, and returns how many there are.
func held(t *testing.T, pid int) int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		found := 0
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			if ok := holding[key]; ok != nil {
				found++
				if value = strings.TrimSpace(value); !ok(value) {
					t.Errorf("%s: %s is %q", name, key, value)
				}
			}
		}
		if found != len(holding) {
			t.Errorf("%s tells %d of %d:\n%s", name, found, len(holding), b)
		}
	}
	return len(threads)
}

// outside checks that a process is in namespaces of its own.
func outside(t *testing.T, pid int) {
	t.Helper()
	for _, kind := range []string{"pid", "net", "ipc", "uts", "mnt", "cgroup"} {
		here, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		there, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		if err != nil {
			t.Logf("the kernel does not tell %s", kind) // to who is not root, of what is not dumpable
			continue
		}
		if here == there {
			t.Errorf("its %s namespace is the manager's", kind)
		}
	}
}

// ownUser checks that no other process has the process's user.
func ownUser(t *testing.T, pid int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/task/%d/status", pid, pid), &st); err != nil {
		t.Fatal(err)
	}
	user := userOf(t, pid)
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		var other int
		if _, err := fmt.Sscanf(filepath.Base(dir), "%d", &other); err != nil || other == pid {
			continue
		}
		if u := userOf(nil, other); u == user {
			t.Errorf("process %d has user %s too", other, user)
		}
	}
}

// userOf are the ids of a process.
func userOf(t *testing.T, pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil && t != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			return ids
		}
	}
	return ""
}

// descriptors are what a process has open: number, and what it leads to.
var descriptors = outwork.Func("attack.descriptors", func(context.Context, struct{}) (all []string, _ error) {
	for fd := range 1024 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			flags = -1
		}
		all = append(all, fmt.Sprintf("%d %o %d", fd, st.Mode&unix.S_IFMT, flags&unix.O_ACCMODE))
	}
	return all, nil
})

// TestNothingIsLeftOpen: a worker has its link and its output, and nothing that leads to a
// folder, or to a file that can be written.
func TestNothingIsLeftOpen(t *testing.T) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			w := newAttacker(t, sandbox.Config{Level: level}).worker(t)
			all, err := descriptors.Call(within(t), w, struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%q", all)
			sockets := 0
			for _, d := range all {
				var fd, access int
				var kind uint32
				if _, err := fmt.Sscanf(d, "%d %o %d", &fd, &kind, &access); err != nil {
					t.Fatal(err)
				}
				switch {
				case kind == unix.S_IFSOCK:
					sockets++
				case kind == unix.S_IFDIR, kind == unix.S_IFBLK,
					kind == unix.S_IFREG && access != unix.O_RDONLY, kind == unix.S_IFCHR && fd > 2:
					t.Errorf("it has %s open", d)
				}
			}
			if sockets != 1 {
				t.Errorf("it has %d sockets open, want its link", sockets)
			}
		})
	}
}

// noCore checks that nothing outside gets to see the memory of a process that crashes: a limit
// of one byte, or none where that could not be had, but no more.
func noCore(t *testing.T, pid int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Fields(rest)[1] != "1" && strings.Fields(rest)[1] != "0" {
			t.Errorf("a core may have %q", rest)
		}
	}
}
