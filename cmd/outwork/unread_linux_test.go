package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Nobody reads what is printed: the end of the time, and Ctrl-C, are the end all the same.
func TestUnreadOutput(t *testing.T) {
	t.Setenv(hostsVariable, t.TempDir())
	if err := os.Mkdir(filepath.Join(os.Getenv(hostsVariable), "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	pretend(t)
	const prints = "while True: print('x' * 1000)"
	for name, c := range map[string]struct {
		args   []string
		status int
	}{
		"a command":              {[]string{"run", "--", "yes"}, statusInterrupted},
		"a command's time":       {[]string{"run", "--timeout", "3s", "--", "yes"}, statusTimeout},
		"commands on hosts":      {[]string{"run", "--hosts", "a", "--", "yes"}, statusInterrupted},
		"a script":               {[]string{"run", "-c", prints}, statusInterrupted},
		"a script's time":        {[]string{"run", "--timeout", "3s", "-c", prints}, statusTimeout},
		"what a script returns":  {[]string{"run", "-c", "def main(): return 'x' * 200000"}, statusInterrupted},
		"what a map has found":   {[]string{"map", "-q", "-c", "def main(c): return 'x' * 200000", "-r", fill(t, 4)}, statusInterrupted},
		"a host that has joined": {[]string{"attach", "web1", "yes"}, statusInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := unread(t, c.args...)
			if c.status == statusInterrupted {
				r.fills()
				r.signal(syscall.SIGINT)
			}
			r.end(c.status)
			r.gone()
		})
	}
}

// unread starts the command, which prints to a pipe that nobody reads.
func unread(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{Cmd: command(t, args...), t: t}
	r.mark = fmt.Sprintf("TEST_MARK=%d-%s", os.Getpid(), t.Name())
	r.Env = append(os.Environ(), r.mark)
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	r.Stdout, r.Stderr = out, &r.stderr
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// fills waits until that pipe is full.
func (r *running) fills() {
	r.t.Helper()
	out := r.Stdout.(*os.File)
	until(r.t, "the pipe is full", func() bool {
		fds := []unix.PollFd{{Fd: int32(out.Fd()), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 0)
		return n == 0 && err == nil
	})
}
