package starter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/link"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// TestMain plays the starter, and the processes that it starts.
func TestMain(m *testing.M) {
	role := os.Getenv(RoleVariable)
	os.Unsetenv(RoleVariable)
	switch role {
	case "":
		os.Exit(m.Run())
	case RoleStarter:
		if err := Serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "exit":
		code, err := strconv.Atoi(os.Args[1])
		if err != nil {
			code = 99
		}
		os.Exit(code)
	case "say": // what it was given
		dir, err := os.Getwd()
		fmt.Println(dir, err, os.Args[1:], os.Getenv("GREETING"))
		fmt.Fprintln(os.Stderr, "to stderr")
	case "link": // says something over its link
		f := os.NewFile(LinkFD, "link")
		_, err := f.WriteString("hello")
		if err != nil {
			os.Exit(1)
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fallthrough
	case "idle":
		fmt.Println(os.Getpid())
		for {
			time.Sleep(time.Hour)
		}
	case "breed": // a child in its group, and one that leaves it
		for _, setsid := range []bool{false, true} {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), RoleVariable+"=idle")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
			cmd.Stdout = os.Stdout
			if err := cmd.Start(); err != nil {
				os.Exit(99)
			}
		}
		for {
			time.Sleep(time.Hour)
		}
	}
}

// open starts a starter that is closed at the end of the test, when nothing may be
// left.
func open(t *testing.T) *Starter {
	t.Helper()
	warm(t)
	fds, goroutines := openFiles(t), runtime.NumGoroutine()
	s, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for end := time.Now().Add(patience); ; runtime.Gosched() {
			n, g, c := openFiles(t), runtime.NumGoroutine(), children(t)
			if n <= fds && g <= goroutines && c == 0 {
				return
			}
			if time.Now().After(end) {
				buf := make([]byte, 64<<10)
				t.Fatalf("%d files open, %d before; %d goroutines, %d before; %d children\n%s", n, fds, g, goroutines, c, buf[:runtime.Stack(buf, true)])
			}
		}
	})
	return s
}

// warm makes the poller open what it keeps.
func warm(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err := errors.Join(err, r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// children is how many processes this one has, dead ones too.
func children(t *testing.T) int {
	t.Helper()
	n := 0
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lists {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
		n += len(strings.Fields(string(b)))
	}
	return n
}

// launch starts a process in a role; its output is what it prints.
func launch(t *testing.T, s *Starter, role string, args ...string) (*Process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := s.Start(t.Context(), Command{Args: append([]string{role}, args...), Env: []string{RoleVariable + "=" + role, "GREETING=hi"}, Dir: "/", Stdout: w, Stderr: w})
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}

// pids reads n process numbers.
func pids(t *testing.T, r io.Reader, n int) (list []int) {
	t.Helper()
	for range n {
		var pid int
		if _, err := fmt.Fscanln(r, &pid); err != nil {
			t.Fatal(err)
		}
		list = append(list, pid)
	}
	return list
}

// gone waits until the processes have ended.
func gone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		for end := time.Now().Add(patience); alive(pid); runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("process %d lives on", pid)
			}
		}
	}
}

// alive reports whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func TestExitStatuses(t *testing.T) {
	s := open(t)
	for _, code := range []int{0, 3, 255} {
		p, r := launch(t, s, "exit", strconv.Itoa(code))
		exit, err := p.Wait()
		r.Close()
		if err != nil || exit.Code != code || exit.Signal != 0 || exit.MaxRSS == 0 || exit.String() != fmt.Sprintf("exit status %d", code) {
			t.Error(exit, err)
		}
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Error("after its end:", err)
		}
	}
}

func TestOutputAndSurroundings(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "say", "one", "two words")
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || string(b) != "/ <nil> [one two words] hi\nto stderr\n" {
		t.Errorf("%q, %v", b, err)
	}
	if exit, err := p.Wait(); err != nil || exit.Code != 0 {
		t.Error(exit, err)
	}
}

