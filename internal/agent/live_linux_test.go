package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// serveVariable makes this program an agent that ends after that much silence.
const serveVariable = "AGENT_TEST_SILENCE"

func TestMain(m *testing.M) {
	text := os.Getenv(serveVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	os.Unsetenv(serveVariable)
	silence, err := time.ParseDuration(text)
	if err == nil {
		err = Serve(link.Hello{Name: "agent", Confinement: "none"}, silence)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const (
	shortSilence = 2 * time.Second
	patience     = time.Minute // how long a test waits for what must happen
)

// reached is an agent, and a wire to it that can be held.
type reached struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{} // closed when the agent has ended
	host  *Host

	mu    sync.Mutex // held while the wire is
	pumps sync.WaitGroup
	files []*os.File
}

// reach starts an agent. Each end takes silence for the other's death.
func reach(t *testing.T, silence, agents time.Duration) *reached {
	t.Helper()
	goroutines, fds := runtime.NumGoroutine(), openFiles(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &reached{t: t, cmd: exec.Command(exe), ended: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), serveVariable+"="+agents.String())
	r.cmd.Stderr = os.Stderr
	stdin, toAgent := r.pipe()
	fromAgent, stdout := r.pipe()
	r.cmd.Stdin, r.cmd.Stdout = stdin, stdout
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.cmd.Wait(); close(r.ended) }()
	stdin.Close()
	stdout.Close()
	down, toUs := r.pipe()
	fromUs, up := r.pipe()
	r.pumps.Go(func() { r.pump(toAgent, fromUs) })
	r.pumps.Go(func() { r.pump(toUs, fromAgent) })
	tr, err := transport.NewPipes(down, up)
	if err != nil {
		t.Fatal(err)
	}
	r.host = NewHost(tr, link.Hello{Confinement: "none"}, silence)
	r.host.Expect()
	if _, err := r.host.Greeted(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.end(goroutines, fds) })
	return r
}

func (r *reached) pipe() (in, out *os.File) {
	r.t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		r.t.Fatal(err)
	}
	r.files = append(r.files, in, out)
	return in, out
}

// pump is one direction of the wire.
func (r *reached) pump(to, from *os.File) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		_, werr := to.Write(buf[:n])
		r.mu.Unlock()
		if err != nil || werr != nil {
			return
		}
	}
}

