package service_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// refuses checks that a daemon does not start, with the status of a configuration
// that is wrong, and says why.
func refuses(t *testing.T, why string, args ...string) {
	t.Helper()
	d := launchDaemon(t, args...)
	d.wait()
	if status := d.cmd.ProcessState.ExitCode(); status != 78 || !strings.Contains(d.log.String(), why) {
		t.Errorf("it ended with status %d, want 78 and %q:\n%s", status, why, d.log)
	}
}

// must is for what a test prepares.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What lies in the socket's place is not the daemon's to remove, unless it is a
// socket that a daemon of root's has left.
func TestAbuseSocketPath(t *testing.T) {
	realm.Need(t)
	must(t, os.WriteFile("/run/target", []byte("keep me"), 0o644))
	t.Cleanup(func() { os.Remove("/run/target") })
	for _, test := range []struct {
		name, at, why string
		put           func(at string) error
	}{
		{"a file", "", "there is a regular file", func(at string) error { return os.WriteFile(at, nil, 0o644) }},
		{"a symlink", "", "there is a symlink", func(at string) error { return os.Symlink("/run/target", at) }},
		{"a symlink to nothing", "", "there is a symlink", func(at string) error { return os.Symlink("/run/nothing", at) }},
		{"a directory", "", "there is a directory", func(at string) error { return os.Mkdir(at, 0o755) }},
		{"a FIFO", "", "there is a pipe", func(at string) error { return unix.Mkfifo(at, 0o666) }},
		{"a device", "", "there is a device", func(at string) error { return os.Rename(device(t), at) }},
		{"a live socket", "", "another program listens there", func(at string) error { return listen(t, "root", at) }},
		{"a socket of bob's", "", "there is a socket of uid 12002 (bob)", func(at string) error {
			return errors.Join(listen(t, "root", at), os.Chown(at, 12002, 12002))
		}},
		{"a symlink for the lock", ".lock", "is a symlink", func(at string) error { return os.Symlink("/run/target", at) }},
		{"a lock of bob's", ".lock", "not a lock file", func(at string) error {
			return errors.Join(os.WriteFile(at, nil, 0o600), os.Chown(at, 12002, 12002))
		}},
		{"a symlink for the new socket", ".new", "there is a symlink", func(at string) error { return os.Symlink("/run/target", at) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := socketPath + test.at
			must(t, test.put(at))
			before := inode(t, at)
			refuses(t, test.why)
			if inode(t, at) != before {
				t.Error("it was replaced")
			}
			must(t, os.RemoveAll(at))
		})
	}
	if b, err := os.ReadFile("/run/target"); string(b) != "keep me" {
		t.Errorf("what a symlink led to is %q, %v", b, err)
	}
	if left, _ := filepath.Glob("/run/testctl*"); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	startDaemon(t).healthy()
}

// device makes one below /dev, where there may be some, or the test is not.
func device(t *testing.T) string {
	t.Helper()
	path := "/run/device"
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skipf("no device can be made here: %v", err)
	}
	return path
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return st.Ino
}

