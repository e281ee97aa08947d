package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// TestMain plays the agent, which says its preamble and then what it is told.
func TestMain(m *testing.M) {
	if os.Getenv("OUTWORK_ROLE") != "agent" {
		code := m.Run()
		if spilt() {
			code = 1
		}
		os.Exit(code)
	}
	if len(os.Args) != 2 || os.Args[1] != "[agent]" {
		os.Exit(3)
	}
	if err := Touch(); err != nil {
		os.Exit(4)
	}
	switch os.Getenv("AGENT") {
	case "silent":
		io.Copy(io.Discard, os.Stdin)
	case "dies":
		os.Stderr.WriteString("no luck today\n")
		os.Exit(7)
	case "old":
		os.Stdout.WriteString(frame.Magic + "\x00\x63\x00\x00")
		io.Copy(io.Discard, os.Stdin)
	case "tells":
		mask := syscall.Umask(0)
		syscall.Umask(mask)
		os.Stdout.Write(frame.Preamble())
		wd, _ := os.Getwd()
		os.Stdout.WriteString(strings.Join([]string{os.Getenv("LC_ALL"), wd, string(rune('0' + mask>>6)), os.Getenv("u")}, "|"))
		io.Copy(os.Stdout, os.Stdin)
	default:
		os.Stdout.Write(frame.Preamble())
		io.Copy(os.Stdout, os.Stdin)
	}
	os.Exit(0)
}

// spilt reports whether a test has left its program elsewhere than in a home of its
// own, and removes it.
func spilt() (found bool) {
	is, err := self().hash(context.Background())
	for _, dir := range []string{"/var/tmp", "/dev/shm", "/tmp"} {
		dir = fmt.Sprintf("%s/outwork-%d", dir, os.Getuid())
		if err == nil && os.Remove(dir+"/outwork-"+is.hash) == nil {
			fmt.Fprintln(os.Stderr, "a test has put its program into", dir)
			os.Remove(dir)
			found = true
		}
	}
	return found
}

// local is this machine as a Place.
type local struct {
	env []string
	dir string
	bin string // where programs are looked for first; "": nowhere
}

// localProcess is of local.
type localProcess struct {
	cmd  *exec.Cmd
	t    mux.Transport
	done chan struct{}
	exit starter.Exit
}

// Start is of Place.
func (l *local) Start(ctx context.Context, c Command) (Process, error) {
	path := filepath.Join(l.bin, c.Args[0])
	if _, err := os.Stat(path); l.bin == "" || err != nil {
		if path, err = exec.LookPath(c.Args[0]); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, path, c.Args[1:]...)
	cmd.Dir = l.dir
	cmd.Env = slices.Concat(l.env, c.Env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, stderrOf(c)
	err = cmd.Start()
	inR.Close()
	outW.Close()
	if err != nil {
		return nil, errors.Join(err, inW.Close(), outR.Close())
	}
	t, err := transport.NewPipes(outR, inW)
	if err != nil {
		return nil, err
	}
	p := &localProcess{cmd: cmd, t: t, done: make(chan struct{})}
	go p.reap()
	return p, nil
}

// stderrOf is a writer to what is given standard error.
func stderrOf(c Command) io.Writer { return writer(c.Stderr) }

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func (p *localProcess) reap() {
	defer close(p.done)
	p.cmd.Wait() // how it ended is in its state
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	state := p.cmd.ProcessState
	p.exit.Code = state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		p.exit.Signal = int(ws.Signal())
	}
}

// Transport is of Process.
func (p *localProcess) Transport() mux.Transport { return p.t }

// Wait is of Process.
func (p *localProcess) Wait() (starter.Exit, error) {
	<-p.done
	return p.exit, nil
}

// Signal is of Process.
func (p *localProcess) Signal(sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, sig); err != syscall.ESRCH {
		return err
	}
	return nil
}

// shell is a hop without a way: a shell of this machine.
type shell struct {
	name string
	args []string // before the shell's line
}

func (h *shell) String() string               { return h.name }
func (h *shell) Command(line string) []string { return append(slices.Clone(h.args), line) }

var plainShell = &shell{"sh://", []string{"/bin/sh", "-c"}}

// script is a hop that is a script of a test, with the shell's line as "$1".
func script(text string) *shell { return &shell{"sh://", []string{"/bin/sh", "-c", text, "sh"}} }

