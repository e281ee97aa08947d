package service_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/service"
)

// programVariable makes the test binary the program of the tests' service.
const programVariable = "OUTWORK_TEST_PROGRAM"

// filelessVariable leaves out of it what takes files.
const filelessVariable = "OUTWORK_TEST_FILELESS"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		s := testService
		if os.Getenv(filelessVariable) != "" {
			s.API = slices.DeleteFunc(s.API, func(e service.Export) bool { return e.Function == readFile || e.Function == forbidden })
		}
		service.Main(s)
	}
	realm.Main(m, realm.Options{Private: []string{"/var/log"}})
}

const (
	socketPath = "/run/testctl.sock"
	auditPath  = "/var/log/testctl/audit.jsonl"
	policyDir  = "/etc/testctl/policy.d"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// testDaemon is a daemon of the tests' service, as root.
type testDaemon struct {
	t       *testing.T
	cmd     *exec.Cmd
	notify  *net.UnixConn
	log     *syncBuffer
	stopped bool
	unless  string // it may fail at its end, if that is in its log
	ended   func() // looks at its records and its log then
}

// program is the tests' program under a name of its own.
func program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = name
	cmd.Env = append(os.Environ(), programVariable+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// startDaemon starts a daemon and waits until it says that it is ready. It is
// stopped, and must have left nothing behind, when the test ends.
func startDaemon(t *testing.T, args ...string) *testDaemon {
	t.Helper()
	realm.Need(t)
	d := launchDaemon(t, args...)
	if !d.waitFor("READY=1") {
		t.Fatalf("the daemon is not ready; its log:\n%s", d.log)
	}
	return d
}

// launchDaemon starts one that may fail.
func launchDaemon(t *testing.T, args ...string) *testDaemon {
	t.Helper()
	d := &testDaemon{t: t, log: &syncBuffer{}}
	path := filepath.Join("/run", fmt.Sprintf("notify-%d", time.Now().UnixNano()))
	var err error
	if d.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	d.cmd = program(context.Background(), "testd", args...)
	d.cmd.Env = append(d.cmd.Env, "NOTIFY_SOCKET="+path)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stop()
		if d.ended != nil {
			d.ended()
		}
		if info, err := os.Lstat(auditPath); err == nil && info.Mode().IsRegular() {
			d.records(nil) // whole lines alone
		}
		d.notify.Close()
		os.Remove(path)
		os.RemoveAll(filepath.Dir(auditPath))
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", d.log)
		}
	})
	return d
}

// waitFor reads what the daemon tells systemd until it has word. It is false when
// the daemon ends, or takes too long.
func (d *testDaemon) waitFor(word string) bool {
	d.notify.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	for {
		n, err := d.notify.Read(b)
		if err != nil {
			return false
		}
		if strings.Contains(string(b[:n]), word) {
			return true
		}
	}
}

// stop asks the daemon to end, and checks that it does, with success.
func (d *testDaemon) stop() {
	d.t.Helper()
	if d.stopped {
		return
	}
	d.stopped = true
	d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.wait(); err != nil && (d.unless == "" || !strings.Contains(d.log.String(), d.unless)) {
		d.t.Errorf("the daemon ended with %v", err)
	}
	if _, err := os.Lstat(socketPath); !errors.Is(err, os.ErrNotExist) {
		d.t.Errorf("the socket is left behind: %v", err)
	}
}

// wait waits for the daemon's end.
func (d *testDaemon) wait() error {
	d.stopped = true
	ended := make(chan error, 1)
	go func() { ended <- d.cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		d.cmd.Process.Kill()
		<-ended
		return errors.New("it did not end when it was asked to")
	}
}

// healthy checks that the daemon is still the same process, and answers a good
// client before anybody who stalls is sent away; that client is a process too, which
// takes a second to begin on a machine that builds something meanwhile.
func (d *testDaemon) healthy() {
	d.t.Helper()
	began := time.Now()
	out := as(d.t, "bob", "echo", "are you there")
	if out.status != 0 || out.stdout != "are you there\n" {
		d.t.Errorf("a good client got status %d, %q, %q", out.status, out.stdout, out.stderr)
	}
	if took := time.Since(began); took > link.ServiceStall/2 {
		d.t.Errorf("a good client waited %v", took)
	}
	if err := d.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		d.t.Errorf("the daemon is gone: %v", err)
	}
}

// records are the lines of the audit's file that keep says yes to. One that the daemon
// is writing just now is none yet; after its end there may be no such.
func (d *testDaemon) records(keep func(record) bool) []record {
	d.t.Helper()
	b, err := os.ReadFile(auditPath)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	var kept []record
	for line := range bytes.Lines(b) {
		if !d.stopped && !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			d.t.Fatalf("the audit has a line that is no JSON: %q: %v", line, err)
		}
		if keep == nil || keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// result is what a command came to.
type result struct {
	status         int
	stdout, stderr string
}

// as runs the command as a user.
func as(t *testing.T, user string, args ...string) result {
	t.Helper()
	return run(t, user, nil, args...)
}

func run(t *testing.T, user string, stdin []byte, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // also when the test cleans up
	defer cancel()
	cmd := program(ctx, "testctl", args...)
	realm.As(cmd, user)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("run %s as %s: %v", strings.Join(args, " "), user, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s as %s did not end; it said %q", strings.Join(args, " "), user, stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// record is a line of the audit's file, as far as tests look at it.
type record struct {
	Event    string          `json:"event"`
	Request  string          `json:"request"`
	UID      uint32          `json:"uid"`
	PID      int             `json:"pid"`
	Groups   []uint32        `json:"groups"`
	Function string          `json:"function"`
	Args     json.RawMessage `json:"args"`
	Decision string          `json:"decision"`
	Rule     string          `json:"rule"`
	Result   string          `json:"result"`
	Error    string          `json:"error"`
	Count    int             `json:"count"`
}

// events are what records tell of a function, in order.
func events(function string) func(record) bool {
	return func(r record) bool { return r.Function == function }
}

func writePolicy(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(policyDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(policyDir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(policyDir)) })
}

func want(t *testing.T, got result, status int, stdout, stderr string) {
	t.Helper()
	if got.status != status || got.stdout != stdout || cmp.Compare(got.stderr, "") == 0 != (stderr == "") || !strings.Contains(got.stderr, stderr) {
		t.Errorf("got status %d, stdout %q, stderr %q;\nwant %d, %q, and in stderr %q", got.status, got.stdout, got.stderr, status, stdout, stderr)
	}
}
