package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soon is how long anything here may take, on the slowest machine.
const soon = time.Minute

// endless is a script that says when it runs, and then does not end.
const endless = "print('running')\nwhile True: pass"

// running is the command while it runs a script.
type running struct {
	*exec.Cmd
	t      *testing.T
	mark   string // in the environment of the command and all that it starts
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// start starts the command in a process group of its own, as a shell does, and waits
// until the script prints its first line.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	return begin(t, "running\n", args...)
}

// begin is start for what prints another first line, or none if that is empty.
func begin(t *testing.T, first string, args ...string) *running {
	t.Helper()
	r := &running{Cmd: command(t, args...), t: t}
	r.mark = fmt.Sprintf("TEST_MARK=%d-%s-%p", os.Getpid(), t.Name(), r)
	r.Env = append(os.Environ(), r.mark)
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.Stderr = &r.stderr
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.stdout = bufio.NewReader(out)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if first == "" {
		return r
	}
	if line, err := r.stdout.ReadString('\n'); line != first {
		r.Process.Kill()
		r.Wait()
		t.Fatalf("the script printed %q: %v\n%s", line, err, &r.stderr)
	}
	return r
}

// signal sends a signal to the command's process group, as a terminal does.
func (r *running) signal(s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(-r.Process.Pid, s); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the command, which must end with status, and for all processes
// that it started.
func (r *running) end(status int) {
	r.t.Helper()
	if r.stdout != nil {
		io.Copy(io.Discard, r.stdout)
	}
	timer := time.AfterFunc(soon, func() { r.Process.Kill() })
	defer timer.Stop()
	err := r.Wait()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != status {
		r.t.Errorf("the command ended with %v, want status %d\n%s", err, status, &r.stderr)
	}
}

// left is the processes that carry the mark.
func (r *running) left() (pids []int) {
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(append(env, 0), append([]byte(r.mark), 0)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			r.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// gone waits until no process carries the mark, for at most a second: that is what
// is promised even of a manager that was killed.
func (r *running) gone() {
	r.t.Helper()
	var left []int
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		if left = r.left(); len(left) == 0 {
			return
		}
	}
	r.t.Errorf("processes %v are left", left)
}

// worker is the process that runs the script: its title names that.
func (r *running) worker(script string) int {
	r.t.Helper()
	for _, pid := range r.left() {
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(title), "["+script+"]") {
			return pid
		}
	}
	r.t.Fatalf("no process of %v is the worker", r.left())
	return 0
}

func (r *running) mustSay(want string) {
	r.t.Helper()
	if !strings.Contains(r.stderr.String(), want) {
		r.t.Errorf("stderr is %q, want %q in it", &r.stderr, want)
	}
}

func TestInterrupt(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(strconv.Itoa(int(s)), func(t *testing.T) {
			r := start(t, "run", "-c", endless)
			if n := len(r.left()); n < 3 {
				t.Errorf("%d processes, want command, starter and worker", n)
			}
			r.signal(s)
			r.end(statusInterrupted)
			if left := r.left(); len(left) > 0 {
				t.Errorf("processes %v are left when the command has ended", left)
			}
			r.mustSay("outwork run: interrupted\n")
		})
	}
}

// A worker that does not listen keeps the first Ctrl-C waiting, but not the
// second.
func TestSecondInterrupt(t *testing.T) {
	script := writeScript(t, endless)
	r := start(t, "run", script)
	worker := r.worker(filepath.Base(script))
	if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker has stopped", func() bool { return strings.HasPrefix(status(t, worker, "State"), "T") })
	began := time.Now()
	r.signal(syscall.SIGINT)
	until(t, "the first Ctrl-C reaches the worker", func() bool { return pending(t, worker, syscall.SIGTERM) })
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	if took := time.Since(began); took >= 2*time.Second {
		t.Errorf("it took %v, as long as a worker has to end", took)
	}
	r.gone()
}

// until waits for something to come true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); {
		if time.Since(began) > soon {
			t.Fatalf("not so after %v: %s", soon, what)
		}
	}
}

// pending reports whether a signal waits for a process to take it.
func pending(t *testing.T, pid int, signal syscall.Signal) bool {
	t.Helper()
	bits, err := strconv.ParseUint(status(t, pid, "ShdPnd"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits&(1<<(signal-1)) != 0
}

// status is a line of /proc/PID/status.
func status(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, value, found := strings.Cut(string(b), "\n"+name+":")
	if !found {
		t.Fatalf("no line %s in %s", name, b)
	}
	value, _, _ = strings.Cut(value, "\n")
	return strings.TrimSpace(value)
}

func TestKilledCommandLeavesNothing(t *testing.T) {
	r := start(t, "run", "-c", endless)
	if err := r.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.end(-1)
	r.gone()
}

func TestLostWorker(t *testing.T) {
	script := writeScript(t, endless)
	for _, test := range []struct {
		signal syscall.Signal
		want   string
	}{
		{syscall.SIGKILL, "is lost: signal killed"},
		{syscall.SIGQUIT, "its last words: "}, // Go's runtime prints its goroutines
	} {
		t.Run(test.want, func(t *testing.T) {
			r := start(t, "run", script)
			if err := syscall.Kill(r.worker(filepath.Base(script)), test.signal); err != nil {
				t.Fatal(err)
			}
			r.end(statusLost)
			if left := r.left(); len(left) > 0 {
				t.Errorf("processes %v are left when the command has ended", left)
			}
			r.mustSay(test.want)
		})
	}
}

func TestLostWorkerAsJSON(t *testing.T) {
	script := writeScript(t, "log.error('running')\n"+endless)
	cmd := command(t, "run", "--json", script)
	r := &running{Cmd: cmd, t: t, mark: fmt.Sprintf("TEST_MARK=%d-%s", os.Getpid(), t.Name())}
	cmd.Env = append(os.Environ(), r.mark)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stderr).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(r.worker(filepath.Base(script)), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.stdout = bufio.NewReader(stderr)
	r.end(statusLost)
	if got := stdout.String(); !strings.HasPrefix(got, `{"error":{"kind":"lost","message":"`) {
		t.Errorf("stdout is %q", got)
	}
}

// writeScript is the path of a script with that text.
func writeScript(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.star")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A build that is interrupted clears up: the go command is told, and not killed at once.
func TestInterruptedBuild(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "go-build")
	text := fmt.Sprintf(`#!/bin/sh
case "$1" in
tool) echo linux/arm64 ;;
list) printf '%%s\n' %s . ;;
build)
	trap 'rmdir %s; exit 1' INT
	mkdir %[2]s
	while :; do :; done ;;
esac
`, modulePath, folder)
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	r := begin(t, "", "build-agents", "--out", filepath.Join(dir, "out"), "--platforms", "linux/arm64")
	until(t, "it builds", func() bool { return exists(folder) })
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.end(statusInterrupted)
	r.gone()
	if exists(folder) {
		t.Error("its folder is left")
	}
}
