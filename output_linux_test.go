package outwork_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
)

// prints writes its argument to stdout, in pieces of the size given.
var prints = outwork.Func("test.prints", func(_ context.Context, a printArgs) (struct{}, error) {
	out := os.Stdout
	if a.Stderr {
		out = os.Stderr
	}
	for b := a.Text; len(b) > 0; {
		n := len(b)
		if a.Piece > 0 {
			n = min(n, a.Piece)
		}
		if _, err := out.Write(b[:n]); err != nil {
			return struct{}{}, err
		}
		b = b[n:]
	}
	return struct{}{}, nil
})

type printArgs struct {
	Text   []byte
	Piece  int // bytes; 0: all at once
	Stderr bool
}

var printsAndWaits = outwork.Func("test.prints.and.waits", func(ctx context.Context, text string) (struct{}, error) {
	fmt.Print(text)
	<-ctx.Done()
	return struct{}{}, nil
})

var child = outwork.Func("test.child", func(ctx context.Context, script string) (struct{}, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return struct{}{}, cmd.Run()
})

func TestOutputSurvives(t *testing.T) {
	for name, text := range map[string][]byte{
		"line of 10 MiB": append(bytes.Repeat([]byte("0123456789abcdef"), 10<<16), '\n'),
		"all bytes":      []byte("\x00\x01\xff\xfe\x80ä\r\n\x1b[31mred\x1b]0;title\x07\n"),
		"no newline":     []byte("unfinished"),
		"empty lines":    []byte("\n\n\n"),
	} {
		for _, fd := range []string{"stdout", "stderr"} {
			t.Run(name+" on "+fd, func(t *testing.T) {
				var stdout, stderr buffer
				m := outwork.Manager{Stdout: &stdout, Stderr: &stderr}
				w := started(t, &m, outwork.Target{})
				if _, err := prints.Call(within(t), w, printArgs{text, 0, fd == "stderr"}); err != nil {
					t.Fatal(err)
				}
				got, silent := &stdout, &stderr
				if fd == "stderr" {
					got, silent = silent, got
				}
				if !bytes.Equal(got.Bytes(), text) || silent.String() != "" {
					t.Errorf("got %d bytes, beginning with %.80q", len(got.Bytes()), got.Bytes())
				}
			})
		}
	}
}

func TestOutputIsLive(t *testing.T) {
	var stdout buffer
	m := outwork.Manager{Stdout: &stdout}
	w := started(t, &m, outwork.Target{})
	ctx, cancel := context.WithCancel(within(t))
	call := printsAndWaits.Go(ctx, w, "a line\nhalf")
	eventually(t, "the finished line", func() bool { return stdout.String() == "a line\n" })
	cancel()
	<-call.Done()
	if err := m.Wait(within(t)); err != nil {
		t.Error(err)
	}
}

func TestOutputOfChildren(t *testing.T) {
	var stdout buffer
	m := outwork.Manager{Stdout: &stdout, Stderr: &stdout}
	w := started(t, &m, outwork.Target{})
	for range 100 {
		if _, err := child.Call(within(t), w, "echo out; echo err >&2"); err != nil {
			t.Fatal(err)
		}
	}
	if got := stdout.String(); strings.Count(got, "out\n") != 100 || strings.Count(got, "err\n") != 100 {
		t.Errorf("got %q", got)
	}
}

// What a worker starts gets the output, and none of what else the worker holds.
func TestChildrenInheritNothing(t *testing.T) {
	var stdout buffer
	m := outwork.Manager{Stdout: &stdout}
	w := started(t, &m, outwork.Target{})
	// The shell lists the directory by a descriptor that it has closed then.
	if _, err := child.Call(within(t), w, "for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/}; done; env"); err != nil {
		t.Fatal(err)
	}
	fds, env, _ := strings.Cut(stdout.String(), "2\n")
	if fds != "0\n1\n" || strings.HasPrefix(env, "3") || strings.Contains(env, "OUTWORK_ROLE") {
		t.Errorf("it printed %q", stdout.String())
	}
}

