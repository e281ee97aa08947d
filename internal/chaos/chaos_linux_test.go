package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
)

// asProgram makes the test binary the program.
const asProgram = "OUTWORK_CHAOS_TEST"

func TestMain(m *testing.M) {
	outwork.Main()
	if os.Getenv(roleVariable) != "" || os.Getenv(asProgram) != "" {
		os.Unsetenv(asProgram)
		main()
	}
	os.Exit(m.Run())
}

// chaos runs the program.
func chaos(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	b, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(b), e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(b), 0
}

// needs skips a test where chaos cannot be had.
func needs(t *testing.T) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "root"
	}
	for _, p := range []string{"/usr/sbin/sshd", "ssh", "sudo", "ip", "tc", "nsenter", "/usr/bin/python3"} {
		if _, err := exec.LookPath(p); err != nil {
			missing = p + " (apt-get install openssh-client openssh-server sudo iproute2 util-linux python3)"
		}
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatal("chaos needs ", missing)
	default:
		t.Skip("chaos needs ", missing)
	}
}

// All parts at once, for a few seconds.
func TestChaosShort(t *testing.T) {
	needs(t)
	if out, status := chaos(t, "-for", "4s", "-calm", "1s", "-seed", "1", "-machines", "1"); status != 0 {
		t.Errorf("status %d:\n%s", status, out)
	} else {
		t.Log(out)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-loads", "calls,nothing"}, {"-disturb", "sing"}, {"more"}, {"-machines", "0"}, {"-every", "0"}} {
		if out, status := chaos(t, args...); status != 2 || out == "" {
			t.Errorf("%q: status %d, %q", args, status, out)
		}
	}
}

// The ledger finds what it is for.
func TestLedger(t *testing.T) {
	remote := &outwork.RemoteError{Message: "no"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		what  entry
		ran   int
		err   error
		wrong error
		ctx   context.Context
		calm  bool
		open  bool // it does not end
		want  string
	}{
		"right":                   {ran: 1},
		"failed":                  {what: entry{fails: true}, ran: 1, err: remote},
		"cancelled":               {ran: 1, err: context.Canceled, ctx: ctx},
		"lost":                    {ran: 1, err: &outwork.LostError{MayHaveRun: true, Cause: lost.Killed}},
		"lost and not run":        {err: &outwork.LostError{Cause: lost.Killed}},
		"tried again":             {what: entry{runs: 3}, ran: 3},
		"a worker's own end":      {what: entry{hostile: true}, ran: 1, err: &outwork.LostError{MayHaveRun: true, Cause: lost.Exit}},
		"refused":                 {err: syscall.EMFILE},
		"a start":                 {what: entry{start: true}},
		"doubled":                 {ran: 2, want: "ran 2 times"},
		"too often again":         {what: entry{runs: 3}, ran: 4, want: "ran 4 times"},
		"never ran":               {want: "never ran"},
		"never ended":             {ran: 1, open: true, want: "never ended"},
		"wrong":                   {ran: 1, wrong: errors.New("7"), want: "a wrong result: 7"},
		"of no kind":              {err: errors.New("oops"), want: "an error of no kind"},
		"failed by itself":        {ran: 1, err: remote, want: "its function fails"},
		"well, but was to fail":   {what: entry{fails: true}, ran: 1, want: "was to fail"},
		"cancelled by nobody":     {ran: 1, err: context.Canceled, want: "an error of no kind"},
		"lost, ran all the same":  {ran: 1, err: &outwork.LostError{Cause: lost.Killed}, want: "ruled out"},
		"refused, ran":            {ran: 1, err: syscall.EMFILE, want: "ruled out"},
		"lost by itself":          {ran: 1, err: &outwork.LostError{MayHaveRun: true, Cause: lost.Exit}, want: "said to be lost because"},
		"protocol":                {ran: 1, err: &outwork.ProtocolError{Rule: "x"}, want: "nobody breaks the protocol"},
		"lost in the calm":        {calm: true, ran: 1, err: &outwork.LostError{MayHaveRun: true, Cause: lost.Killed}, want: "in the calm"},
		"too long a life in calm": {calm: true, ran: 1, err: context.Canceled, ctx: ctx, want: "in the calm"},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			l := newLedger("x", test.calm, func(s string) { told = append(told, s) })
			c := l.begin(test.what)
			for range test.ran {
				l.mark(c.id)
			}
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			if !test.open {
				l.end(test.ctx, c, test.err, test.wrong)
			}
			l.close()
			if all := strings.Join(told, "\n"); test.want == "" && all != "" || !strings.Contains(all, test.want) {
				t.Errorf("told %q, want %q", all, test.want)
			}
		})
	}
}

