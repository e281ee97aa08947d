package sshtest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// echo starts cat on the machine by ssh.
func echo(t *testing.T, m *Machine, host string) (io.Writer, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command("ssh", "-F", m.Config, host, "cat")
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return in, bufio.NewReader(out)
}

func echoes(t *testing.T, in io.Writer, out *bufio.Reader, line string) {
	t.Helper()
	if _, err := io.WriteString(in, line); err != nil {
		t.Fatal(err)
	}
	if got, err := out.ReadString('\n'); got != line {
		t.Fatalf("got %q and %v, want %q", got, err, line)
	}
}

func TestCutAndHeal(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Network: true})
	in, out := echo(t, m, m.Host)
	echoes(t, in, out, "before\n")
	check(t, m.Cut())
	// Nobody answers and nobody refuses: the attempt lasts until it is given up.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var dialer net.Dialer
	if _, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(m.Addr, "22")); !errors.Is(err, context.DeadlineExceeded) {
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Errorf("connect to what is cut off: %v", err)
		}
	}
	if _, err := io.WriteString(in, "cut\n"); err != nil {
		t.Fatal(err)
	}
	check(t, m.Heal())
	// What was sent meanwhile is sent again.
	if got, err := out.ReadString('\n'); got != "cut\n" {
		t.Fatalf("after Heal: %q and %v", got, err)
	}
	echoes(t, in, out, "after\n")
}

func TestRate(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Network: true})
	check(t, m.Rate(2_000_000))
	begin := time.Now()
	got := ssh(t, m, "head -c 250000 /dev/zero")
	if len(got.stdout) != 250000 {
		t.Fatalf("%d bytes: %s", len(got.stdout), got.stderr)
	}
	if took := time.Since(begin); took < 800*time.Millisecond {
		t.Errorf("2 Mbit took %v at 2 Mbit/s", took)
	}
	check(t, m.Cut())
	check(t, m.Heal())
	check(t, m.Rate(0))
}

func TestLoopbackHasNoCut(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{Name: "loop"})
	if err := m.Cut(); !errors.Is(err, errNoNetwork) || !strings.HasPrefix(err.Error(), "cut off machine loop: ") {
		t.Errorf("got %v", err)
	}
}

// greeting returns what a server says first, or nothing. That somebody accepts does not
// count: there are networks whose gateway does for everybody.
func greeting(addr string) string {
	conn, err := net.DialTimeout("tcp", addr, 300*time.Millisecond)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return line
}

func TestBastion(t *testing.T) {
	t.Parallel()
	a, b := NewBastion(t, Options{}, Options{Sudo: SudoNoPassword})
	ssh(t, b, "hostname; sudo -n id -un").says(t, b.Host+"\nroot")
	ssh(t, a, "ssh", b.Host, "hostname").says(t, b.Host)
	run(t, a.SSH(t.Context(), "-l", "root", "ssh", b.Host, "id -un")).says(t, "deploy")
	if hello := greeting(net.JoinHostPort(b.Addr, strconv.Itoa(b.Port))); hello != "" {
		t.Errorf("without a, b says %q", hello)
	}
	in, out := echo(t, b, b.Host)
	echoes(t, in, out, "before\n")
	check(t, b.Cut())
	if _, err := io.WriteString(in, "cut\n"); err != nil {
		t.Fatal(err)
	}
	check(t, b.Heal())
	if got, err := out.ReadString('\n'); got != "cut\n" {
		t.Fatalf("after Heal: %q and %v", got, err)
	}
}
