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
	case "hostctl", "hostd":
		main()
	}
	realm.Main(m, realm.Options{Private: []string{"/usr", "/var", "/srv", "/opt"}})
}

// Each function, as users of the command see it.
func TestFunctions(t *testing.T) {
	realm.Need(t)
	t.Cleanup(func() { os.RemoveAll("/var/log/hostctl") })
	command := program(t)
	defer realm.Daemon(t, "/run/hostd")()
	write(t, "/etc/sudoers", "root ALL=(ALL) ALL\n")
	for _, test := range []struct {
		user, want string
		status     int
		args       []string
	}{
		{"alice", "web3", 0, []string{"hostname", "set", "web3"}},
		{"bob", "web3", 0, []string{"hostname", "get"}},
		{"bob", "group hostctl", 77, []string{"hostname", "set", "web4"}},
		{"alice", "NAME must match", 2, []string{"hostname", "set", "Web 4"}},
		{"bob", "32768", 0, []string{"sysctl", "get", "net.ipv4.ip_local_port_range"}},
		{"root", "40000 50000", 0, []string{"sysctl", "set", "net.ipv4.ip_local_port_range", "40000 50000"}},
		{"root", "is empty", 1, []string{"sysctl", "set", "net.ipv4.ip_local_port_range", "50000 40000"}},
		{"bob", "polkit", 77, []string{"sysctl", "set", "vm.swappiness", "60"}},
		{"alice", "root ALL=(ALL) ALL", 0, []string{"file", "read", "sudoers"}},
		{"bob", "group hostctl", 77, []string{"file", "read", "sudoers"}},
		{"alice", "socket:", 0, []string{"port", "listen", "443", "--", "/bin/readlink", "/proc/self/fd/3"}},
		{"alice", "PORT must be", 2, []string{"port", "listen", "1024"}},
		{"alice", "/srv/site", 0, []string{"directory", "create", "site"}},
		{"alice", "file exists", 1, []string{"directory", "create", "site"}},
		{"alice", "parent", 2, []string{"directory", "create", "x", "--parent", "/etc"}},
	} {
		said, err := as(test.user, command, test.args...)
		if status(err) != test.status || !strings.Contains(said, test.want) {
			t.Errorf("%s: hostctl %s: got %v, want %d and %q\n%s", test.user, strings.Join(test.args, " "), err, test.status, test.want, said)
		}
	}
	owned(t, "/srv/site", realm.Lookup("alice"))
}

// status is the exit status of a command, or -1.
func status(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// owned checks that a directory is a user's, with the mode that the umask of as
// leaves.
func owned(t *testing.T, name string, u realm.User) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	if s.Uid != u.UID || s.Gid != u.GID || info.Mode() != os.ModeDir|0o777&^os.FileMode(umask) {
		t.Errorf("%s is uid %d's, gid %d's, with mode %v", name, s.Uid, s.Gid, info.Mode())
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// program installs the test binary under both of its names, where other users
// can execute it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const command = "/run/hostctl"
	err = errors.Join(os.WriteFile(command, self, 0o600), os.Chmod(command, 0o755), os.Symlink("hostctl", "/run/hostd"))
	if err != nil {
		t.Fatal(err)
	}
	return command
}

// umask is that of the users of these tests.
const umask = 0o027

// as runs hostctl, which is at command, as a user.
func as(name, command string, args ...string) (string, error) {
	u := realm.Lookup(name)
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "HOME=" + u.Home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}}
	defer syscall.Umask(syscall.Umask(umask)) // inherited
	out, err := cmd.CombinedOutput()
	return string(out), err
}
