package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/examples/scand/core"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/lost"
)

// TestMain makes the test binary the program, when it is called by its names. Its workers have
// theirs behind that.
func TestMain(m *testing.M) {
	core.Parse = fragile
	name, _, _ := strings.Cut(os.Args[0], " ")
	switch filepath.Base(name) {
	case "scan", "scand":
		main()
	}
	realm.Main(m, realm.Options{Private: []string{"/var"}})
}

// breaks are what a file does that is called so in its first bytes.
var breaks = map[string]func(){
	"crash ":  func() { var p *int; *p = 1 },
	"ptrace ": func() { unix.PtraceAttach(1) },
	"memory ": func() {
		var kept [][]byte
		for len(kept) < 4096 {
			kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
		}
		runtime.KeepAlive(kept)
	},
	"leave ":   func() { os.Exit(3) },
	"babble ":  func() { os.NewFile(3, "").WriteString("GET / HTTP/1.1\r\n\r\n"); select {} },
	"ignore ":  func() { select {} },
	"print ":   func() { os.Stdout.Write(make([]byte, 2<<20)); select {} },
	"connect ": func() { net.Dial("unix", "/run/scan.sock") },
}

// fragile is a parser with mistakes.
func fragile(ctx context.Context, c container.Container, o inspect.Options) (*inspect.Report, error) {
	head := make([]byte, min(c.Size(), 10))
	if _, err := c.ReadAt(head, 0); err != nil {
		return nil, err
	}
	for name, do := range breaks {
		if bytes.HasPrefix(head, []byte(name)) {
			do()
		}
	}
	return inspect.Parse(ctx, c, o)
}

const records = "/var/log/scan/audit.jsonl"

// install puts the test binary at both of its names, where other users can execute it.
func install(t *testing.T) (command, daemon string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	command, daemon = "/run/scan", "/run/scand"
	os.Remove(daemon)
	if err := errors.Join(os.WriteFile(command, self, 0o600), os.Chmod(command, 0o755), os.Symlink("scan", daemon)); err != nil {
		t.Fatal(err)
	}
	return command, daemon
}

// Users scan what they can read.
func TestScan(t *testing.T) {
	realm.Need(t)
	command, daemon := install(t)
	defer start(t, daemon)()
	told, err := as("bob", command, "/run/scan")
	if err != nil {
		t.Fatalf("%v\n%s", err, told)
	}
	for _, want := range []string{"ELF64", "executable", "seccomp"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not in:\n%s", want, told)
		}
	}
	write(t, "/run/secret", "it is root's", 0o600)
	if told, err := as("bob", command, "/run/secret"); err == nil || !strings.Contains(told, "permission denied") {
		t.Errorf("a file that bob cannot read: %v\n%s", err, told)
	}
	if told, err := as("root", command, "/run/secret"); err != nil {
		t.Errorf("a file of root's: %v\n%s", err, told)
	}
	recorded, err := os.ReadFile(records)
	if err != nil || !bytes.Contains(recorded, []byte(`"uid":12002`)) {
		t.Errorf("no record of bob's call, %v:\n%s", err, recorded)
	}
}

// What breaks a worker breaks nothing else, and its client is told what happened.
func TestBroken(t *testing.T) {
	realm.Need(t)
	command, daemon := install(t)
	defer start(t, daemon)()
	conn, err := client.Dial(within(t), "unix:///run/scan.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, want := range map[string]lost.Cause{
		"crash": "", "ptrace": lost.Policy, "memory": lost.Memory, "leave": lost.Exit,
		"babble": "", "print": lost.Output,
	} {
		t.Run(name, func(t *testing.T) {
			file := "/run/" + name
			write(t, file, name+" and so on", 0o644)
			err := scanned(t, conn, file)
			broken, ok := errors.AsType[*core.BrokenError](err)
			if name == "crash" {
				if _, ok := errors.AsType[*outwork.RemoteError](err); !ok {
					t.Errorf("a panic: %T %v", err, err)
				}
			} else if !ok || !strings.Contains(broken.Cause, string(want)) {
				t.Errorf("got %T %v, want %q", err, err, want)
			}
			if told, err := as("bob", command, file); err == nil {
				t.Errorf("the command went well:\n%s", told)
			}
			if err := scanned(t, conn, "/run/scan"); err != nil {
				t.Errorf("the next file: %v", err)
			}
		})
	}
	write(t, "/run/connect", "connect and so on", 0o644)
	if err := scanned(t, conn, "/run/connect"); err != nil {
		t.Errorf("a refusal that the parser survives: %v", err)
	}
}

// A client that gives up has its worker ended with its call.
func TestGivenUp(t *testing.T) {
	realm.Need(t)
	_, daemon := install(t)
	defer start(t, daemon)()
	conn, err := client.Dial(within(t), "unix:///run/scan.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	write(t, "/run/ignore", "ignore and so on", 0o644)
	f, err := os.Open("/run/ignore")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan error, 1)
	go func() { _, err := core.Scan.Call(ctx, conn, core.Args{File: f}); ended <- err }()
	eventually(t, "a worker", func() bool { return workers(t) == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	eventually(t, "no worker", func() bool { return workers(t) == 0 })
}

// scanned has a file scanned as root.
func scanned(t *testing.T, conn *client.Conn, name string) error {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = core.Scan.Call(within(t), conn, core.Args{File: f})
	return err
}

// workers is how many of the daemon's there are.
func workers(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if line, err := os.ReadFile(name); err == nil && bytes.HasPrefix(line, []byte("/run/scand [scand-")) {
			n++
		}
	}
	return n
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
		t.Fatal(err)
	}
}

const patience = time.Minute

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok, and says what did not become so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// start is realm.Daemon, which leaves no worker behind.
func start(t *testing.T, name string) func() {
	t.Helper()
	stop := realm.Daemon(t, name)
	return func() {
		stop()
		if n := workers(t); n != 0 {
			t.Errorf("%d workers are left", n)
		}
	}
}

// as runs the command as a user.
func as(name, command string, args ...string) (string, error) {
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}
	realm.As(cmd, name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
