package main

import (
	"errors"
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
	defer realm.Daemon(t, daemon)()
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

// nobody runs the command as a user who is in no group.
func nobody(command string, args ...string) (string, error) {
	u := realm.Lookup("nobody")
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.UID, Gid: u.GID}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
