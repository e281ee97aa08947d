package ident

import (
	"os"
	"os/exec"
	"testing"
)

func TestAlive(t *testing.T) {
	p, c, end := connected(t, exec.Command("/proc/self/exe"))
	defer c.Close()
	other, unknown, byNumber := *p, *p, *p
	other.Start++
	unknown.Start = 0
	byNumber.PIDFD = nil
	if !p.Alive() || !byNumber.Alive() {
		t.Error("it is not alive")
	}
	if other.Alive() || unknown.Alive() {
		t.Error("another process, or one that is not known, is alive")
	}
	end()
	if p.Alive() || byNumber.Alive() {
		t.Error("it is alive after its end")
	}
}

func TestAliveOfTheClosed(t *testing.T) {
	p, c, end := connected(t, exec.Command("/proc/self/exe"))
	defer c.Close()
	defer end()
	if p.PIDFD == nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("this kernel tells no pidfd of a peer")
		}
		t.Skip("this kernel tells no pidfd of a peer")
	}
	if p.Close(); p.Alive() {
		t.Error("a closed peer is alive")
	}
}
