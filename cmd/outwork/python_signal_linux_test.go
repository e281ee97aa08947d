package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// blocked are scripts in Python that say when they run, and then do not end.
func blocked() map[string]string {
	return map[string]string{
		"asleep":       "import time\nprint('running')\ntime.sleep(600)",
		"busy":         "print('running')\nwhile True: pass",
		"in C":         "print('running')\nsum(range(10**13))",
		"stubborn":     "import time\nprint('running')\nwhile True:\n    try:\n        time.sleep(600)\n    except KeyboardInterrupt:\n        pass",
		"in a thread":  "import threading, time\nprint('running')\nt = threading.Thread(target=time.sleep, args=(600,))\nt.start()\nt.join()",
		"in a process": "import subprocess\nsubprocess.run('echo running; sleep 600', shell=True)",
	}
}

// startPython starts a script in Python, as start does.
func startPython(t *testing.T, script string) *running {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no python3")
		}
		t.Skip("there is no python3")
	}
	return start(t, "run", "--lang", "python", "-c", script)
}

func TestInterruptPython(t *testing.T) {
	for name, script := range blocked() {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(name+" "+strconv.Itoa(int(s)), func(t *testing.T) {
				r := startPython(t, script)
				if n := len(r.left()); n < 3 {
					t.Errorf("%d processes, want command, starter and worker", n)
				}
				began := time.Now()
				r.signal(s)
				r.end(statusInterrupted)
				t.Logf("it took %v", time.Since(began))
				if left := r.left(); len(left) > 0 {
					t.Errorf("processes %v are left when the command has ended", left)
				}
				r.mustSay("outwork run: interrupted\n")
				if strings.Contains(r.stderr.String(), "Traceback") {
					t.Errorf("stderr is %q", &r.stderr)
				}
			})
		}
	}
}

func TestKilledCommandLeavesNoPython(t *testing.T) {
	for name, script := range blocked() {
		t.Run(name, func(t *testing.T) {
			r := startPython(t, script)
			if err := r.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			r.end(-1)
			r.gone()
		})
	}
}

func TestLostPython(t *testing.T) {
	for end, want := range map[string]string{
		"os.kill(os.getpid(), 9)": "signal killed",
		"os._exit(7)":             "exit status 7",
		"os.abort()":              "signal aborted",
	} {
		t.Run(want, func(t *testing.T) {
			r := startPython(t, "import os\nprint('running')\n"+end)
			r.end(statusLost)
			if left := r.left(); len(left) > 0 {
				t.Errorf("processes %v are left when the command has ended", left)
			}
			r.mustSay(want)
		})
	}
}