// Runs that nobody asked for, and ends that come twice, are found too.
func TestLedgerStrangers(t *testing.T) {
	var told []string
	l := newLedger("x", false, func(s string) { told = append(told, s) })
	name := filepath.Join(t.TempDir(), "runs")
	if err := os.WriteFile(name, []byte("x-1\nx-1x-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := l.begin(entry{})
	l.end(t.Context(), c, nil, nil)
	l.end(t.Context(), c, nil, nil)
	if err := l.read(name); err != nil {
		t.Fatal(err)
	}
	l.close()
	all := strings.Join(told, "\n")
	if !strings.Contains(all, "x-1x-2") || !strings.Contains(all, "ended twice") {
		t.Errorf("told %q", all)
	}
}

// What is left is counted: a goroutine, a descriptor, a child, and in the world a process, a file and a
// socket.
func TestCount(t *testing.T) {
	if a, b, err := os.Pipe(); err == nil { // lets the runtime open what it keeps
		a.Close()
		b.Close()
	}
	before, all := countSelf(), countWorld()
	end := make(chan struct{})
	for range 5 { // more than those of tests before that still end
		go func() { <-end }()
	}
	child := exec.Command("sleep", "100")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("/tmp", "chaos-test-left")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(name)
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	after, now := countSelf(), countWorld()
	left := now.beyond(all)
	for kind, want := range map[string]string{"processes": "(\"sleep 100\")", "files": name, "sockets": "tcp 0100007F:"} {
		if found := strings.Join(left[kind], "\n"); !strings.Contains(found, want) {
			t.Errorf("%s: %q is not in %q", kind, want, found)
		}
	}
	if after.goroutines <= before.goroutines || after.descriptors <= before.descriptors || after.children <= before.children {
		t.Errorf("%+v after %+v", after, before)
	}
	close(end)
	child.Process.Kill()
	child.Wait()
	f.Close()
	s.Close()
	if left := countSelf().beyond(before, func(s string) { t.Error(s) }); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// A load that does wrong is found out: its findings make the status 1.
func TestFindings(t *testing.T) {
	r := &run{findings: map[string]int{}, tallies: map[string]tally{}, timeline: &timeline{began: time.Now(), count: map[string]int{}}}
	r.loads = []*child{{what: "calls"}}
	r.tally("calls", tally{string(right): 1})
	if n := r.report(); n != 0 {
		t.Errorf("status %d without findings", n)
	}
	r.finding("something 1")
	r.finding("something 2")
	if n := r.report(); n != 1 || len(r.findings) != 1 {
		t.Errorf("status %d, %v", n, r.findings)
	}
}

// Output and records are counted by call.
func TestSink(t *testing.T) {
	s := &sink{lines: map[string]int{}, records: map[string]int{}}
	for _, part := range []string{"[w] line x-1 0\nli", "ne x-1 1\nother\nline x-2 0\n"} {
		s.Write([]byte(part))
	}
	if a, _ := s.came("x-1"); a != 2 {
		t.Errorf("%d lines", a)
	}
	if b, _ := s.came("x-2"); b != 1 {
		t.Errorf("%d lines", b)
	}
	if !bytes.Equal(s.rest, nil) {
		t.Errorf("%q", s.rest)
	}
}
