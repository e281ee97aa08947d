package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// roleEnv turns the test binary into one of the processes that print.
const roleEnv = "OUTPUT_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "writer":
		printAndSignal()
	case "noise":
		for {
			if _, err := os.Stdout.WriteString("noise\n"); err != nil {
				return
			}
		}
	default:
		os.Exit(m.Run())
	}
}

// printAndSignal prints a line and says so on fd 3, over and over, each time
// it is told to.
func printAndSignal() {
	signal := os.NewFile(3, "signal")
	b := make([]byte, 1)
	for i := 0; ; i++ {
		if _, err := signal.Read(b); err != nil {
			return
		}
		fmt.Printf("line %d\n", i)
		fmt.Fprintf(os.Stderr, "error %d\n", i)
		if _, err := signal.Write(b); err != nil {
			return
		}
	}
}

// pipes makes a pair of pipes, and a capture of their read ends.
func pipes(t testing.TB, deliver func(fd int, p []byte)) (c *Capture, stdout, stderr *os.File) {
	t.Helper()
	var r, w [2]*os.File
	for i := range r {
		var err error
		if r[i], w[i], err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w[i].Close() })
	}
	c, err := NewCapture(r[0], r[1], deliver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c, w[0], w[1]
}

// spawn starts this binary in a role and ends it with the test.
func spawn(t *testing.T, role string, stdout, stderr *os.File, extra ...*os.File) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = stdout, stderr, extra
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// socketpair is a connection to hand to a process, and the file for it.
func socketpair(t *testing.T) (net.Conn, *os.File) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	f, err := theirs.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}
	return ours, f
}

// TestDrainWinsTheRace has a process print a line and then signal by another
// way. With the drain every line is there at the signal; without, some are
// not, or this test would show nothing.
func TestDrainWinsTheRace(t *testing.T) {
	const rounds = 10_000
	for _, noise := range []bool{false, true} {
		t.Run(fmt.Sprintf("noise=%v", noise), func(t *testing.T) {
			if late := race(t, rounds, noise, (*Capture).Drain); late > 0 {
				t.Errorf("%d of %d signals overtook their output", late, rounds)
			}
			late := race(t, rounds, noise, func(*Capture) {})
			t.Logf("without the drain %d of %d signals overtook their output", late, rounds)
			if late == 0 {
				t.Error("the drain is not needed here: the test shows nothing")
			}
		})
	}
}

// race counts the rounds in which a line was not there after the barrier.
func race(t *testing.T, rounds int, noise bool, barrier func(*Capture)) (late int) {
	var seen [3]atomic.Int64 // lines that are not noise, by fd
	lines := NewSink(Config{Mode: Log, Line: func(_ string, fd int, line []byte) {
		if !bytes.Equal(line, []byte("noise")) {
			seen[fd].Add(1)
		}
	}}).Worker("w")
	c, stdout, stderr := pipes(t, lines.Write)
	conn, theirs := socketpair(t)
	spawn(t, "writer", stdout, stderr, theirs)
	theirs.Close()
	if noise {
		spawn(t, "noise", stdout, stderr)
	}
	b := make([]byte, 1)
	for i := range int64(rounds) {
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		barrier(c)
		if seen[1].Load() != i+1 || seen[2].Load() != i+1 {
			late++
		}
		for seen[1].Load() != i+1 || seen[2].Load() != i+1 {
			runtime.Gosched()
		}
	}
	return late
}

func TestCaptureDeliversBothPipesInOrder(t *testing.T) {
	var got [3]bytes.Buffer
	c, stdout, stderr := pipes(t, func(fd int, p []byte) { got[fd].Write(p) })
	var wg sync.WaitGroup
	want := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	for _, w := range []*os.File{stdout, stderr} {
		wg.Go(func() {
			if _, err := w.Write(want); err != nil {
				t.Error(err)
			}
			w.Close()
		})
	}
	wg.Wait()
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for fd := 1; fd <= 2; fd++ {
		if !bytes.Equal(got[fd].Bytes(), want) {
			t.Errorf("fd %d: %d bytes of %d, or others", fd, got[fd].Len(), len(want))
		}
	}
	if !bytes.Equal(c.Tail(), want[len(want)-TailSize:]) {
		t.Errorf("the tail has %d bytes, or others", len(c.Tail()))
	}
	c.Drain() // harmless after Close
}

