package sshtest

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestProxyOfMachine(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{})
	p := m.Through(t, ProxyOptions{Delay: 20 * time.Millisecond})
	in, out := echo(t, m, p.Host)
	echoes(t, in, out, "warm\n")
	begin := time.Now()
	echoes(t, in, out, "timed\n")
	if took := time.Since(begin); took < 40*time.Millisecond {
		t.Errorf("a round trip took %v", took)
	}
	to, from := p.Bytes()
	if to < 1000 || from < 1000 || p.Connections() != 1 {
		t.Errorf("%d bytes to it, %d from it, %d connections", to, from, p.Connections())
	}
	ssh(t, m, "hostname").says(t, m.Host)
	if p.Connections() != 1 {
		t.Error("what goes to the machine itself passed the proxy")
	}
	p.Cut()
	if rest, err := io.ReadAll(out); len(rest) > 0 || err != nil {
		t.Errorf("ssh after Cut: %q and %v", rest, err)
	}
	cmd := m.SSH(t.Context(), "true")
	cmd.Args[3] = p.Host
	run(t, cmd).fails(t, "Connection")
}

func TestProxyStall(t *testing.T) {
	t.Parallel()
	m := NewMachine(t, Options{})
	p := m.Through(t, ProxyOptions{})
	in, out := echo(t, m, p.Host)
	echoes(t, in, out, "before\n")
	p.Stall()
	_, before := p.Bytes()
	if _, err := io.WriteString(in, "stalled\n"); err != nil {
		t.Fatal(err)
	}
	// A new connection is made, and nobody speaks.
	conn, err := net.Dial("tcp", net.JoinHostPort(p.Addr, portOf(p)))
	check(t, err)
	defer conn.Close()
	check(t, conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Errorf("read %d bytes and %v of a stalled connection", n, err)
	}
	if _, after := p.Bytes(); after != before {
		t.Errorf("%d bytes passed", after-before)
	}
	p.Resume()
	if got, err := out.ReadString('\n'); got != "stalled\n" {
		t.Errorf("after Resume: %q and %v", got, err)
	}
	check(t, conn.SetReadDeadline(time.Now().Add(patience)))
	if hello := make([]byte, 4); !reads(conn, hello) || string(hello) != "SSH-" {
		t.Errorf("after Resume: %q", hello)
	}
}

func TestContainer(t *testing.T) {
	t.Parallel()
	c := NewContainer(t)
	exec := func(words string) result {
		cmd := c.Machine.Command(t.Context(), words)
		cmd.Stdin = strings.NewReader("input\n")
		return run(t, cmd)
	}
	exec("podman exec -i "+c.Name+" /bin/sh -c 'cat; id -u; ls /usr 2>&1 | head -n 1'").
		says(t, "input\n0\nls: /usr: No such file or directory")
	before := len(c.Machine.Processes())
	if before == 0 {
		t.Error("no processes in the machine of a running container")
	}
}

// The container is reached from here as one of docker is.
func TestContainerByDocker(t *testing.T) {
	t.Parallel()
	for _, client := range [][]string{{"docker"}, {"podman", "--remote"}} {
		t.Run(client[0], func(t *testing.T) {
			t.Parallel()
			check(t, need(client[0]))
			c := NewContainer(t)
			cmd := c.Exec(t.Context(), client, "/bin/sh", "-c", "cat; echo error >&2; exit 7")
			cmd.Stdin = strings.NewReader("input\n")
			got := run(t, cmd)
			if got.stdout != "input\n" || !strings.HasPrefix(got.stderr, "error\n") || got.code != 7 {
				t.Errorf("got %+v", got)
			}
		})
	}
}
