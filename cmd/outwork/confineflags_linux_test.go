package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// openToAll is this test's binary where every user can start it.
func openToAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "open")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	path := filepath.Join(dir, "outwork")
	copied, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(copied, self)
		err = errors.Join(err, copied.Close(), os.Chmod(dir, 0o755), os.Chmod(path, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Where the kernel makes no namespaces for users, nothing runs that is to be confined, and what
// to do is said.
func TestSandboxCannotBeHad(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("run it as root")
		}
		t.Skip("only root has the ids of others in a namespace of its own")
	}
	program := openToAll(t)
	poor := func(args ...string) (status int, stdout, stderr string) {
		line := `echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"`
		cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", line, "sh", program}, args...)...)
		cmd.Dir = "/"
		all := []syscall.SysProcIDMap{{Size: 65536}}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: all, GidMappings: all, GidMappingsEnableSetgroups: true, Pdeathsig: syscall.SIGKILL}
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			status = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		return status, out.String(), complaints.String()
	}
	for _, args := range [][]string{
		{"run", "--sandbox", "-c", "print(1)"}, {"run", "--sandbox=contained", "--", "true"}, {"inspect", "/bin/true"}, {"search", "x", "/bin/true"},
	} {
		status, out, complaints := poor(args...)
		if status != statusLost || out != "" || strings.Count(complaints, "\n") != 1 {
			t.Errorf("%q: status %d, %q, %q", args, status, out, complaints)
		}
		contain(t, complaints, "outwork "+args[0]+": ", "user.max_user_namespaces is 0", "--allow-reduced")
	}
	status, out, complaints := poor("run", "--sandbox", "--allow-reduced", "-v", "-c", "print(1)")
	if status != 0 || out != "1\n" {
		t.Errorf("status %d, %q", status, out)
	}
	contain(t, complaints, "confinement: strict\n", "  active:  seccomp", "  missing: ", "user.max_user_namespaces is 0")
	if status, _, complaints = poor("inspect", "--allow-reduced", "/bin/true"); status != 0 || complaints != "" {
		t.Errorf("status %d, %q", status, complaints)
	}
}
