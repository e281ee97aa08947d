package supervise

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const tinyProgram = `package main

import "syscall"

func main() {
	var b [1]byte
	syscall.Read(0, b[:]) // /dev/null: at once
}
`

// tiny builds a static program that ends at once, or, if its input is a pipe, when
// it is killed. It must come before the supervisor: it starts a process.
func tiny(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	source := filepath.Join(dir, "tiny.go")
	if err := os.WriteFile(source, []byte(tinyProgram), 0o600); err != nil {
		b.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "tiny"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "tiny")
}

func benchSupervisor(b *testing.B) *Supervisor {
	b.Helper()
	s, err := New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkStart is until Start returns; its ratio to the bare ForkExec of the
// same attributes is what supervision costs. The end of the process is not timed.
func BenchmarkStart(b *testing.B) {
	path := tiny(b)
	b.Run("ForkExec", func(b *testing.B) {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer null.Close()
		for b.Loop() {
			pid := bareStart(b, path, null)
			b.StopTimer()
			wait(pid, nil)
			b.StartTimer()
		}
	})
	b.Run("Supervisor", func(b *testing.B) {
		s := benchSupervisor(b)
		for b.Loop() {
			c := benchStart(b, s, path, nil)
			b.StopTimer()
			<-c.Done()
			b.StartTimer()
		}
	})
}

// BenchmarkRun is from Start until the end of the process is known.
func BenchmarkRun(b *testing.B) {
	path := tiny(b)
	b.Run("ForkExec", func(b *testing.B) {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer null.Close()
		for b.Loop() {
			wait(bareStart(b, path, null), nil)
		}
	})
	b.Run("Supervisor", func(b *testing.B) {
		s := benchSupervisor(b)
		for b.Loop() {
			<-benchStart(b, s, path, nil).Done()
		}
	})
}

// BenchmarkDone is from a leader's death, as its pidfd tells it, until Done is
// closed; and from SIGKILL to there.
func BenchmarkDone(b *testing.B) {
	path := tiny(b)
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	s := benchSupervisor(b)
	var fromKill, fromDeath, worst time.Duration
	for b.Loop() {
		c := benchStart(b, s, path, r)
		begin := time.Now()
		if err := c.Signal(syscall.SIGKILL); err != nil {
			b.Fatal(err)
		}
		if err := WaitPidfd(c.Pidfd()); err != nil {
			b.Fatal(err)
		}
		dead := time.Now()
		<-c.Done()
		fromKill += time.Since(begin)
		fromDeath += time.Since(dead)
		worst = max(worst, time.Since(begin))
	}
	b.ReportMetric(float64(fromKill.Microseconds())/float64(b.N), "µs/kill-to-done")
	b.ReportMetric(float64(fromDeath.Microseconds())/float64(b.N), "µs/death-to-done")
	b.ReportMetric(float64(worst.Microseconds()), "µs-worst")
}

// BenchmarkSweep is one look at all children of this process.
func BenchmarkSweep(b *testing.B) {
	s := benchSupervisor(b)
	for b.Loop() {
		s.sweep(s.orphaned)
	}
}

func benchStart(b *testing.B, s *Supervisor, path string, stdin *os.File) *Child {
	c, err := s.Start(Spec{Path: path, Files: []*os.File{stdin}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Pidfd().Close() })
	return c
}

func bareStart(b *testing.B, path string, null *os.File) int {
	pidfd := -1
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd},
	})
	if err != nil {
		b.Fatal(err)
	}
	unix.Close(pidfd)
	return pid
}
