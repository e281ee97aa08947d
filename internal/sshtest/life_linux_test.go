package sshtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spawn starts a command line in the machine, returns when it printed so many lines,
// and returns its standard input.
func spawn(t *testing.T, m *Machine, lines int, line string) io.WriteCloser {
	t.Helper()
	cmd := m.Command(context.Background(), line)
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, m.background(cmd))
	scanner := bufio.NewScanner(out)
	for range lines {
		if !scanner.Scan() {
			t.Fatal("no output: ", scanner.Err())
		}
	}
	return in
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	m, other := NewMachine(t, Options{}), NewMachine(t, Options{})
	ssh(t, m, "true").says(t, "")
	if got := m.Processes(); len(got) > 0 {
		t.Errorf("an idle machine has %v", got)
	}
	spawn(t, m, 2, "exec 3<&0; sh -c 'echo up; read x' child <&3 & unshare -p -f sh -c 'echo up; read x' nested")
	for _, want := range []string{"child", "nested"} {
		want = "sh -c echo up; read x " + want
		if !slices.ContainsFunc(m.Processes(), func(p Process) bool { return p.Name == "sh" && p.Command == want }) {
			t.Errorf("no %s among %v", want, m.Processes())
		}
	}
	if got := other.Processes(); len(got) > 0 {
		t.Errorf("another machine has %v", got)
	}
}

func TestProcessesHasZombies(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{})
	// A child that ends when it is told, and a parent that never waits for it.
	in := spawn(t, m, 1, `exec perl -e '$| = 1; if (fork) { sleep 1000000 } $0 = "child"; print "up\n"; <STDIN>'`)
	i := slices.IndexFunc(m.Processes(), func(p Process) bool { return p.Name == "child" })
	if i < 0 {
		t.Fatalf("no child among %v", m.Processes())
	}
	pid := m.Processes()[i].PID
	pidfd := openPidfd(t, pid)
	if _, err := io.WriteString(in, "end\n"); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, pidfd)
	for _, p := range m.Processes() {
		if p.PID == pid && p.State == "Z" && strings.HasPrefix(p.String(), fmt.Sprintf("%d Z child", pid)) {
			return
		}
	}
	t.Errorf("no zombie %d among %v", pid, m.Processes())
}

func TestAwaitIdle(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Name: "busy"})
	check(t, m.AwaitIdle(0))
	in := spawn(t, m, 2, "exec 3<&0; sh -c 'echo up; read x' child <&3 & echo up; wait; sh -c 'exit' next")
	err := m.AwaitIdle(50 * time.Millisecond)
	if err == nil || !strings.HasPrefix(err.Error(), "machine busy still has ") || !strings.Contains(err.Error(), "child") {
		t.Errorf("while a child runs: %v", err)
	}
	if _, err := io.WriteString(in, "end\n"); err != nil {
		t.Fatal(err)
	}
	check(t, m.AwaitIdle(patience))
	if got := m.Processes(); len(got) > 0 {
		t.Errorf("idle with %v", got)
	}
}

func openPidfd(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	check(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// awaitEnd waits until a process has ended, whoever waits for it then.
func awaitEnd(t *testing.T, pidfd int) {
	t.Helper()
	if err := waitPidfd(pidfd, time.Now().Add(patience)); err != nil {
		t.Fatal("a process does not end: ", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	warmUp(t)
	before := possess(t)
	for _, o := range []Options{{}, {Network: true}} {
		m, err := Start(o)
		check(t, err)
		client := m.SSH(t.Context(), "setsid sleep 1000000 >/dev/null 2>&1 & echo started; exec sleep 1000000")
		out, err := client.StdoutPipe()
		check(t, err)
		check(t, client.Start())
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		link := fmt.Sprintf("/proc/%d/ns/pid", m.pid())
		want, err := inode(link)
		check(t, err)
		if got := m.Processes(); len(got) < 2 {
			t.Errorf("processes of the session: %v", got)
		}
		m.Close()
		m.Close()
		if left := members(t, want); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		if m.net != nil {
			noInterface(t, m.net.name)
		}
		if err := client.Wait(); err == nil {
			t.Error("the client ended well")
		}
		if _, err := os.Stat(m.Config); !os.IsNotExist(err) {
			t.Errorf("its files: %v", err)
		}
	}
	leavesNothing(t, before)
}

// warmUp runs a command: the first one that a process runs opens files for good.
func warmUp(t *testing.T) {
	t.Helper()
	if err := exec.Command("true").Run(); err != nil {
		t.Fatal(err)
	}
}

// members are the processes of a pid namespace by its inode, all of /proc looked at.
func members(t *testing.T, want uint64) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	check(t, err)
	var found []string
	for _, e := range entries {
		if got, err := inode("/proc/" + e.Name() + "/ns/pid"); err == nil && got == want {
			found = append(found, e.Name())
		}
	}
	return found
}

func TestKilledOwnerLeavesNothing(t *testing.T) {
	check(t, need("/usr/sbin/sshd", "ip", "tc", "nsenter"))
	links := watchLinks(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=owner")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	var pid int
	var device string
	if _, err := fmt.Fscan(out, &pid, &device); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatal(err)
	}
	namespace, err := inode(fmt.Sprintf("/proc/%d/ns/pid", pid))
	check(t, err)
	if got := members(t, namespace); len(got) < 2 {
		t.Errorf("before: %q", got)
	}
	pidfd := openPidfd(t, pid)
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	awaitEnd(t, pidfd)
	// It has ended, but whoever it fell to may not have waited for it yet.
	left := slices.DeleteFunc(members(t, namespace), func(p string) bool { return p == fmt.Sprint(pid) })
	if len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	links.awaitDeletion(t, device)
}

// linkWatch is a running ip monitor.
type linkWatch struct{ lines *bufio.Scanner }

func watchLinks(t *testing.T) linkWatch {
	t.Helper()
	cmd := exec.Command("ip", "monitor", "link")
	out, in, err := os.Pipe()
	check(t, err)
	cmd.Stdout = in
	check(t, cmd.Start())
	in.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		out.Close()
	})
	check(t, out.SetReadDeadline(time.Now().Add(patience)))
	return linkWatch{bufio.NewScanner(io.Reader(out))}
}

func (w linkWatch) awaitDeletion(t *testing.T, device string) {
	t.Helper()
	for w.lines.Scan() {
		if line := w.lines.Text(); strings.Contains(line, "Deleted ") && strings.Contains(line, device) {
			noInterface(t, device)
			return
		}
	}
	t.Errorf("%s is left: %v", device, w.lines.Err())
}