func TestLinkIsPassed(t *testing.T) {
	s := open(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	p, err := s.Start(t.Context(), Command{Args: []string{"link"}, Env: []string{RoleVariable + "=link"}, Link: theirs})
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(ours); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if exit, err := p.Wait(); err != nil || exit.Code != 0 {
		t.Error(exit, err)
	}
}

func TestStartErrors(t *testing.T) {
	s := open(t)
	file := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(file, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cmd  Command
		want error
		text string
	}{
		{Command{Path: "/no/such/program"}, fs.ErrNotExist, "/no/such/program"},
		{Command{Path: file}, fs.ErrPermission, file},
		{Command{Dir: "/no/such/dir"}, fs.ErrNotExist, "/no/such/dir"},
	} {
		p, err := s.Start(t.Context(), c.cmd)
		if p != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v, %v", p, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Start(ctx, Command{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSignals(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "idle")
	defer r.Close()
	pids(t, r, 1)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(); err != nil || exit.Signal != int(syscall.SIGTERM) || exit.Code != -1 || exit.String() != "signal: terminated" {
		t.Error(exit, err)
	}
	p, r2 := launch(t, s, "stubborn")
	defer r2.Close()
	pids(t, r2, 1)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := p.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	if exit, err := p.Wait(); err != nil || exit.Signal != int(syscall.SIGKILL) {
		t.Error(exit, err)
	}
}

// TestDescendantsDieWithTheirLeader, wherever they went.
func TestDescendantsDieWithTheirLeader(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "breed")
	defer r.Close()
	bred := pids(t, r, 2)
	p.Signal(syscall.SIGKILL)
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
	gone(t, bred...)
}

func TestCloseEndsEverything(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "breed")
	defer r.Close()
	bred := pids(t, r, 2)
	q, r2 := launch(t, s, "stubborn")
	defer r2.Close()
	bred = append(bred, pids(t, r2, 1)...)
	waited := make(chan Exit)
	for _, p := range []*Process{p, q} {
		go func() { exit, _ := p.Wait(); waited <- exit }()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if exit := <-waited; exit.Signal != int(syscall.SIGKILL) {
			t.Error(exit)
		}
	}
	gone(t, append(bred, p.PID, q.PID)...)
	if _, err := s.Start(t.Context(), Command{}); err == nil || !strings.Contains(err.Error(), "the starter is lost") {
		t.Error(err)
	}
}

// TestStarterIsKilled: its processes die, and Wait returns.
func TestStarterIsKilled(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "stubborn")
	defer r.Close()
	pids(t, r, 1)
	waited := make(chan error)
	go func() {
		exit, err := p.Wait()
		if exit.Signal != int(syscall.SIGKILL) {
			t.Error(exit)
		}
		waited <- err
	}()
	if err := s.proc.Kill(); err != nil {
		t.Fatal(err)
	}
	err := <-waited
	if _, ok := errors.AsType[*link.Down](err); !ok || !strings.Contains(err.Error(), "the starter is lost") {
		t.Error(err)
	}
	<-s.Done()
	gone(t, p.PID)
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
}

// stop stops the starter, and returns when it has stopped: until then it may still
// answer.
func stop(t *testing.T, s *Starter) {
	t.Helper()
	if err := s.proc.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, s.proc.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
}

// TestStoppedStarterDoesNotHoldCloseUp: nothing waits for ever.
func TestStoppedStarterDoesNotHoldCloseUp(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "idle")
	defer r.Close()
	pids(t, r, 1)
	stop(t, s)
	go p.Wait()
	if err := s.Close(); err == nil {
		t.Error("no error")
	}
	gone(t, p.PID)
}

// TestStoppedStarterDoesNotHoldWaitUp: who waits for the end of a process that was
// signalled gets it, though the starter says nothing.
func TestStoppedStarterDoesNotHoldWaitUp(t *testing.T) {
	s := open(t)
	p, r := launch(t, s, "idle")
	defer r.Close()
	pids(t, r, 1)
	stop(t, s)
	if err := p.Signal(syscall.SIGTERM); err == nil {
		t.Error("a stopped starter answered")
	}
	if _, err := p.Wait(); err == nil {
		t.Error("the loss of the starter is not told")
	}
	gone(t, p.PID)
	if err := s.Close(); err == nil {
		t.Error("no error")
	}
}

// TestStoppedStarterDoesNotHoldStartUp: a Start that is given up returns, and
// what it started after all is killed.
func TestStoppedStarterDoesNotHoldStartUp(t *testing.T) {
	s := open(t)
	stop(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Start(ctx, Command{Args: []string{"idle"}, Env: []string{RoleVariable + "=idle"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := s.proc.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestManyAtOnce: starting and waiting run concurrently.
func TestManyAtOnce(t *testing.T) {
	s := open(t)
	errs := make(chan error)
	for i := range 20 {
		go func() {
			p, err := s.Start(t.Context(), Command{Args: []string{"exit", strconv.Itoa(i)}, Env: []string{RoleVariable + "=exit"}})
			if err == nil {
				var exit Exit
				if exit, err = p.Wait(); err == nil && exit.Code != i {
					err = fmt.Errorf("%v, want %d", exit, i)
				}
			}
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestNewFails when the program is no starter, with its last words.
func TestNewFails(t *testing.T) {
	warm(t)
	fds := openFiles(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "start the starter") {
		t.Error(err)
	}
	if n := openFiles(t); n > fds || children(t) > 0 {
		t.Errorf("%d files open, %d before; %d children", n, fds, children(t))
	}
}