// self is this test as the program; once for all tests, since it is hashed.
var self = sync.OnceValue(Self)

// place is this machine with an empty home.
func place(t *testing.T, env ...string) *local {
	t.Helper()
	home := t.TempDir()
	base := []string{"HOME=" + home, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "GORACE=atexit_sleep_ms=0"}
	return &local{env: append(base, env...), dir: home}
}

// home is where the program goes at first.
func (l *local) home() string {
	return strings.TrimPrefix(l.env[0], "HOME=")
}

func (l *local) cache() string { return l.home() + "/.cache/outwork" }

// options are those of most tests.
func options() Options {
	return Options{Program: self(), Ahead: func() []byte { return []byte("ahead\n\x00of it\nall\n") }, Stall: patience}
}

// settle counts goroutines and files at the end of a test.
func settle(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe() // makes the poller open what it keeps
	if err := errors.Join(err, r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	self().hash(t.Context())
	self().pack(t.Context())
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		for end := time.Now().Add(patience); ; runtime.Gosched() {
			g, f := runtime.NumGoroutine(), openFiles(t)
			if g <= goroutines && f <= files {
				return
			}
			if time.Now().After(end) {
				buf := make([]byte, 64<<10)
				t.Fatalf("%d goroutines, %d before; %d files, %d before\n%s", g, goroutines, f, files, buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// reach is Reach that must work.
func reach(t *testing.T, p Place, h host.Hop, o Options) *Reached {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	r, err := Reach(ctx, p, h, o)
	if err != nil {
		if e, ok := errors.AsType[*host.Error](err); ok {
			t.Fatalf("%v\n%q", err, e.Lines)
		}
		t.Fatal(err)
	}
	return r
}

// echo checks that an agent says the preamble, all that was ahead, and what it is told,
// and no more; and that it ends when it is told nothing more.
func echo(t *testing.T, r *Reached, ahead string) {
	t.Helper()
	send(t, r.Transport, []byte("and more"))
	want := string(frame.Preamble()) + ahead + "and more"
	if got := read(t, r.Transport, len(want)); got != want {
		t.Errorf("it said %q, not %q", got, want)
	}
	end(t, r)
}

// end closes a connection, upon which nothing more may come.
func end(t *testing.T, r *Reached) {
	t.Helper()
	if err := r.Transport.Close(); err != nil {
		t.Error(err)
	}
	if exit, err := r.Process.Wait(); err != nil {
		t.Error(exit, err)
	}
}

func send(t *testing.T, to mux.Transport, p []byte) {
	t.Helper()
	for len(p) > 0 {
		n, err := to.Send([][]byte{p}, nil)
		p = p[n:]
		if errors.Is(err, mux.ErrAgain) {
			err = to.PollSend()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, from mux.Transport, n int) string {
	t.Helper()
	p := make([]byte, n)
	timer := time.AfterFunc(patience, from.Stop)
	defer timer.Stop()
	for have := 0; have < n; {
		k, _, err := from.Recv([][]byte{p[have:]})
		have += k
		if errors.Is(err, mux.ErrAgain) {
			err = from.Poll()
		}
		if err != nil {
			t.Fatalf("after %q: %v", p[:have], err)
		}
	}
	return string(p)
}

// noAgentWords are in the errors that ErrNoAgent matches.
var noAgentWords = regexp.MustCompile(`neither head nor dd|there is no outwork-|no directory (can be|for the)|cannot run /bin/sh|the agent there has ended|: execute: it ended`)

// fails is Reach that must fail at a stage, with words in the error.
func fails(t *testing.T, p Place, h host.Hop, o Options, stage host.Stage, words ...string) *host.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	r, err := Reach(ctx, p, h, o)
	e, ok := errors.AsType[*host.Error](err)
	if !ok {
		if r != nil {
			end(t, r)
		}
		t.Fatalf("got %v and %v, not a *host.Error", r, err)
	}
	if got, want := errors.Is(err, ErrNoAgent), noAgentWords.MatchString(err.Error()); got != want {
		t.Errorf("that no agent can run there is %v of %v", got, err)
	}
	if e.Stage != stage {
		t.Errorf("stage %v, not %v: %v\n%q", e.Stage, stage, err, e.Lines)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not have %q in it\n%q", err, w, e.Lines)
		}
	}
	return e
}
