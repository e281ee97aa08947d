package listen

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// activatedDaemon accepts one client on the socket that systemd passed, says who
// it is, and ends.
func activatedDaemon([]string) error {
	l, err := Activated(config(""))
	if l == nil {
		return fmt.Errorf("no listener: %w", err)
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") {
			return fmt.Errorf("%s is still set", v)
		}
	}
	if again, err := Activated(config("")); again != nil || err != nil {
		return fmt.Errorf("again: %v, %w", again, err)
	}
	c, err := l.Accept(context.Background())
	if err != nil {
		return err
	}
	defer c.Release()
	fmt.Println(l.Path(), c.Peer.UID)
	return l.Close()
}

// activate runs the role under systemd-socket-activate.
func activate(t *testing.T, args ...string) *play {
	t.Helper()
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("systemd-socket-activate is not there: install systemd")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, "-E", role+"=activated", "-E", "GORACE=atexit_sleep_ms=0", self)
	p := &play{cmd: exec.Command(tool, args...)}
	p.run(t)
	return p
}

// connect dials when the socket is there.
func connect(t *testing.T, network, address string) {
	t.Helper()
	for {
		c, err := net.Dial(network, address)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestActivated(t *testing.T) {
	path := filepath.Join(folder(t), "x.sock")
	p := activate(t, "-l", path, "--fdname=control")
	connect(t, "unix", path)
	if got, want := p.line(), fmt.Sprint(path, " ", os.Geteuid()); got != want {
		t.Errorf("said %q, not %q", got, want)
	}
	p.end()
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSocket == 0 {
		t.Errorf("the socket is gone: %v", err)
	}
}

func TestActivatedRefuses(t *testing.T) {
	dir := folder(t)
	for _, test := range []struct {
		name, network, address, want string
		args                         []string
	}{
		{"two", "unix", "a", "systemd passed 2 sockets", []string{"-l", "b"}},
		{"tcp", "tcp", "", "is not a unix socket", nil},
		{"packets", "unixpacket", "c", "is not a stream socket", []string{"--seqpacket"}},
		{"abstract", "unix", "@outwork-test-" + filepath.Base(dir), "has no path", nil},
		{"accepted", "unix", "d", "does not listen: set Accept=no", []string{"--accept"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := test.address
			switch {
			case address == "":
				address = freePort(t)
			case address[0] != '@':
				address = filepath.Join(dir, address)
			}
			for i, arg := range test.args {
				if arg == "b" {
					test.args[i] = filepath.Join(dir, arg)
				}
			}
			p := activate(t, append(test.args, "-l", address)...)
			connect(t, test.network, address)
			if said := p.line(); !strings.Contains(said, test.want) {
				t.Errorf("said %q", said)
			}
			p.cmd.Process.Kill() // it accepts for ever
		})
	}
}

// freePort is an address on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	// At an address of its own, where no other test's connection takes the port meanwhile.
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Variables that are meant for another process are not believed.
func TestActivatedForAnother(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	if l, err := Activated(config("")); l != nil || err != nil {
		t.Errorf("%v, %v", l, err)
	}
	if v, ok := os.LookupEnv("LISTEN_FDS"); ok {
		t.Errorf("LISTEN_FDS is still %q", v)
	}
}