// listen makes a socket of a user's that listens until the test ends, and says
// nothing.
func listen(t *testing.T, user, path string) error {
	t.Helper()
	failed := make(chan error, 1)
	var l net.Listener
	go func() {
		runtime.LockOSThread()
		err := become(realm.Lookup(user))
		if err == nil {
			l, err = net.Listen("unix", path)
		}
		failed <- err
	}()
	if err := <-failed; err != nil {
		return err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
	return nil
}

// A directory in which others could put a socket in place of the daemon's is no
// place for it.
func TestAbuseSocketDirectory(t *testing.T) {
	realm.Need(t)
	for _, test := range []struct {
		name, why string
		uid       int
		mode      os.FileMode
	}{
		{"of bob's", "belongs to uid 12002 (bob)", 12002, 0o755},
		{"for all to write", "others may write to the directory", 0, 0o777},
		{"for a group to write", "others may write to the directory", 0, 0o775},
	} {
		t.Run(test.name, func(t *testing.T) {
			must(t, os.Mkdir("/run/place", 0o755))
			t.Cleanup(func() { os.RemoveAll("/run/place") })
			must(t, errors.Join(os.Chown("/run/place", test.uid, 0), os.Chmod("/run/place", test.mode)))
			refuses(t, test.why, "--socket", "/run/place/x.sock")
			must(t, os.Symlink("/run/place", "/run/link"))
			t.Cleanup(func() { os.Remove("/run/link") })
			refuses(t, test.why, "--socket", "/run/link/x.sock")
		})
	}
	refuses(t, "is not there", "--socket", "/run/none/x.sock")
}

// A second daemon harms the first in nothing.
func TestAbuseSecondDaemon(t *testing.T) {
	d := startDaemon(t)
	for range 3 {
		refuses(t, fmt.Sprintf("another daemon serves it already: process %d", d.cmd.Process.Pid))
	}
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	d.recorded(1, "value.set", "done", "ok")
	d.healthy()
	d.unforged()
}

// A daemon of somebody else's is sent nothing.
func TestAbuseFakeDaemon(t *testing.T) {
	realm.Need(t)
	const path = "/run/lock/testctl.sock"
	sent := make(chan int, 1)
	must(t, pretend(t, path, sent))
	got := as(t, "alice", "--socket", path, "echo", "my secret")
	if got.status != 69 || !strings.Contains(got.stderr, "runs as uid 12002 (bob), not root") || got.stdout != "" {
		t.Errorf("got %+v", got)
	}
	if n := next(t, "nobody connected", sent); n != 0 {
		t.Errorf("the impostor was sent %d bytes", n)
	}
}

// pretend is a daemon of bob's, that counts what it is sent.
func pretend(t *testing.T, path string, sent chan<- int) error {
	t.Helper()
	var l net.Listener
	listening := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := become(realm.Lookup("bob"))
		if err == nil {
			l, err = net.Listen("unix", path)
		}
		if err == nil {
			err = os.Chmod(path, 0o666)
		}
		listening <- err
	}()
	if err := <-listening; err != nil {
		return err
	}
	t.Cleanup(func() { l.Close(); os.Remove(path) })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Write(say())
		conn.SetReadDeadline(time.Now().Add(patience))
		n, _ := conn.Read(make([]byte, 100))
		sent <- n
	}()
	return nil
}

// A policy that others could have written is none.
func TestAbusePolicy(t *testing.T) {
	realm.Need(t)
	const file = policyDir + "/10-site.yaml"
	const allows = "rules:\n  - function: root.only\n    allow: {anyone: true}\n"
	bobs := filepath.Join(realm.Lookup("bob").Home, "policy.yaml")
	must(t, errors.Join(os.WriteFile(bobs, []byte(allows), 0o644), os.Chown(bobs, 12002, 12002)))
	t.Cleanup(func() { os.Remove(bobs) })
	for _, test := range []struct {
		name, why string
		abuse     func() error
	}{
		{"a file that all may write", file + " is owned by uid 0, mode 0666", func() error { return os.Chmod(file, 0o666) }},
		{"a file that a group may write", file + " is owned by uid 0, mode 0664", func() error { return os.Chmod(file, 0o664) }},
		{"a file of bob's", file + " is owned by uid 12002", func() error { return os.Chown(file, 12002, 0) }},
		{"a directory of bob's", policyDir + " is owned by uid 12002", func() error { return os.Chown(policyDir, 12002, 0) }},
		{"a directory that all may write", policyDir + " is owned by uid 0, mode 0777", func() error { return os.Chmod(policyDir, 0o777) }},
		{"a sticky directory that all may write", policyDir + " is owned by uid 0, mode 1777", func() error { return os.Chmod(policyDir, 0o777|os.ModeSticky) }},
		{"a directory above it of bob's", "/etc/testctl is owned by uid 12002", func() error { return os.Chown("/etc/testctl", 12002, 0) }},
		{"a symlink to bob's", file, func() error { return errors.Join(os.Remove(file), os.Symlink(bobs, file)) }},
		{"a symlink to bob's directory", policyDir, func() error {
			return errors.Join(os.RemoveAll(policyDir), os.Symlink(filepath.Dir(bobs), policyDir))
		}},
		{"a FIFO", file, func() error { return errors.Join(os.Remove(file), unix.Mkfifo(file, 0o644)) }},
		{"a directory for a file", file, func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			writePolicy(t, "10-site.yaml", allows)
			must(t, test.abuse())
			refuses(t, test.why)
		})
	}
}

