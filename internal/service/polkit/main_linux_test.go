package polkit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// What the test binary is told by the environment to be: a client that is
// connected to a socket until its stdin ends, with an agent or without.
const (
	clientRole = "OUTWORK_TEST_CLIENT" // the socket
	agentRole  = "OUTWORK_TEST_AGENT"
	withAgent  = agentRole + "=1"

	// listenRole is a socket that the client has, and never accepts on.
	listenRole = "OUTWORK_TEST_LISTEN"

	// askRole makes it ask polkit about itself instead, and tell the answer.
	askRole = "OUTWORK_TEST_ASK"
)

func TestMain(m *testing.M) {
	if action := os.Getenv(askRole); action != "" {
		askAboutSelf(action)
		return
	}
	if path := os.Getenv(clientRole); path != "" {
		if err := client(path, os.Getenv(agentRole) != ""); err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		return
	}
	realm.Main(m, realm.Options{Private: []string{"/usr/share/polkit-1"}})
}

func client(path string, agent bool) error {
	input := io.Reader(os.Stdin)
	if agent {
		var err error
		if input, err = serveAgent(input); err != nil {
			return err
		}
	}
	if socket := os.Getenv(listenRole); socket != "" {
		l, err := net.Listen("unix", socket)
		if err != nil {
			return err
		}
		defer l.Close()
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(io.Discard, input)
	return err
}

// askAboutSelf asks with details, which polkit takes from root alone.
func askAboutSelf(action string) {
	a := New(Config{})
	defer a.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	self, err := ident.Of(pair[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := a.Ask(context.Background(), policy.Question{
		Subject: policy.Subject{UID: self.UID, Peer: self},
		Action:  action, Details: map[string]string{"function": "hostname.set"},
	})
	fmt.Println(answer.Yes, answer.Why, err)
}

// caller is a process that connected.
type caller struct {
	policy.Subject
	input io.Writer      // a byte is the end of an authentication by its agent
	lines *bufio.Scanner // what its agent tells
	end   func()         // ends it and waits; may be called twice
}

// newCaller starts a client as a user.
func newCaller(t *testing.T, user string, env ...string) *caller {
	t.Helper()
	path := filepath.Join("/run", fmt.Sprintf("client-%d", os.Getpid()))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	realm.As(cmd, user)
	cmd.Env = append(cmd.Env, append(env, clientRole+"="+path, "GORACE=atexit_sleep_ms=0")...)
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &caller{input: stdin, lines: bufio.NewScanner(output), end: func() { stdin.Close(); cmd.Wait() }}
	t.Cleanup(c.end)
	peer := accept(t, l)
	c.Subject = policy.Subject{UID: peer.UID, Groups: peer.Groups, Peer: peer}
	return c
}

// accept is who connects next; the connection is closed, as nobody needs it.
func accept(t *testing.T, l *net.UnixListener) *ident.Peer {
	t.Helper()
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *ident.Peer
	if outer := raw.Control(func(fd uintptr) { peer, err = ident.Of(int(fd)) }); outer != nil || err != nil {
		t.Fatal(outer, err)
	}
	t.Cleanup(func() { peer.Close() })
	return peer
}
