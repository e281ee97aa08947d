package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patient is a command that says when it runs, and then does not end by itself. No shell:
// one that is about to start a program may lose a signal.
func patient(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("running\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--", "tail", "-f", file}
}

func TestInterruptedCommand(t *testing.T) {
	r := start(t, append([]string{"run"}, patient(t)...)...)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	if r.stderr.Len() > 0 {
		t.Errorf("stderr: %s", &r.stderr)
	}
}

// What cleans up has the time to.
func TestInterruptedCommandCleansUp(t *testing.T) {
	r := start(t, "run", "--", "sh", "-c", "trap 'echo bye; exit 5' INT; echo running; while :; do sleep 0.01; done")
	r.signal(syscall.SIGINT)
	rest, err := io.ReadAll(r.stdout)
	if string(rest) != "bye\n" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
	r.end(5)
	r.gone()
}

func TestKilledManagerOfCommand(t *testing.T) {
	r := start(t, "run", "--", "sh", "-c", "trap '' INT TERM HUP; setsid sleep 1000 & echo running; while :; do sleep 1; done")
	r.Process.Kill()
	r.end(-1)
	r.gone()
}

func TestInterruptedHosts(t *testing.T) {
	dir := t.TempDir()
	for _, host := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, host), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(hostsVariable, dir)
	r := begin(t, "[a] running\n", append([]string{"run", "--parallel", "1", "--hosts", "a,b"}, patient(t)...)...)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	for _, want := range []string{"a     failed ", "b     failed ", "interrupted: 2 of 2 hosts failed: a, b\n"} {
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, &r.stderr)
		}
	}
}

// A put that ends in the middle leaves nothing half written, however it ends.
func TestPutInterrupted(t *testing.T) {
	for name, end := range map[string]func(*running){
		"interrupted": func(r *running) {
			r.signal(syscall.SIGINT)
			r.end(statusInterrupted)
		},
		"killed": func(r *running) {
			r.Process.Kill()
			r.end(-1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			src, dest := filepath.Join(dir, "src"), filepath.Join(dir, "dest")
			if err := os.WriteFile(src, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(src, 4<<30); err != nil { // sparse
				t.Fatal(err)
			}
			if err := os.Mkdir(dest, 0o700); err != nil {
				t.Fatal(err)
			}
			r := begin(t, "", "put", src, dest)
			for deadline := time.Now().Add(soon); !r.writes(dest); {
				if time.Now().After(deadline) {
					t.Fatal("nothing is written")
				}
			}
			end(r)
			r.gone()
			left, err := os.ReadDir(dest)
			if err != nil {
				t.Fatal(err)
			}
			if len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// writes reports whether a process has an open file in dir.
func (r *running) writes(dir string) bool {
	for _, pid := range r.left() {
		fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		for _, fd := range fds {
			to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
			if strings.HasPrefix(to, dir+"/") {
				return true
			}
		}
	}
	return false
}