func TestCloseDoesNotWaitForEndOfFile(t *testing.T) {
	var got bytes.Buffer
	c, stdout, _ := pipes(t, func(_ int, p []byte) { got.Write(p) })
	if _, err := stdout.WriteString("last words"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.String() != "last words" {
		t.Errorf("got %q", got.String())
	}
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	if _, err := stdout.WriteString("x"); err == nil {
		t.Error("the pipe is still open")
	}
}

func TestNoisyProcessHoldsNothingUp(t *testing.T) {
	var n atomic.Int64
	c, stdout, stderr := pipes(t, func(_ int, p []byte) { n.Add(int64(len(p))) })
	spawn(t, "noise", stdout, stderr)
	for n.Load() == 0 {
		runtime.Gosched()
	}
	for range 1000 {
		c.Drain()
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestBlockedSink(t *testing.T) {
	release := make(chan struct{})
	blocked := make(chan struct{}, 1)
	c, _, stderr := pipes(t, func(int, []byte) {
		select {
		case blocked <- struct{}{}:
		default:
		}
		<-release
	})
	if _, err := stderr.WriteString("dying\n"); err != nil {
		t.Fatal(err)
	}
	<-blocked
	if got := string(c.Tail()); got != "dying\n" {
		t.Errorf("the tail is %q while the sink blocks", got)
	}
	drained := make(chan struct{})
	go func() {
		c.Drain()
		close(drained)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close gave %v", err)
	}
	select {
	case <-drained:
		t.Error("Drain did not wait for what was being delivered")
	default:
	}
	close(release)
	<-drained
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeft counts goroutines and files before and after.
func TestNothingIsLeft(t *testing.T) {
	cycle := func() {
		c, stdout, stderr := pipes(t, func(int, []byte) {})
		stdout.WriteString("x\n")
		c.Drain()
		stderr.Close()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		stdout.Close()
	}
	cycle() // the poller's own files come with the first
	fds, goroutines := countFiles(t), runtime.NumGoroutine()
	for range 100 {
		cycle()
	}
	if n := countFiles(t); n != fds {
		t.Errorf("%d files before, %d after", fds, n)
	}
	// A closed capture's finisher may be at its last instruction.
	for runtime.NumGoroutine() > goroutines {
		runtime.Gosched()
	}
}

func countFiles(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestNewCaptureRefuses(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	file.Close()
	for name, f := range map[string]*os.File{"closed": file, "not a pipe": plain, "nil": nil} {
		if _, err := NewCapture(r, f, nil); err == nil || !strings.Contains(err.Error(), "capture fd 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Stat(); err != nil {
		t.Errorf("the caller's file is gone: %v", err)
	}
}

func TestRing(t *testing.T) {
	var r ring
	var all []byte
	for i, n := range []int{0, 1, 1000, TailSize - 1001, 1, TailSize / 2, TailSize, 3, TailSize + 5, 3*TailSize + 1, 70} {
		p := bytes.Repeat([]byte{byte('a' + i)}, n)
		r.write(p)
		all = append(all, p...)
		if want := all[max(0, len(all)-TailSize):]; !bytes.Equal(r.bytes(), want) {
			t.Fatalf("after step %d of %d bytes the ring is wrong", i, n)
		}
	}
}

func BenchmarkDrainNothing(b *testing.B) {
	c, _, _ := pipes(b, func(int, []byte) {})
	for b.Loop() {
		c.Drain()
	}
}

func BenchmarkDrainLine(b *testing.B) {
	c, stdout, _ := pipes(b, func(int, []byte) {})
	line := []byte("a short line of output\n")
	for b.Loop() {
		stdout.Write(line)
		c.Drain()
	}
}

// BenchmarkDrainAmidNoise tells how long a drain waits for the reader of a
// pipe that is never empty.
func BenchmarkDrainAmidNoise(b *testing.B) {
	tap := NewSink(Config{Stdout: io.Discard, Tag: true}).Worker("w")
	c, stdout, _ := pipes(b, tap.Write)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for noise := bytes.Repeat([]byte("noise\n"), 10); ; {
			select {
			case <-stop:
				return
			default:
				stdout.Write(noise)
			}
		}
	})
	var worst time.Duration
	for b.Loop() {
		start := time.Now()
		c.Drain()
		worst = max(worst, time.Since(start))
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
	close(stop)
	wg.Wait()
}

// BenchmarkThroughput compares sizes of pipes.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("pipe=%dKiB", size>>10), func(b *testing.B) {
			var got atomic.Int64
			tap := NewSink(Config{Stdout: io.Discard}).Worker("w")
			c, stdout, _ := pipes(b, func(fd int, p []byte) {
				tap.Write(fd, p)
				got.Add(int64(len(p)))
			})
			setPipeSize(b, stdout, size)
			p := bytes.Repeat([]byte("a short line of output\n"), 1<<14)
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				stdout.Write(p)
			}
			c.Drain()
		})
	}
}
