package outwork_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// relatives are the living processes that this test run started, at any remove.
func relatives(t testing.TB) (pids []int) {
	t.Helper()
	mark := []byte(runMark + "=" + os.Getenv(runMark) + "\x00")
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(append(env, 0), mark) {
			continue // it ended meanwhile, or is another's
		}
		if pid, _ := strconv.Atoi(filepath.Base(dir)); pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func descriptors(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// nothingLeft fails the test when there are more processes, descriptors,
// goroutines or temporary files at its end than now. It must come before what
// cleans up.
func nothingLeft(t testing.TB) {
	t.Helper()
	r, w, err := os.Pipe() // lets the runtime open what it keeps
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	files := func() int {
		all, _ := filepath.Glob(filepath.Join(os.TempDir(), "*outwork*"))
		return len(all)
	}
	fds, routines, temps := descriptors(t), runtime.NumGoroutine(), files()
	t.Cleanup(func() {
		if t.Failed() {
			return // which may be why
		}
		noProcess(t)
		eventually(t, fmt.Sprintf("no descriptor beyond %d left", fds), func() bool { return descriptors(t) <= fds })
		eventually(t, fmt.Sprintf("no goroutine beyond %d left", routines), func() bool { return runtime.NumGoroutine() <= routines })
		if n := files(); n > temps {
			t.Errorf("%d temporary files, %d before", n, temps)
		}
	})
}

// noProcess fails the test when processes stay that this test run started.
func noProcess(t testing.TB) {
	t.Helper()
	defer func() {
		for _, pid := range relatives(t) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			t.Errorf("process %d is left: %.200q", pid, line)
		}
	}()
	eventually(t, "no process left", func() bool { return len(relatives(t)) == 0 })
}

// parentOf is the parent of a process.
func parentOf(t testing.TB, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var state string
	var parent int
	if _, err := fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent); err != nil {
		t.Fatal(err)
	}
	return parent
}
