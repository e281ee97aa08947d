package python_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// TestFork: a copy has what was imported, and a life of its own.
func TestFork(t *testing.T) {
	for _, p := range interpreters(t) {
		t.Run(p, func(t *testing.T) {
			w := newWorld(t, socket, p)
			w.run("import json, sys, logging\nsys.kept = [1]\nlogging.warning('before')")
			var wg sync.WaitGroup
			for i := range 5 {
				wg.Go(func() {
					c, err := w.Fork(t.Context(), fmt.Sprint("copy-", i))
					if err != nil {
						t.Error(err)
						return
					}
					v, err := c.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: "import sys, os, outwork, logging\nsys.kept.append(2)\nprint('from', os.getpid())\nlogging.warning('from the copy')\ndef main(): return 'json' in sys.modules, len(sys.kept), os.getpid()"})
					if err != nil || fmt.Sprint(v) != fmt.Sprintf("[true,2,%d]", c.PID()) || c.PID() == w.PID() {
						t.Error(v, err, c.PID())
					}
					if !strings.Contains(w.out.String(), fmt.Sprintf("[copy-%d] from %d\n", i, c.PID())) {
						t.Errorf("%q", w.out)
					}
					if !strings.Contains(w.log.String(), fmt.Sprintf("msg=\"from the copy\" worker=copy-%d", i)) {
						t.Errorf("%s", w.log)
					}
					if err := c.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if v := w.run("import sys\ndef main(): return len(sys.kept)"); v != int64(1) {
				t.Error(v)
			}
		})
	}
}

// TestForkEnds: how a copy ends is told as of any worker, and it ends with its origin.
func TestForkEnds(t *testing.T) {
	w := newWorld(t, socket, debian(t))
	fork := func() *outwork.Worker {
		t.Helper()
		c, err := w.Fork(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	script := func(c *outwork.Worker, source string) error {
		_, err := c.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: source})
		return err
	}
	err := script(fork(), "import os, sys; sys.stderr.write('words'); sys.stderr.flush(); os._exit(4)")
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.ExitCode != 4 || string(e.Stderr) != "words" {
		t.Error(err)
	}
	err = script(fork(), "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Signal != syscall.SIGSEGV.String() {
		t.Error(err)
	}
	stubborn := fork()
	script(stubborn, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
	w.m.Grace = 10 * time.Millisecond
	stubborn.Close()
	left := fork()
	script(left, "import subprocess; subprocess.Popen(['sleep', '600'])")
	w.Close()
	<-left.Done()
	if _, err := w.Fork(t.Context(), ""); err == nil {
		t.Error("a copy of what is gone")
	}
	_ = python.Lang
}

// TestForkEndsTwice: two threads may see at once that a copy has ended, the main one in its signal
// handler; it is told of once, and the origin lives on. (What looks is made slow, so that they do.)
func TestForkEndsTwice(t *testing.T) {
	w := newWorld(t, socket, debian(t))
	w.run("import os, time\nlook = os.waitid\ndef slow(*a):\n  r = look(*a)\n  time.sleep(.02)\n  return r\nos.waitid = slow")
	for range 5 {
		c, err := w.Fork(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		w.run("import time\ntime.sleep(.1)") // so that another thread listens, until something comes
		if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
	}
	if v := w.run("def main(): return 5"); v != int64(5) {
		t.Error(v)
	}
}

// TestForkRefused where there is nothing to copy, or no way to.
func TestForkRefused(t *testing.T) {
	w := newWorld(t, plain, debian(t))
	if _, err := w.Fork(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "files cannot cross") {
		t.Error(err)
	}
	ours, err := w.m.Start(t.Context(), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Fork(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "is no interpreter") {
		t.Error(err)
	}
}

// TestForkConfined: a copy is held as its origin is; where that may start nothing there is none.
func TestForkConfined(t *testing.T) {
	asUser(t)
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			w := manage(t)
			w.Worker = w.held(socket, outwork.Target{Program: debian(t), Name: "origin", Sandbox: sandbox.Config{Level: level, Subprocesses: true}})
			w.run("import json, sys\nsys.kept = [1]")
			c, err := w.Fork(t.Context(), "copy")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(c.Confinement()), fmt.Sprint(w.Confinement()); got != want || c.Confinement().Level != level {
				t.Errorf("%s, of %s", got, want)
			}
			v, err := c.Run(t.Context(), script("import sys, os\ndef main(): return sys.kept, os.getpid() > 1"))
			if err != nil || fmt.Sprint(v) != "[[1],true]" {
				t.Error(v, err)
			}
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.PID())); err != nil || !strings.Contains(string(b), "[origin]") || c.PID() == w.PID() {
				t.Errorf("process %d is %q, %v", c.PID(), b, err)
			}
			_, err = c.Run(t.Context(), script("import ctypes; ctypes.CDLL(None).unshare(0x10000000)"))
			if !errors.Is(err, lost.Policy) {
				t.Error(err)
			}
			if v := w.run("def main(): return 5"); v != int64(5) {
				t.Error(v)
			}
		})
	}
	w := manage(t)
	w.Worker = w.held(socket, outwork.Target{Program: debian(t), Sandbox: sandbox.Config{Level: sandbox.Strict}})
	if _, err := w.Fork(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "start it with Sandbox.Subprocesses") {
		t.Error(err)
	}
	if v := w.run("def main(): return 5"); v != int64(5) {
		t.Error(v)
	}
}

func BenchmarkFork(b *testing.B) {
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(b.Context(), outwork.Target{Lang: "python"})
	if err != nil {
		b.Fatal(err)
	}
	add := python.Import(w, "operator")
	add.Call(b.Context(), "add", 1, 2)
	for b.Loop() {
		c, err := w.Fork(b.Context(), "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := python.Import(c, "operator").Call(b.Context(), "add", 1, 2); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		c.Close()
		b.StartTimer()
	}
}
