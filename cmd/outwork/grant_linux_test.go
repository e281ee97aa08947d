package main

import (
	"path/filepath"
	"syscall"
	"testing"
)

// stubborn is a script that runs a command which ends for nobody, and a child of it in
// a session of its own.
const stubborn = `
print("running")
host.run(["sh", "-c", "trap '' TERM INT HUP; setsid sleep 1000 & while :; do sleep 1000; done"])
`

// startStubborn starts it, and waits for all of its processes.
func startStubborn(t *testing.T) (r *running, worker int) {
	t.Helper()
	script := writeScript(t, stubborn)
	r = start(t, "run", "--grant", "host", script)
	until(t, "command, starter, worker, shell and two of sleep run", func() bool { return len(r.left()) >= 6 })
	return r, r.worker(filepath.Base(script))
}

func TestGrantedCommandIsInterrupted(t *testing.T) {
	r, _ := startStubborn(t)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	r.mustSay("outwork run: interrupted\n")
}

func TestGrantedCommandOfKilledCommand(t *testing.T) {
	r, _ := startStubborn(t)
	if err := r.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.end(-1)
	r.gone()
}

func TestGrantedCommandOfLostWorker(t *testing.T) {
	r, worker := startStubborn(t)
	if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.end(statusLost)
	r.gone()
}
