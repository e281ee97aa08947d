package sshtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// roleVariable makes the test binary another process of these tests.
const roleVariable = "SSHTEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "owner" {
		owner()
		return
	}
	os.Exit(m.Run())
}

// owner starts a machine, prints what it has, and waits to be killed.
func owner() {
	m, err := Start(Options{Network: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := m.Command(context.Background(), fmt.Sprintf("echo %d %s; exec sleep 1000000", m.pid(), m.net.name))
	cmd.Stdout = os.Stdout
	if err := m.background(cmd); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
}

// run runs a command to its end, which may be a failure.
func run(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ssh runs a command line by ssh, as deploy.
func ssh(t *testing.T, m *Machine, args ...string) result {
	t.Helper()
	return run(t, m.SSH(t.Context(), args...))
}

// says fails the test unless a command ended well and printed just that.
func (r result) says(t *testing.T, want string) {
	t.Helper()
	if r.code != 0 || strings.TrimSpace(r.stdout) != want {
		t.Errorf("exit status %d\nstdout %q, want %q\nstderr %q", r.code, r.stdout, want, r.stderr)
	}
}

// fails fails the test unless a command failed with that on its stderr.
func (r result) fails(t *testing.T, want string) {
	t.Helper()
	if r.code == 0 || !strings.Contains(r.stderr, want) {
		t.Errorf("exit status %d\nstdout %q\nstderr %q, want %q in it", r.code, r.stdout, r.stderr, want)
	}
}

// askpass makes ssh give this password when it asks for one.
func askpass(t *testing.T, cmd *exec.Cmd, password string) *exec.Cmd {
	t.Helper()
	name := filepath.Join(t.TempDir(), "askpass")
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho '"+password+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+name, "SSH_ASKPASS_REQUIRE=force")
	return cmd
}

// possessions is what a machine could leave behind in this process.
type possessions struct{ goroutines, files int }

func possess(t *testing.T) possessions {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	return possessions{runtime.NumGoroutine(), len(files)}
}

// leavesNothing fails the test if there is more than before, or a mount of a machine.
func leavesNothing(t *testing.T, before possessions) {
	t.Helper()
	after := possess(t)
	// One that has said that it ends may take a moment.
	for end := time.Now().Add(time.Second); after.goroutines > before.goroutines && time.Now().Before(end); after = possess(t) {
		runtime.Gosched()
	}
	// Fewer is right: a goroutine of an earlier test may only have ended now.
	if after.goroutines > before.goroutines || after.files > before.files {
		t.Errorf("left behind: %+v, before %+v", after, before)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	if strings.Contains(string(mounts), "sshtest") {
		t.Errorf("mounts here: %s", mounts)
	}
}

// noInterface fails the test if an interface is on this machine.
func noInterface(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Lstat("/sys/class/net/" + name); !os.IsNotExist(err) {
		t.Errorf("interface %s: %v", name, err)
	}
}
