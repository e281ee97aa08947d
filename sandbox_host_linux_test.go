package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/sshtest"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/tcp"
)

// attempted is what came of things that a worker tried: "", or the error.
type attempted struct{ Read, Write, Stat, Network, Program string }

// attempts tries what levels of confinement differ in.
var attempts = outwork.Func("test.sandbox.attempts", func(_ context.Context, dir string) (a attempted, err error) {
	told := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	_, err = os.ReadFile("/etc/passwd")
	a.Read = told(err)
	_, err = os.Stat("/etc/passwd")
	a.Stat = told(err)
	f, err := os.CreateTemp(dir, "written")
	if a.Write = told(err); err == nil {
		f.Close()
		os.Remove(f.Name())
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if a.Network = told(err); err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}})
		if !errors.Is(err, syscall.ECONNREFUSED) { // that a loopback which is up says
			a.Network = told(err)
		}
		syscall.Close(fd)
	}
	a.Program = told(exec.Command("/bin/true").Run())
	return a, nil
})

// may is what of that a level lets a worker do.
func may(level string) []string {
	switch level {
	case sandbox.Contained:
		return []string{"read", "stat", "program"}
	case sandbox.Strict:
		return nil
	}
	return []string{"read", "stat", "write", "network", "program"}
}

// could is what of it w could do.
func could(t *testing.T, w *outwork.Worker) (all []string) {
	t.Helper()
	a, err := attempts.Call(within(t), w, "/tmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", w.Name(), a)
	for _, it := range []struct{ name, err string }{{"read", a.Read}, {"stat", a.Stat}, {"write", a.Write}, {"network", a.Network}, {"program", a.Program}} {
		if it.err == "" {
			all = append(all, it.name)
		}
	}
	return all
}

// heldAs checks that w is confined as level says, and says so.
func heldAs(t *testing.T, w *outwork.Worker, level string) {
	t.Helper()
	if got, want := could(t, w), may(level); !slices.Equal(got, want) {
		t.Errorf("%s can %q, want %q", level, got, want)
	}
	c := w.Confinement()
	if c.Level != level || len(c.Missing) > 0 || level != sandbox.None && !slices.ContainsFunc(c.Active, func(s string) bool { return strings.HasPrefix(s, "seccomp") }) {
		t.Errorf("%s tells %+v", level, c)
	}
}

// status is a line of /proc/PID/status, which it gets as a text.
func status(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// On hosts workers are confined as here, whoever runs them there.
func TestSandboxOverSSH(t *testing.T) {
	machine := sshtest.NewMachine(t, sshtest.Options{Sudo: sshtest.SudoNoPassword})
	machine.Run(t, "mkdir -p /srv/in /srv/out && printf readable >/srv/in/file && chmod 755 /srv /srv/in && chmod 644 /srv/in/file && chmod 1777 /srv/out")
	ssh := "ssh://" + machine.Host
	for name, at := range map[string]outwork.Target{"deploy": {Host: ssh}, "root": {Via: []string{ssh}, Host: "sudo://"}, "back": {Host: ssh, ConnectBack: tcp.Auto}} {
		t.Run(name, func(t *testing.T) {
			m := over(machine)
			m.Stdout, m.Stderr, m.Log = new(buffer), new(buffer), slog.New(slog.DiscardHandler)
			defer m.Close()
			heldThere(t, m, machine, at)
			if name != "back" {
				grantedThere(t, m, machine, at, name)
				lostThere(t, m, at)
			}
			doubles(t, m, at) // the host lives on
			closes(t, m, machine)
		})
	}
}

func heldThere(t *testing.T, m *outwork.Manager, machine *sshtest.Machine, at outwork.Target) {
	for _, level := range []string{sandbox.None, sandbox.Contained, sandbox.Strict} {
		at.Name, at.Sandbox.Level = level, level
		w := doubles(t, m, at)
		heldAs(t, w, level)
		there := machine.Run(t, fmt.Sprintf("cat /proc/%d/status", w.PID()))
		if confined := level != sandbox.None; (status(there, "Seccomp") == "2") != confined || (status(there, "NoNewPrivs") == "1") != confined {
			t.Errorf("process %d of %s is\n%s", w.PID(), level, there)
		}
		w.Close()
	}
}

// So they are by an agent, and as another user, of this machine.
func TestSandboxBySudoHere(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("run it as root")
		}
		t.Skip("root may be anybody without a password; others are asked in the tests of machines")
	}
	nothingLeft(t)
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	if cache := "/var/tmp/outwork-" + u.Uid; !exists(cache) {
		t.Cleanup(func() { os.RemoveAll(cache) })
	}
	m := outwork.Manager{Hops: near}
	defer closes(t, &m)
	for _, host := range []string{"near://", "sudo://nobody"} {
		for _, level := range []string{sandbox.Contained, sandbox.Strict} {
			w := doubles(t, &m, outwork.Target{Host: host, Sandbox: sandbox.Config{Level: level}})
			heldAs(t, w, level)
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
			if err != nil || status(string(text), "Seccomp") != "2" {
				t.Errorf("at %s process %d is %v\n%s", host, w.PID(), err, text)
			}
		}
	}
}

