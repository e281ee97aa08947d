package ident

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// clientRole is the path of the socket to which the test binary is to connect,
// doing nothing else.
const clientRole = "OUTWORK_TEST_CLIENT"

func TestMain(m *testing.M) {
	if path := os.Getenv(clientRole); path != "" {
		client(path)
		return
	}
	if os.Getenv(unmappedRole) != "" {
		tellWhoIsThere()
		return
	}
	realm.Main(m, realm.Options{})
}

// client is connected until its stdin ends.
func client(path string) {
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer c.Close()
	io.Copy(io.Discard, os.Stdin)
}

// connected starts cmd, a client, and is its peer and its connection; end makes
// it end.
func connected(t *testing.T, cmd *exec.Cmd) (p *Peer, c *net.UnixConn, end func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ident")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, name := range []string{dir, path} {
		if err := os.Chmod(name, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Env = append(cmd.Environ(), clientRole+"="+path, "GORACE=atexit_sleep_ms=0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() { stdin.Close(); cmd.Wait() }
	if c, err = l.AcceptUnix(); err != nil {
		end()
		t.Fatal(err)
	}
	return of(t, c), c, end
}

// of is the peer of c.
func of(t *testing.T, c *net.UnixConn) *Peer {
	t.Helper()
	p, err := ofConn(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func ofConn(c *net.UnixConn) (p *Peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	if outer := raw.Control(func(fd uintptr) { p, err = Of(int(fd)) }); outer != nil {
		return nil, outer
	}
	return p, err
}

func TestOfAUser(t *testing.T) {
	realm.Need(t)
	for _, name := range []string{"alice", "nobody", "root"} {
		t.Run(name, func(t *testing.T) {
			u := realm.Lookup(name)
			cmd := exec.Command("/proc/self/exe")
			realm.As(cmd, name)
			p, c, end := connected(t, cmd)
			defer end()
			defer c.Close()
			groups := append(slices.Clone(u.Groups), u.GID)
			slices.Sort(groups)
			if p.UID != u.UID || p.GID != u.GID || !slices.Equal(p.Groups, groups) {
				t.Errorf("%+v", p)
			}
			exe, err := os.Readlink("/proc/self/exe")
			if err != nil {
				t.Fatal(err)
			}
			if p.PID != cmd.Process.Pid || p.Start == 0 || p.Exe != exe {
				t.Errorf("%+v, not process %d of %s", p, cmd.Process.Pid, exe)
			}
			if p.Name() != name || !strings.Contains(p.String(), name) {
				t.Errorf("%q, %s", p.Name(), p)
			}
		})
	}
}

// A user is in many groups, and the kernel has to be asked twice.
func TestManyGroups(t *testing.T) {
	realm.Need(t)
	cmd := exec.Command("/proc/self/exe")
	realm.As(cmd, "bob")
	var want []uint32
	for g := range uint32(5000) {
		want = append(want, 100000+g)
	}
	cmd.SysProcAttr.Credential.Groups = append(slices.Clone(want), want[:100]...)
	p, c, end := connected(t, cmd)
	defer end()
	defer c.Close()
	if !slices.Equal(p.Groups, append([]uint32{p.GID}, want...)) {
		t.Errorf("%d groups", len(p.Groups))
	}
}

// What is decided by is still known when the process is gone; what would be read
// by its number is not told.
func TestOfTheDead(t *testing.T) {
	p, c, end := connected(t, exec.Command("/proc/self/exe"))
	defer c.Close()
	end()
	dead := of(t, c)
	if dead.UID != uint32(os.Getuid()) || !slices.Equal(dead.Groups, p.Groups) || dead.PID != p.PID {
		t.Errorf("%+v, not %+v", dead, p)
	}
	if dead.Start != 0 || dead.Exe != "" {
		t.Errorf("start %d of %q", dead.Start, dead.Exe)
	}
	if p.PIDFD != nil {
		if err := unix.PidfdSendSignal(int(p.PIDFD.Fd()), 0, nil, 0); err != unix.ESRCH {
			t.Errorf("signal to the dead: %v", err)
		}
	}
}

// The number is believed only where the kernel has nothing better, not where it
// says that the process is gone: another may have the number.
func TestHintsWithoutPIDFD(t *testing.T) {
	for _, test := range []struct {
		errno error
		known bool
	}{
		{unix.ENOPROTOOPT, true},
		{unix.ESRCH, false},
		{unix.EINVAL, false},
		{unix.ENODATA, false},
		{unix.EMFILE, false},
	} {
		p := &Peer{PID: os.Getpid()}
		p.hints(-1, test.errno)
		if p.PIDFD != nil || (p.Start != 0) != test.known || (p.Exe != "") != test.known || p.Alive() != test.known {
			t.Errorf("%v: %+v", test.errno, p)
		}
	}
}

// An executable that was removed, and whose name is hostile.
func TestExeOfTheRemoved(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a\nb\x1b[2J")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name)
	first, c, end := connected(t, cmd)
	defer end()
	defer c.Close()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	second := of(t, c)
	if !strings.HasSuffix(first.Exe, `/a\nb\x1b[2J"`) || !strings.HasSuffix(second.Exe, `/a\nb\x1b[2J (deleted)"`) {
		t.Errorf("%s, %s", first.Exe, second.Exe)
	}
}

func TestUIDOfTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if uid, err := UID(fd); err != nil || uid != uint32(os.Getuid()) {
		t.Errorf("%d, %v", uid, err)
	}
}

// What is no socket has no peer, and nothing stays open.
func TestOfNothing(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, err := Of(int(f.Fd())); err == nil {
		t.Errorf("%+v", p)
	}
	if uid, err := UID(int(f.Fd())); err == nil {
		t.Errorf("uid %d", uid)
	}
}