// A symlink that comes and goes where a policy file is never leads to another's.
func TestAbusePolicyIsSwapped(t *testing.T) {
	writePolicy(t, "10-site.yaml", "rules:\n  - function: echo\n    allow: {user: bob}\n")
	d := abused(t)
	const file = policyDir + "/10-site.yaml"
	bobs := filepath.Join(realm.Lookup("bob").Home, "policy.yaml")
	must(t, os.WriteFile(bobs, []byte("rules:\n  - function: root.only\n    allow: {user: bob}\n"), 0o644))
	must(t, os.Chown(bobs, 12002, 12002))
	must(t, os.Symlink(bobs, policyDir+"/link"))
	t.Cleanup(func() { os.Remove(bobs) })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, policyDir+"/link", unix.AT_FDCWD, file, unix.RENAME_EXCHANGE)
			}
		}
	}()
	bob := greeted(t, "bob")
	for i := range uint32(200) {
		d.cmd.Process.Signal(syscall.SIGHUP)
		if !d.waitFor("READY=1") {
			t.Fatal("it does not reload")
		}
		bob.open(2*i+1, "root.only", encode(none{}))
		if a := bob.answer(2*i + 1); !a.is("service.denied") {
			t.Fatalf("got %+v", a)
		}
	}
	close(stop)
	<-stopped
}

// The records go into a file of root's, and into no other that its name may lead to.
func TestAbuseAuditFile(t *testing.T) {
	realm.Need(t)
	dir := filepath.Dir(auditPath)
	must(t, os.WriteFile("/run/target", []byte("keep me"), 0o644))
	t.Cleanup(func() { os.Remove("/run/target") })
	for _, test := range []struct {
		name, why string
		put       func() error
	}{
		{"a symlink", "is a symbolic link", func() error { return os.Symlink("/run/target", auditPath) }},
		{"a symlink to nothing", "is a symbolic link", func() error { return os.Symlink("/run/nothing", auditPath) }},
		{"a directory", auditPath, func() error { return os.Mkdir(auditPath, 0o755) }},
		{"a FIFO", auditPath, func() error { return unix.Mkfifo(auditPath, 0o600) }},
		{"a file of bob's", auditPath, func() error {
			return errors.Join(os.WriteFile(auditPath, nil, 0o600), os.Chown(auditPath, 12002, 0))
		}},
		{"a file that all may write", auditPath, func() error {
			return errors.Join(os.WriteFile(auditPath, nil, 0o600), os.Chmod(auditPath, 0o666))
		}},
		{"a directory of bob's", dir, func() error { return os.Chown(dir, 12002, 0) }},
		{"a directory that all may write", dir, func() error { return os.Chmod(dir, 0o777) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			must(t, errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o750)))
			must(t, test.put())
			refuses(t, test.why)
		})
	}
	d := abused(t)
	must(t, errors.Join(os.Rename(auditPath, auditPath+".1"), os.Symlink("/run/target", auditPath)))
	d.cmd.Process.Signal(syscall.SIGHUP)
	d.told("the records could not be reopened: they go on where they were")
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	must(t, os.Rename(auditPath+".1", auditPath))
	d.recorded(1, "value.set", "done", "ok")
	if b, err := os.ReadFile("/run/target"); string(b) != "keep me" {
		t.Errorf("what a symlink led to is %q, %v", b, err)
	}
}
