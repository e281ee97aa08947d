package program

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
)

func TestMain(m *testing.M) {
	outwork.Main()
	os.Exit(m.Run())
}

// soon is how long anything here may take, on the slowest machine.
const soon = time.Minute

func worker(t *testing.T) *outwork.Worker {
	t.Helper()
	m := new(outwork.Manager)
	w, err := m.Start(t.Context(), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return w
}

// try runs a command, and fails when it takes too long.
func try(t *testing.T, w *outwork.Worker, c Command) (stdout, stderr string, end End, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	end, err = c.Run(ctx, w)
	if ctx.Err() != nil {
		t.Error("it took too long")
	}
	return out.String(), complaints.String(), end, err
}

func sh(script string, args ...string) []string {
	return append([]string{"sh", "-c", script, "sh"}, args...)
}

func TestRun(t *testing.T) {
	w := worker(t)
	for _, test := range []struct {
		argv           []string
		stdin          io.Reader
		stdout, stderr string
		status         int
	}{
		{sh("echo out; echo err >&2; exit 3"), nil, "out\n", "err\n", 3},
		{[]string{"printf", "%s|", "a b", "$HOME", "*", ""}, nil, "a b|$HOME|*||", "", 0},
		{[]string{"printf", "%s|", "nm\xff.txt"}, nil, "nm\xff.txt|", "", 0},
		{[]string{"cat"}, strings.NewReader("in"), "in", "", 0},
		{[]string{"cat"}, nil, "", "", 0},
		{[]string{"true"}, endless{}, "", "", 0},
		{[]string{"head", "-c", "3"}, endless{}, "\x00\x00\x00", "", 0},
		{sh("kill -9 $$"), nil, "", "", 137},
		{sh("kill -TERM $$"), nil, "", "", 143},
		{sh("echo x; exec >&-; echo y >&2"), nil, "x\n", "y\n", 0},
	} {
		stdout, stderr, end, err := try(t, w, Command{Argv: test.argv, Stdin: test.stdin})
		if stdout != test.stdout || stderr != test.stderr || end.Status() != test.status || err != nil {
			t.Errorf("%q: got %q, %q, %+v, %v", test.argv, stdout, stderr, end, err)
		}
	}
	idle(t, w)
}

// idle waits until nothing is left in the worker of what it ran.
func idle(t *testing.T, w *outwork.Worker) {
	t.Helper()
	const own = 2 // its output
	for deadline := time.Now().Add(soon); len(children(t, w)) > 0 || pipes(t, w) > own; {
		if time.Now().After(deadline) {
			t.Fatalf("the worker has children %v and %d pipes", children(t, w), pipes(t, w))
		}
	}
}

func pipes(t *testing.T, w *outwork.Worker) (n int) {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", w.PID(), fd.Name())); strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

func children(t *testing.T, w *outwork.Worker) []string {
	t.Helper()
	var all []string
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", w.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", w.PID(), task.Name()))
		all = append(all, strings.Fields(string(b))...)
	}
	return all
}

// endless is input without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestBytesBothWays(t *testing.T) {
	data := make([]byte, 20<<20)
	rand.Read(data)
	stdout, _, end, err := try(t, worker(t), Command{Argv: []string{"cat"}, Stdin: bytes.NewReader(data)})
	if stdout != string(data) || end.Status() != 0 || err != nil {
		t.Errorf("%d bytes came back as %d: %+v, %v", len(data), len(stdout), end, err)
	}
}

