package supervise

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// open makes a supervisor that is closed at the end of the test, when everything
// it had must be gone.
func open(t *testing.T) *Supervisor {
	t.Helper()
	warmUp(t)
	fds, goroutines := openFiles(t), runtime.NumGoroutine()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("Close:", err)
		}
		if _, err := peek(); !errors.Is(err, unix.ECHILD) {
			t.Error("a child is left:", err)
		}
		if pids := carriers(t, s.token); len(pids) > 0 {
			t.Error("processes are left:", pids)
		}
		if n := openFiles(t); n > fds {
			t.Errorf("%d files open, %d before", n, fds)
		}
		for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
			}
		}
	})
	return s
}

// warmUp lets os/signal and the poller start what they keep for ever.
func warmUp(t *testing.T) {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err := errors.Join(err, r.Close(), w.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// carriers are the living processes with a mark of the supervisor of that token.
func carriers(t *testing.T, token string) (pids []int) {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environs {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(token)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func spec(role string, args ...string) Spec {
	return Spec{
		Path:  "/proc/self/exe",
		Args:  append([]string{"host"}, args...),
		Env:   []string{roleVar + "=" + role, "GORACE=atexit_sleep_ms=0"},
		Files: []*os.File{nil, nil, os.Stderr},
	}
}

// play starts a role whose standard output is read.
func play(t *testing.T, s *Supervisor, role string, args ...string) (*Child, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sp := spec(role, args...)
	sp.Files[1] = w
	c, err := s.Start(sp)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); c.Pidfd().Close() })
	return c, lines(t, r)
}

func lines(t *testing.T, r *os.File) *bufio.Reader {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(r)
}

// introduced reads n lines of name and pid, and returns pidfds by name.
func introduced(t *testing.T, from *bufio.Reader, n int) map[string][]*os.File {
	t.Helper()
	procs := map[string][]*os.File{}
	for range n {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var name string
		var pid int
		if _, err := fmt.Sscan(line, &name, &pid); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		procs[name] = append(procs[name], openPid(t, pid))
	}
	return procs
}

func openPid(t *testing.T, pid int) *os.File {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewPidfd(uintptr(fd))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mustEnd(t *testing.T, procs ...*os.File) {
	t.Helper()
	for _, p := range procs {
		if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := WaitPidfd(p); err != nil {
			t.Fatal(err)
		}
	}
}

func mustLive(t *testing.T, procs ...*os.File) {
	t.Helper()
	for _, p := range procs {
		if err := SignalPidfd(p, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func exitOfChild(t *testing.T, c *Child) Exit {
	t.Helper()
	select {
	case <-c.Done():
		return c.Exit()
	case <-time.After(patience):
		t.Fatal("Done is not closed")
		return Exit{}
	}
}

func kill(t *testing.T, c *Child, sig syscall.Signal) {
	t.Helper()
	if err := c.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
