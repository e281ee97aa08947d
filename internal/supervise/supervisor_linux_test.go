package supervise

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOneSupervisorAtATime(t *testing.T) {
	s := open(t)
	if _, err := New(); err == nil {
		t.Error("a second supervisor was made")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error("closing again:", err)
	}
	if _, err := s.Start(spec("exit", "0")); !errors.Is(err, ErrClosed) {
		t.Error("start after close:", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s := open(t)
	var all []*os.File
	for range 3 {
		_, out := play(t, s, "breed", "group", "setsid", "daemon", "unmarked", "nest")
		for _, procs := range introduced(t, out, 8) {
			all = append(all, procs...)
		}
	}
	mustLive(t, all...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if err := SignalPidfd(p, 0); !errors.Is(err, os.ErrProcessDone) {
			t.Error("not reaped after Close:", err)
		}
	}
}

func TestCloseClosesDone(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "stubborn", "here")
	introduced(t, out, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
	default:
		t.Fatal("Done is open after Close")
	}
	if got := syscall.Signal(c.Exit().Signal); got != syscall.SIGKILL {
		t.Errorf("ended by %v, want SIGKILL", got)
	}
}

func TestCloseWhileStarting(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	first := make(chan struct{})
	var once sync.Once
	for range 4 {
		wg.Go(func() {
			for {
				c, err := s.Start(spec("idle"))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				c.Pidfd().Close()
				once.Do(func() { close(first) })
			}
		})
	}
	<-first
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestManyKilledAtRandom(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	for i := range 300 {
		c, err := s.Start(spec("idle"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Pidfd().Close()
		sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[i%2]
		after := rand.N(200 * time.Millisecond)
		wg.Go(func() {
			<-time.After(after) // the randomness is the test
			if err := c.Signal(sig); err != nil {
				t.Error(err)
			}
			if got := syscall.Signal(exitOfChild(t, c).Signal); got != sig {
				t.Errorf("ended by %v, want %v", got, sig)
			}
		})
	}
	wg.Wait()
}

// Many deaths at one moment are fewer signals than deaths.
func TestSignalsCoalesce(t *testing.T) {
	s := open(t)
	var all []*Child
	for range 60 {
		c, _ := play(t, s, "idle")
		all = append(all, c)
	}
	for _, c := range all {
		kill(t, c, syscall.SIGKILL)
	}
	for _, c := range all {
		exitOfChild(t, c)
	}
}

func TestSignalMissed(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "idle", "here")
	introduced(t, out, 1)
	signal.Stop(s.sigchld)
	kill(t, c, syscall.SIGKILL)
	exitOfChild(t, c)
}

// Pdeathsig: the supervisor is killed, and nobody is there to sweep.
func TestSupervisorKilled(t *testing.T) {
	warmUp(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe", "idle", "stubborn", "idle")
	cmd.Env = []string{roleVar + "=supervise"}
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	procs := introduced(t, lines(t, r), 4)
	if len(procs["setsid"]) != 3 {
		t.Fatal("not the processes that were asked for:", procs)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	mustEnd(t, procs["setsid"]...)
	for range procs["setsid"] { // they are this process's now
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(-1, &status, 0, nil); err != nil || status.Signal() != syscall.SIGKILL {
			t.Errorf("status %x, %v; want SIGKILL", status, err)
		}
	}
}

// A supervisor below a supervisor: what it leaves carries both marks.
func TestNestedSupervisorKilled(t *testing.T) {
	s := open(t)
	inner, out := play(t, s, "supervise", "breed")
	procs := introduced(t, out, 3)
	if len(procs["setsid"]) != 1 {
		t.Fatal("not the process that was asked for:", procs)
	}
	mustLive(t, procs["setsid"]...)
	kill(t, inner, syscall.SIGKILL)
	mustEnd(t, procs["setsid"]...)
}

func TestCanSuperviseNeedsProc(t *testing.T) {
	err := canSupervise(procfs{root: t.TempDir(), self: os.Getpid()})
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("without /proc: %v", err)
	}
}