// What is granted on a host is of that host.
func grantedThere(t *testing.T, m *outwork.Manager, machine *sshtest.Machine, at outwork.Target, name string) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		at.Sandbox = sandbox.Config{Level: level, ReadOnly: []string{"/srv/in"}, ReadWrite: []string{"/srv/out"}}
		w := doubles(t, m, at)
		if got, err := readsFile.Call(within(t), w, "/srv/in/file"); got != "readable" || err != nil {
			t.Errorf("%s: got %q, %v", level, got, err)
		}
		if _, err := writesFile.Call(within(t), w, "/srv/out/"+name+level); err != nil {
			t.Errorf("%s: %v", level, err)
		}
		if _, err := writesFile.Call(within(t), w, "/srv/in/new"); err == nil {
			t.Errorf("%s: it wrote where it may read alone", level)
		}
		if got := machine.Run(t, "cat /srv/out/"+name+level); got != "written" {
			t.Errorf("%s: got %q", level, got)
		}
		w.Close()
	}
	at.Sandbox = sandbox.Config{Level: sandbox.Strict, ReadOnly: []string{"/srv/nowhere"}}
	if _, err := m.Start(within(t), at); err == nil || !strings.Contains(err.Error(), "/srv/nowhere") {
		t.Errorf("a grant of what is not there: %v", err)
	}
}

var readsFile = outwork.Func("test.sandbox.reads", func(_ context.Context, path string) (string, error) {
	b, err := os.ReadFile(path)
	return string(b), err
})

var writesFile = outwork.Func("test.sandbox.writes", func(_ context.Context, path string) (struct{}, error) {
	return struct{}{}, os.WriteFile(path, []byte("written"), 0o644)
})

// How a confined worker on a host ended is told as of one that is here.
func lostThere(t *testing.T, m *outwork.Manager, at outwork.Target) {
	for how, want := range map[string]struct {
		cause lost.Cause
		exit  int // 0: whatever it is
		words string
	}{
		"exit":      {lost.Exit, 7, "that was it"},
		"panic":     {lost.Crash, 2, "panic: out of the blue"},
		"hungry":    {lost.Memory, 0, ""},
		"forbidden": {lost.Policy, 0, ""},
	} {
		if how == "hungry" && raceEnabled { // what it maps says nothing then, and machines of the tests have no control groups
			continue
		}
		at.Name, at.Sandbox, at.Limits.Memory = how, sandbox.Config{Level: sandbox.Strict}, 64<<20
		w := doubles(t, m, at)
		f := dies
		if want.exit == 0 {
			f = diesConfined
		}
		_, err := f.Call(within(t), w, how)
		e := lossIn(t, err)
		if !errors.Is(err, want.cause) || want.exit != 0 && e.ExitCode != want.exit || e.Host != w.Host() || !strings.Contains(err.Error(), want.words) {
			t.Errorf("%s: %+v\n%.600s", how, e, e.Stderr)
		}
		if text := err.Error(); !strings.Contains(text, fmt.Sprintf("worker %q at %s is lost: ", how, w.Host())) {
			t.Errorf("%s: %s", how, text)
		}
	}
}

var diesConfined = outwork.Func("test.sandbox.dies", func(ctx context.Context, how string) (struct{}, error) {
	switch how {
	case "hungry":
		for kept := []byte(nil); ; kept = append(kept, bytes.Repeat([]byte{1}, 1<<20)...) {
			runtime.KeepAlive(kept)
		}
	case "forbidden":
		syscall.Syscall(syscall.SYS_PTRACE, 0, 0, 0)
	}
	<-ctx.Done()
	return struct{}{}, ctx.Err()
})

// A worker that does not say that it is confined gets no call, however early that comes.
func TestSandboxUnsaid(t *testing.T) {
	nothingLeft(t)
	mark := filepath.Join(t.TempDir(), "ran")
	for _, host := range []string{"", "near://"} {
		m := outwork.Manager{Hops: near}
		target := self(t, bareRole, "unconfined")
		target.Program, target.Host, target.Sandbox.Level = "", host, sandbox.Strict // the same program: calls go ahead
		w, err := m.Begin(within(t), target)
		if err == nil {
			_, err = writesFile.Call(within(t), w, mark)
		}
		if err == nil || !strings.Contains(err.Error(), `sandbox: it says that it is confined as "none", not "strict"`) {
			t.Errorf("at %q: got %v", host, err)
		}
		if exists(mark) {
			t.Errorf("at %q: the call ran", host)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func init() {
	bareRoles["unconfined"] = func() {
		os.Unsetenv(confine.PolicyVariable)
		outwork.Main()
	}
}