// talk has two workers print many lines at once, in pieces.
func talk(t *testing.T, m *outwork.Manager, lines int) {
	var all sync.WaitGroup
	for i, name := range []string{"ann", "bob"} {
		w := started(t, m, outwork.Target{Name: name})
		if i == 0 { // the tag begins with the second worker
			if _, err := double.Call(within(t), w, 1); err != nil {
				t.Fatal(err)
			}
		}
		all.Go(func() {
			for n := range lines {
				text := fmt.Sprintf("%s %d begins\n%s %d ends %s\n", name, n, name, n, strings.Repeat("x", n*7))
				if _, err := prints.Call(within(t), w, printArgs{[]byte(text), 1 + n%50, n%2 == 0}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

const spoken = 200 // calls of each worker

func TestLinesAreNeverTorn(t *testing.T) {
	var out buffer
	m := outwork.Manager{Stdout: &out, Stderr: &out}
	talk(t, &m, spoken)
	line := regexp.MustCompile(`^(?:\[(ann|bob)\] )?(ann|bob) \d+ (begins|ends x*)$`)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, l := range lines {
		m := line.FindStringSubmatch(l)
		if m == nil || m[1] != "" && m[1] != m[2] || m[1] == "" && m[2] == "bob" {
			t.Fatalf("got the line %.200q", l)
		}
	}
	if len(lines) != 2*2*spoken {
		t.Errorf("%d lines", len(lines))
	}
}

func TestOutputAtomic(t *testing.T) {
	var out buffer
	m := outwork.Manager{Stdout: &out, Stderr: &out, Output: outwork.OutputAtomic}
	talk(t, &m, spoken)
	pieces := regexp.MustCompile(`(?m)^(?:\[(?:ann|bob)\] )?(ann|bob) (\d+) begins\n(?:\[(?:ann|bob)\] )?(ann|bob) (\d+) ends x*\n`)
	got := pieces.FindAllStringSubmatch(out.String(), -1)
	for _, p := range got {
		if p[1] != p[3] || p[2] != p[4] {
			t.Fatalf("torn: %.200q", p[0])
		}
	}
	if len(got) != 2*spoken {
		t.Errorf("%d pieces of %d calls are whole", len(got), 2*spoken)
	}
}

func TestAtomicRunsOneCallAtATime(t *testing.T) {
	m := outwork.Manager{Stdout: io.Discard, Output: outwork.OutputAtomic}
	w := started(t, &m, outwork.Target{})
	ctx, cancel := context.WithCancel(within(t))
	first := wait.Go(ctx, w, struct{}{})
	eventually(t, "busy", w.Busy)
	impatient, stop := context.WithCancel(within(t))
	second := double.Go(impatient, w, 1)
	stop()
	if _, err := second.Result(); !errors.Is(err, context.Canceled) {
		t.Errorf("the call behind: %v", err)
	}
	third := double.Go(within(t), w, 2)
	cancel()
	if n, err := third.Result(); n != 4 || err != nil {
		t.Errorf("the next: %d, %v", n, err)
	}
	first.Result()
}

func TestOutputAsLog(t *testing.T) {
	before := os.Stderr
	os.Stderr = os.Stdout // as go test -json does it: a worker's streams are its own
	t.Cleanup(func() { os.Stderr = before })
	var log buffer
	m := outwork.Manager{Log: slog.New(slog.NewTextHandler(&log, nil)), Output: outwork.OutputLog}
	w := started(t, &m, outwork.Target{Name: "ann"})
	for _, a := range []printArgs{{Text: []byte("one\ntwo\n")}, {Text: []byte("three\n"), Stderr: true}} {
		if _, err := prints.Call(within(t), w, a); err != nil {
			t.Fatal(err)
		}
	}
	want := regexp.MustCompile(`^time=\S+ level=INFO msg=one worker=ann stream=stdout\n` +
		`time=\S+ level=INFO msg=two worker=ann stream=stdout\n` +
		`time=\S+ level=INFO msg=three worker=ann stream=stderr\n$`)
	if !want.MatchString(log.String()) {
		t.Errorf("got %s", log.String())
	}
}

func TestStdoutFails(t *testing.T) {
	nothingLeft(t)
	m := outwork.Manager{Stdout: brokenWriter{}, Stderr: io.Discard}
	w, err := m.Start(within(t), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prints.Call(within(t), w, printArgs{Text: []byte("lost\n")}); err != nil {
		t.Errorf("the call: %v", err)
	}
	for range 2 {
		if err := m.Close(); !errors.Is(err, errBroke) || !strings.Contains(err.Error(), "5 bytes lost") {
			t.Errorf("close: %v", err)
		}
	}
}

// sluice is a Writer that blocks until it is opened.
type sluice chan struct{}

func (s sluice) Write(p []byte) (int, error) { <-s; return len(p), nil }

// A Stdout that blocks holds up who prints, not other workers.
func TestStdoutBlocks(t *testing.T) {
	nothingLeft(t)
	s := make(sluice)
	m := outwork.Manager{Stdout: s, Stderr: io.Discard}
	w, other := started(t, &m, outwork.Target{}), started(t, &m, outwork.Target{})
	call := prints.Go(within(t), w, printArgs{Text: []byte("slow\n")})
	for range 100 {
		if n, err := double.Call(within(t), other, 2); n != 4 || err != nil {
			t.Fatalf("the other worker: %d, %v", n, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := double.Call(ctx, w, 2); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call with a deadline: %v", err)
	}
	select {
	case <-call.Done():
		t.Error("the result has overtaken the output")
	default:
	}
	close(s)
	if _, err := call.Result(); err != nil {
		t.Error(err)
	}
}
