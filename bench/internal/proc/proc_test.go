package proc

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestCPUGrowsWithWork(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := CPU(self)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 5*time.Millisecond; {
	}
	after, err := CPU(self)
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("processor time went from %v to %v", before, after)
	}
}

func TestCPUOfNoProcess(t *testing.T) {
	if _, err := CPU([]int{1 << 22}); err == nil {
		t.Error("a process that does not exist has processor time")
	}
}

func TestTreeAndMemoryOfChild(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tree, err := Tree(os.Getpid())
	if err != nil || tree[0] != os.Getpid() || !slices.Contains(tree, cmd.Process.Pid) {
		t.Errorf("tree %v, %v lacks this process first, or its child %d", tree, err, cmd.Process.Pid)
	}
	m, err := MeanMemory([]int{cmd.Process.Pid})
	if err != nil || m.RSS == 0 || m.PSS > m.RSS {
		t.Errorf("memory %+v, %v", m, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestStartPinned(t *testing.T) {
	cmd := exec.Command("nproc")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := StartPinned(cmd); err != nil {
		t.Fatal(err)
	}
	var b [16]byte
	n, _ := out.Read(b[:])
	if got := string(b[:n]); got != "1\n" {
		t.Errorf("nproc says %q when pinned", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestStatusOfSelf(t *testing.T) {
	before, err := StatusOf(os.Getpid())
	if err != nil || before.RSS == 0 || before.HWM < before.RSS || before.Threads == 0 {
		t.Fatalf("status %+v, %v", before, err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	after, err := StatusOf(os.Getpid())
	if err != nil || after.Files != before.Files+1 {
		t.Errorf("with one file more, %d became %d, %v", before.Files, after.Files, err)
	}
}