// end checks that nothing is left.
func (r *reached) end(goroutines, fds int) {
	r.host.Close()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Error("the agent lives on")
		r.cmd.Process.Kill()
		<-r.ended
	}
	for _, f := range r.files {
		f.Close()
	}
	r.pumps.Wait()
	if n := openFiles(r.t); n > fds {
		r.t.Errorf("%d files are open, %d before", n, fds)
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 64<<10)
			r.t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), goroutines, buf[:runtime.Stack(buf, true)])
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	if r, w, err := os.Pipe(); err == nil { // the poller opens what it keeps
		r.Close()
		w.Close()
	}
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// start starts a command that prints the number of a process of its own, which has left
// its group. It returns the numbers of both.
func (r *reached) start() (p *Process, pids []int) {
	r.t.Helper()
	p, err := r.host.Start(r.t.Context(), &link.Spawn{
		Kind: link.SpawnCommand, Program: "/bin/sh", Args: []string{"-c", "setsid sleep 1000 & echo $!; exec sleep 1000"}, Env: []string{},
	}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	var line strings.Builder
	buf := make([]byte, 1)
	for !strings.HasSuffix(line.String(), "\n") {
		n, err := recv(p.Transport(), buf, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		line.Write(buf[:n])
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line.String()))
	if err != nil {
		r.t.Fatal(err)
	}
	return p, []int{p.PID(), pid}
}

// lives reports whether there is such a process, zombies too.
func lives(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// endsWithin checks that the agent, and all that it started, is gone in time.
func (r *reached) endsWithin(d time.Duration, pids []int) {
	r.t.Helper()
	begin := time.Now()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatal("the agent lives on")
	}
	if took := time.Since(begin); took > d {
		r.t.Errorf("the agent took %v to end", took)
	}
	for _, pid := range pids {
		if lives(pid) {
			r.t.Errorf("process %d lives on", pid)
		}
	}
	if !r.cmd.ProcessState.Success() {
		r.t.Error(r.cmd.ProcessState)
	}
}

// A wire that is held: both ends take it for dead within the stated time, and nothing
// is left on either.
func TestStalled(t *testing.T) {
	r := reach(t, shortSilence, shortSilence)
	p, pids := r.start()
	select { // an idle link lives
	case <-r.ended:
	case <-r.host.Done():
	case <-time.After(2 * shortSilence):
	}
	if err := r.host.Err(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.endsWithin(shortSilence*7/6+3*time.Second, pids)
	_, err := p.Wait()
	lost, ok := errors.AsType[*LostError](err)
	if !ok || err.Error() != "its host is lost: nothing came for 2 s" {
		t.Error(err)
	}
	if _, ok := errors.AsType[*mux.SilentError](lost); !ok {
		t.Error(lost)
	}
	r.mu.Unlock()
}

// An agent that hangs is found by its manager; when it goes on, it ends.
func TestHangs(t *testing.T) {
	r := reach(t, shortSilence, shortSilence)
	p, pids := r.start()
	r.cmd.Process.Signal(syscall.SIGSTOP)
	begin := time.Now()
	if _, err := p.Wait(); err == nil || !strings.Contains(err.Error(), "nothing came for 2 s") {
		t.Error(err)
	}
	if took := time.Since(begin); took > shortSilence*7/6+2*time.Second {
		t.Errorf("it took %v to find", took)
	}
	r.host.Close()
	r.cmd.Process.Signal(syscall.SIGCONT)
	r.endsWithin(shortSilence*7/6+3*time.Second, pids)
}

// A manager that has said that it will be silent is waited for, and goes on.
func TestPaused(t *testing.T) {
	r := reach(t, shortSilence, shortSilence)
	p, _ := r.start()
	if err := r.host.Pause(); err != nil {
		t.Fatal(err)
	}
	ended := time.After(3 * shortSilence)
	for held := true; held; { // as if stopped: the watch does not go on by itself
		select {
		case <-r.ended:
			t.Fatal("the agent has ended")
		case <-time.After(shortSilence / 6):
			r.host.Pause()
		case <-ended:
			held = false
		}
	}
	r.host.Resume()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e, err := p.Wait(); err != nil || e.Signal != int(syscall.SIGKILL) {
		t.Error(e, err)
	}
}

// An agent that does not answer a signal is lost.
func TestSignalUnanswered(t *testing.T) {
	r := reach(t, 0, shortSilence)
	p, pids := r.start()
	r.host.answer = 100 * time.Millisecond
	r.mu.Lock()
	const want = "the agent did not answer a signal within 100ms"
	if err := p.Signal(syscall.SIGKILL); err == nil || err.Error() != want {
		t.Error(err)
	}
	if _, err := p.Wait(); err == nil || err.Error() != "its host is lost: "+want {
		t.Error(err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	r.endsWithin(shortSilence*7/6+3*time.Second, pids)
	r.mu.Unlock()
}

// A signal for what is asked of an agent that is not there yet does not end what is on
// its way to it.
func TestSignalBeforeAgent(t *testing.T) {
	a, b := transport.Pair()
	h := NewHost(a, link.Hello{Confinement: "none"}, shortSilence)
	h.answer = 10 * time.Millisecond
	p, err := h.Start(t.Context(), &link.Spawn{Kind: link.SpawnCommand, Program: "true", Args: []string{}, Env: []string{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGKILL); err == nil {
		t.Error("it was answered")
	}
	if err := h.Err(); err != nil {
		t.Error(err)
	}
	b.Close()
	if _, err := p.Wait(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	h.Close()
}
