package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/internal/realm"
)

// TestMain makes the test binary the program, when it is called by its names.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "hello", "hellod":
		main()
	}
	realm.Main(m, realm.Options{Private: []string{"/var"}})
}

// program installs the test binary under both of its names, where other users
// can execute it.
func program(t *testing.T) (command, daemon string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	command, daemon = "/run/hello", "/run/hellod"
	if err := errors.Join(os.WriteFile(command, self, 0o600), os.Chmod(command, 0o755), os.Symlink("hello", daemon)); err != nil {
		t.Fatal(err)
	}
	return command, daemon
}

func TestHello(t *testing.T) {
	realm.Need(t)
	command, daemon := program(t)
	defer start(t, daemon)()
	for want, args := range map[string][]string{
		"Hello World!\n": {"World!"},
		"Hello you\n":    {"you"},
	} {
		if got, err := nobody(command, args...); err != nil || got != want {
			t.Errorf("hello %s: %q, %v", strings.Join(args, " "), got, err)
		}
	}
	if got, err := nobody(command); err != nil || got != "Hello World!\n" {
		t.Errorf("hello: %q, %v", got, err)
	}
	got, err := nobody(command, strings.Repeat("x", 65))
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Errorf("a name that is too long: %v\n%s", err, got)
	}
}

// start starts the daemon and waits until it is ready. The function that it
// returns ends it.
func start(t *testing.T, name string) func() {
	t.Helper()
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	var said bytes.Buffer
	daemon := exec.CommandContext(t.Context(), name)
	daemon.Env = append(os.Environ(), "NOTIFY_SOCKET="+ready.LocalAddr().String())
	daemon.Stderr = &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- daemon.Wait()
		ready.Close()
	}()
	b := make([]byte, 4<<10)
	if n, err := ready.Read(b); err != nil || !strings.Contains(string(b[:n]), "READY=1") {
		t.Fatalf("the daemon is not ready: %q, %v", b[:n], err)
	}
	return func() {
		if err := errors.Join(daemon.Process.Signal(syscall.SIGTERM), <-ended); err != nil {
			t.Errorf("the daemon ended with %v\n%s", err, &said)
		}
	}
}

// nobody runs the command as a user who is in no group.
func nobody(command string, args ...string) (string, error) {
	u := realm.Lookup("nobody")
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.UID, Gid: u.GID}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
