package service_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
)

// Who is let into a group must connect anew to have its rights.
func TestAbuseGroupGainedLater(t *testing.T) {
	abused(t)
	bob := greeted(t, "bob")
	groups, err := os.ReadFile("/etc/group")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile("/etc/group", groups, 0o644) })
	joined := strings.Replace(string(groups), "hostctl:x:12100:alice", "hostctl:x:12100:alice,bob", 1)
	if err := os.WriteFile("/etc/group", []byte(joined), 0o644); err != nil || joined == string(groups) {
		t.Fatal("bob cannot be let into the group:", err)
	}
	bob.open(1, "value.set", encode(setArgs{Name: "a", Value: 1}))
	if a := bob.answer(1); !a.is("service.denied") {
		t.Errorf("on the connection from before: %+v", a)
	}
	member := realm.Lookup("bob")
	member.Groups = []uint32{realm.Hostctl}
	again := connectAs(t, member)
	again.greet()
	again.open(1, "value.set", encode(setArgs{Name: "a", Value: 1}))
	if a := again.answer(1); a.Code != 0 {
		t.Errorf("on a new connection: %+v", a)
	}
}

// lenderVariable makes the test binary connect to a socket and pass the connection
// on, by its file 3; borrowerVariable, take one there and speak over it for its
// stdin and stdout.
const (
	lenderVariable   = "OUTWORK_TEST_LENDER"
	borrowerVariable = "OUTWORK_TEST_BORROWER"
)

func init() {
	switch {
	case os.Getenv(lenderVariable) != "":
		lend(os.Getenv(lenderVariable))
	case os.Getenv(borrowerVariable) != "":
		borrow()
	}
}

func lend(path string) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		os.Exit(1)
	}
	f, err := conn.(*net.UnixConn).File()
	if err != nil || unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0) != nil {
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin) // it lives as long as it is wanted
	os.Exit(0)
}

func borrow() {
	conn, err := received(3)
	if err != nil {
		os.Exit(1)
	}
	go io.Copy(conn, os.Stdin)
	io.Copy(os.Stdout, conn)
	os.Exit(0)
}

// received is the connection that comes over a socket.
func received(fd int) (*net.UnixConn, error) {
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(fd, b, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("no connection came")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fds[0]), "passed")
	defer f.Close()
	return unixConn(f)
}

// lent is a connection that another process made, of a user's.
func lent(t *testing.T, user string) (*net.UnixConn, *exec.Cmd) {
	t.Helper()
	ours, theirs := socketPair(t)
	cmd := player(t, user, lenderVariable+"="+socketPath, theirs)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	conn, err := received(int(ours.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, cmd
}

// player is the test binary in a part that the environment tells, as a user.
func player(t *testing.T, user, part string, file3 *os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	realm.As(cmd, user)
	cmd.Env = append(cmd.Env, part, "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles, cmd.Stderr = []*os.File{file3}, t.Output()
	return cmd
}

func socketPair(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs = os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// A connection is its connector's, whoever has it: a user may lend their rights, and
// not gain any by what they are lent.
func TestAbuseConnectionIsLent(t *testing.T) {
	for _, test := range []struct {
		lender, borrower string
		allowed          bool
	}{
		{"alice", "bob", true},
		{"bob", "alice", false},
		{"bob", "root", false},
	} {
		t.Run(test.lender+" to "+test.borrower, func(t *testing.T) {
			d := abused(t)
			unmarked(t)
			conn, lender := lent(t, test.lender)
			speaker := borrowed(t, test.borrower, conn)
			speaker.greet()
			speaker.open(1, "mark.enter", encode(textArgs{"x"}))
			if a := speaker.answer(1); a.Code == 0 != test.allowed {
				t.Errorf("got %+v", a)
			}
			if entered := marks(t) != ""; entered != test.allowed {
				t.Errorf("the function was entered: %v", entered)
			}
			r := d.records(nil)[0]
			if r.UID != realm.Lookup(test.lender).UID || r.PID != lender.Process.Pid {
				t.Errorf("the record names uid %d and process %d; %s is process %d", r.UID, r.PID, test.lender, lender.Process.Pid)
			}
		})
	}
}

// borrowed lets a user speak over the connection.
func borrowed(t *testing.T, user string, conn *net.UnixConn) *stranger {
	t.Helper()
	lendTo, theirs := socketPair(t)
	cmd := player(t, user, borrowerVariable+"=1", theirs)
	ours, its := socketPair(t)
	cmd.Stdin, cmd.Stdout = its, its
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	f, err := conn.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Sendmsg(int(lendTo.Fd()), []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0); err != nil {
		t.Fatal(err)
	}
	relay, err := unixConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, conn: relay}
	t.Cleanup(s.close)
	return s
}

// Who is killed in the middle of a call ends it.
func TestAbuseKilledMeanwhile(t *testing.T) {
	d := abused(t)
	cmd := program(t.Context(), "testctl", "wait")
	realm.As(cmd, "carol")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.recorded(1, "wait", "call", "")
	began := time.Now()
	cmd.Process.Kill()
	cmd.Wait()
	d.recorded(1, "wait", "done", "cancelled")
	if took := time.Since(began); took > time.Second {
		t.Errorf("the call went on for %v", took)
	}
}

// Who vanishes in the middle of a message, or of many calls, leaves nothing.
func TestAbuseVanished(t *testing.T) {
	d := abused(t)
	for i := range uint32(50) {
		s := connectAs(t, realm.User{UID: 20_000 + i}) // so that none is one too many
		s.greet()
		s.open(1, "wait", encode(waitArgs{}))
		s.open(3, "echo", encode(textArgs{"x"}))
		s.open(5, "pour", encode(pourArgs{1 << 20}))
		s.write(header(1000, 7, frame.Open, frame.CallFunction, frame.End)[:7])
		s.close()
	}
	d.eventually("all calls are over", func() bool {
		open := 0
		for _, r := range d.records(events("wait")) {
			open += map[string]int{"call": 1, "done": -1}[r.Event]
		}
		return open == 0
	})
}

// Calls that were cancelled by their clients are over soon.
func TestAbuseReset(t *testing.T) {
	d := abused(t)
	s := greeted(t, "nobody")
	s.open(1, "wait", encode(waitArgs{}))
	d.recorded(1, "wait", "call", "")
	s.write(append(header(2, 1, frame.Reset, 0, 0), 0, 1))
	d.recorded(1, "wait", "done", "cancelled")
	s.open(3, "echo", encode(textArgs{"and on"}))
	if a := s.answer(3); !bytes.Contains(a.reply, []byte("and on")) {
		t.Errorf("got %+v", a)
	}
}
