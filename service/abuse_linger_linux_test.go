package service_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
)

// deaf is the address of a listener that never reads.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		t.Fatal(err)
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", address.(*unix.SockaddrInet4).Port)
}

// lingering is a TCP socket whose last close blocks for an hour: its peer is deaf,
// and it has something left to say.
func lingering(t *testing.T, address string) *os.File {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 3600})
	unix.SetNonblock(fd, true)
	for b := make([]byte, 1<<16); ; {
		if _, err := unix.Write(fd, b); err != nil {
			return f
		}
	}
}

// late sends a frame with a file that nobody else has open any more when its last
// byte comes: what holds it then is the daemon's.
func (s *stranger) late(h frame.Header, payload []byte, f *os.File) {
	h.Length, h.FDs = uint32(len(payload)), 1
	b := append(h.Append(nil), payload...)
	s.write(b[:len(b)-1], f)
	f.Close()
	s.write(b[len(b)-1:])
}

// halt makes the daemon stand still until SIGCONT. Whoever closes a file that it has let
// go of already would wait in its place.
func (d *testDaemon) halt() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGSTOP)
	d.eventually("it stands still", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
		return err == nil && strings.Contains(string(stat), ") T ")
	})
}

// Files that take an hour to close hold up neither the daemon nor its end, and
// hide no denial.
func TestAbuseFilesThatDoNotClose(t *testing.T) {
	for name, abuse := range map[string]func(t *testing.T, d *testDaemon, address string){
		"with a frame that breaks a rule": func(t *testing.T, d *testDaemon, address string) {
			s := greeted(t, "bob")
			s.late(frame.Header{Kind: frame.Message, Handle: frame.Ping}, []byte("?"), lingering(t, address))
		},
		"in the queue of a connection that ends": func(t *testing.T, d *testDaemon, address string) {
			d.halt() // until the file is in the queue
			defer d.cmd.Process.Signal(syscall.SIGCONT)
			s := connect(t, "bob")
			f := lingering(t, address)
			s.write(bytes.Repeat([]byte("y"), 100<<10)) // more than is read at once
			s.write([]byte("x"), f)
			f.Close()
		},
		"with denied calls": func(t *testing.T, d *testDaemon, address string) {
			s := greeted(t, "bob")
			for i := range uint32(8) {
				payload := append(callHeader{function: "file.forbidden", parts: aFile.parts}.header(), encode(none{})...)
				s.late(frame.Header{Stream: 2*i + 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}, payload, lingering(t, address))
				s.answer(2*i + 1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t)
			denied := greeted(t, "carol")
			const denials = 30 // some are only counted at first
			for i := range uint32(denials) {
				denied.open(2*i+1, "root.only", encode(none{}))
				denied.answer(2*i + 1)
			}
			abuse(t, d, deaf(t))
			d.healthy()
			began := time.Now()
			d.cmd.Process.Signal(syscall.SIGTERM)
			if err := d.wait(); err != nil {
				t.Errorf("the daemon ended with %v", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("its end took %v", took)
			}
			told := 0
			for _, r := range d.records(func(r record) bool { return r.UID == 12003 }) {
				told += max(1, r.Count)
			}
			if told != denials {
				t.Errorf("%d of carol's %d denials are recorded", told, denials)
			}
		})
	}
}

// What an administrator takes back while polkit asks is not given any more.
func TestAbusePolicyThatChangesWhilePolkitAsks(t *testing.T) {
	polkit, d := withPolkit(t)
	s := greeted(t, "carol")
	s.open(1, "authorized", encode(none{}))
	next(t, "asked", polkit.asked)
	before := len(d.records(events("authorized"))) // the call that found polkit there
	writePolicy(t, "10-x.yaml", "rules:\n  - function: authorized\n    deny: {user: carol}\n")
	d.cmd.Process.Signal(syscall.SIGHUP)
	d.told("the policy was reloaded")
	polkit.answers <- true
	if a := s.answer(1); a.Code == 0 {
		t.Errorf("the function ran: %+v", a)
	}
	after := d.records(events("authorized"))[before:]
	if len(after) != 1 || after[0].Event != "denied" {
		t.Errorf("the records say %+v", after)
	}
}