// What is typed is answered before more is.
func TestDialogue(t *testing.T) {
	in, typing := io.Pipe()
	reading, out := io.Pipe()
	c := Command{Argv: sh("while read line; do echo got $line; done; echo bye"), Stdin: in, Stdout: out}
	w := worker(t)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(t.Context(), w)
		out.Close()
		ended <- err
	}()
	for i := range 3 {
		fmt.Fprintln(typing, i)
		answer := make([]byte, 6)
		if _, err := io.ReadFull(reading, answer); err != nil || string(answer) != fmt.Sprintf("got %d\n", i) {
			t.Fatalf("got %q, %v", answer, err)
		}
	}
	typing.Close()
	if rest, err := io.ReadAll(reading); string(rest) != "bye\n" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNotStarted(t *testing.T) {
	w := worker(t)
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"no-such-program": 127, "./no/such": 127, "": 127, file: 126, "/": 126} {
		_, _, _, err := try(t, w, Command{Argv: []string{name}})
		e, ok := errors.AsType[*Unstarted](err)
		if !ok || e.Status != want || !strings.Contains(e.Text, name) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	_, _, _, err := try(t, w, Command{Argv: []string{"no\xff"}})
	if e, ok := errors.AsType[*Unstarted](err); !ok || e.Text != `cannot run no\xff: there is no such program` {
		t.Errorf("a name that is not UTF-8: got %v", err)
	}
	if _, _, _, err := try(t, w, Command{}); err == nil {
		t.Error("no command is run")
	}
	idle(t, w)
}

// stopped runs a command that prints a line when it is ready, and then ends its context.
func stopped(t *testing.T, grace time.Duration, argv ...string) (string, End, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &onWrite{then: cancel}
	c := Command{Argv: argv, Stdout: out, Stdin: endless{}, Grace: grace}
	w := worker(t)
	end, err := c.Run(ctx, w)
	if err := w.Err(); err != nil {
		t.Error(err)
	}
	idle(t, w)
	return out.String(), end, err
}

type onWrite struct {
	bytes.Buffer
	then func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	w.then()
	return w.Buffer.Write(p)
}

func TestStop(t *testing.T) {
	out, end, err := stopped(t, soon, sh(`trap 'echo stopping; exit 7' INT; echo ready; while :; do sleep 0.01; done`)...)
	if out != "ready\nstopping\n" || end.Status() != 7 || err != nil {
		t.Errorf("one that cleans up: got %q, %+v, %v", out, end, err)
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, []byte("ready\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// No shell: one that is about to start a program may lose a signal.
	_, end, err = stopped(t, soon, "tail", "-f", file)
	if end.Status() != 130 || err != nil {
		t.Errorf("one that does not care: got %+v, %v", end, err)
	}
	_, end, err = stopped(t, 10*time.Millisecond, sh(`trap '' INT TERM; echo ready; sleep 1000`)...)
	if end.Status() != 137 || err != nil {
		t.Errorf("one that will not: got %+v, %v", end, err)
	}
}

// What is left in the background holds nothing up, whether it left its group or not.
func TestBackground(t *testing.T) {
	w := worker(t)
	stdout, _, end, err := try(t, w, Command{Argv: sh("sleep 1000 & setsid sleep 1000 & echo $!; echo done")})
	lines := strings.Fields(stdout)
	if len(lines) != 2 || lines[1] != "done" || end.Status() != 0 || err != nil {
		t.Fatalf("got %q, %+v, %v", stdout, end, err)
	}
	pid, _ := strconv.Atoi(lines[0])
	w.Close()
	for deadline := time.Now().Add(soon); syscall.Kill(pid, 0) == nil && !zombie(pid); {
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("what left its group outlives the worker")
		}
	}
}

func zombie(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return bytes.Contains(b, []byte(") Z "))
}

func TestLostWorker(t *testing.T) {
	w := worker(t)
	_, _, _, err := try(t, w, Command{Argv: sh("kill -9 $PPID; sleep 1000")})
	if _, ok := errors.AsType[*outwork.LostError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestWriterFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err) // any Linux has it
	}
	defer full.Close()
	c := Command{Argv: []string{"yes"}, Stdout: full}
	if _, err := c.Run(t.Context(), worker(t)); !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "write standard output: ") {
		t.Errorf("got %v", err)
	}
}

// A hostile worker's success is one, but not by an overflow.
func TestStatus(t *testing.T) {
	for end, want := range map[End]int{{}: 0, {Code: 7}: 7, {Code: -1, Signal: 15}: 143, {Code: 256}: 255, {Code: -1}: 255, {Signal: 128}: 255} {
		if got := end.Status(); got != want {
			t.Errorf("%+v: got %d, want %d", end, got, want)
		}
	}
}
