package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

func TestOwn(t *testing.T) {
	dir := folder(t)
	before := openFiles(t)
	path := filepath.Join(dir, "x.sock")
	l, err := Own(config(path))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	wantNames(t, dir, "x.sock", "x.sock.lock")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, err := l.Accept(t.Context())
	if err != nil || conn.Peer.UID != uint32(os.Geteuid()) || conn.Peer.PID != os.Getpid() {
		t.Fatalf("%+v, %v", conn, err)
	}
	conn.Release()
	c.Close()
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	wantNames(t, dir)
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}

// A second daemon is told who serves, and leaves everything as it is.
func TestSecondDaemon(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "x.sock")
	first := start(t, "", "daemon", path)
	if said := first.line(); said != "ready" {
		t.Fatal(said)
	}
	before := openFiles(t)
	_, err := Own(config(path))
	if e, ok := errors.AsType[*InUseError](err); !ok || e.Path != path || e.PID != first.cmd.Process.Pid {
		t.Errorf("%v", err)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first does not serve any more: %v", err)
	}
	c.Close()
	first.end()
	wantNames(t, dir)
	owned(t, config(path))
}

// What a killed daemon left behind is no hindrance, at any stage of its start.
func TestAfterAKill(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "x.sock")
	first := start(t, "", "daemon", path)
	if said := first.line(); said != "ready" {
		t.Fatal(said)
	}
	first.cmd.Process.Kill()
	first.end()
	leaveSocket(t, path+newSuffix)
	wantNames(t, dir, "x.sock", "x.sock.lock", "x.sock.new")
	owned(t, config(path))
	wantNames(t, dir, "x.sock", "x.sock.lock")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// leaveSocket makes a stale socket.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestOwnRefuses(t *testing.T) {
	for _, test := range []struct {
		name, want string
		lay        func(path string) error
	}{
		{"file", "there is a regular file in the socket's place", func(p string) error { return os.WriteFile(p, []byte("data"), 0o600) }},
		{"dir", "there is a directory in", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"fifo", "there is a pipe in", func(p string) error { return unix.Mkfifo(p, 0o600) }},
		{"symlink", "there is a symlink in", func(p string) error { return os.Symlink(p+".target", p) }},
		{"dangling", "there is a symlink in", func(p string) error { return os.Symlink("/nonexistent/x", p) }},
		{"lockfile", "is not a lock file of this daemon's: it is a regular file", func(p string) error {
			return errors.Join(os.WriteFile(p+lockSuffix, nil, 0o600), os.Chmod(p+lockSuffix, 0o644))
		}},
		{"locklink", "lock is a symlink: remove it", func(p string) error { return os.Symlink(p+".target", p+lockSuffix) }},
		{"lockfifo", "is not a lock file of this daemon's: it is a pipe", func(p string) error { return unix.Mkfifo(p+lockSuffix, 0o600) }},
		{"new", "there is a regular file of", func(p string) error { return os.WriteFile(p+newSuffix, []byte("data"), 0o600) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t)
			path := filepath.Join(dir, "x.sock")
			if err := test.lay(path); err != nil {
				t.Fatal(err)
			}
			left := names(t, dir)
			before := openFiles(t)
			_, err := Own(config(path))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v", err)
			}
			wantNames(t, dir, left...)
			if after := openFiles(t); after > before {
				t.Errorf("%d file descriptors before, %d after", before, after)
			}
		})
	}
}

// Another program's socket that answers, or would if it were not so busy, stays.
func TestOwnRefusesWhatAnswers(t *testing.T) {
	path := filepath.Join(folder(t), "x.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the first fills the queue
		if _, err := Own(config(path)); err == nil || !strings.Contains(err.Error(), "another program listens there") {
			t.Errorf("%v", err)
		}
	}
}

// A datagram socket is not known to be stale.
func TestOwnRefusesAnotherKindOfSocket(t *testing.T) {
	path := filepath.Join(folder(t), "x.sock")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := Own(config(path)); !errors.Is(err, unix.EPROTOTYPE) {
		t.Errorf("%v", err)
	}
}

func TestOwnRefusesPaths(t *testing.T) {
	dir := folder(t)
	for path, want := range map[string]string{
		"x.sock": "must be absolute", "@x": "must be absolute", "": "must be absolute", "/": "must be absolute",
		dir + "/../x": "must be absolute", dir + "/x\x00y": "must be absolute",
		dir + "/" + strings.Repeat("x", 104): "a socket's may have 103: choose a shorter one",
		dir + "/none/x.sock":                 "/none is not there: create it",
	} {
		if _, err := Own(config(path)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
	wantNames(t, dir)
	longest := dir + "/" + strings.Repeat("x", MaxPath-len(dir)-1)
	owned(t, config(longest))
}

func TestOwnRefusesDirectories(t *testing.T) {
	realm.Need(t)
	for _, test := range []struct {
		name string
		uid  int
		mode os.FileMode
		want string
	}{
		{"open", 0, 0o777, "others may write to the directory"},
		{"group", 0, 0o775, "others may write to the directory"},
		{"bobs", int(realm.Lookup("bob").UID), 0o755, "belongs to uid 12002 (bob)"},
		{"sticky", 0, 0o777 | os.ModeSticky, ""},
		{"usual", 0, 0o755, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			top := folder(t)
			if err := errors.Join(os.Chown(top, test.uid, 0), os.Chmod(top, test.mode)); err != nil {
				t.Fatal(err)
			}
			below := filepath.Join(top, "below")
			if err := os.Mkdir(below, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{top, below} {
				l, err := Own(config(filepath.Join(dir, "x.sock")))
				if err == nil {
					l.Close()
				}
				if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), top)) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// In a directory where all may write, a lock file of somebody else's is refused.
func TestOwnRefusesAForeignLock(t *testing.T) {
	realm.Need(t)
	dir := folder(t)
	path := filepath.Join(dir, "x.sock")
	if err := os.WriteFile(path+lockSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path+lockSuffix, int(realm.Lookup("bob").UID), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Own(config(path)); err == nil || !strings.Contains(err.Error(), "of uid 12002 (bob)") {
		t.Errorf("%v", err)
	}
	leaveSocket(t, path)
	if err := errors.Join(os.Remove(path+lockSuffix), os.Chown(path, int(realm.Lookup("bob").UID), 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := Own(config(path)); err == nil || !strings.Contains(err.Error(), "a socket of uid 12002 (bob)") {
		t.Errorf("%v", err)
	}
}

// Close leaves alone what is not its own.
func TestCloseLeavesTheForeign(t *testing.T) {
	path := filepath.Join(folder(t), "x.sock")
	l := owned(t, config(path))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wantNames(t, filepath.Dir(path), "x.sock")
}

// Of many that start at once and again, never two serve.
func TestOneAtATime(t *testing.T) {
	path := filepath.Join(folder(t), "x.sock")
	var serving sync.Mutex
	var wg sync.WaitGroup
	won := make(chan struct{}, 1000)
	for range 8 {
		wg.Go(func() {
			for range 100 {
				l, err := Own(config(path))
				if _, ok := errors.AsType[*InUseError](err); ok {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !serving.TryLock() {
					t.Error("two serve")
					return
				}
				won <- struct{}{}
				serving.Unlock()
				l.Close()
			}
		})
	}
	wg.Wait()
	if len(won) == 0 {
		t.Error("nobody served")
	}
	wantNames(t, filepath.Dir(path))
}

func TestGroup(t *testing.T) {
	realm.Need(t)
	for _, group := range []string{"hostctl", "12100"} {
		c := config("/run/group.sock")
		c.Mode, c.Group = 0o660, group
		l := owned(t, c)
		var st unix.Stat_t
		if err := unix.Stat(c.Path, &st); err != nil || st.Uid != 0 || st.Gid != realm.Hostctl || st.Mode != unix.S_IFSOCK|0o660 {
			t.Errorf("%+v, %v", st, err)
		}
		l.Close()
	}
	c := config("/run/group.sock")
	c.Group = "nosuch"
	if _, err := Own(c); err == nil || !strings.Contains(err.Error(), "groupadd --system nosuch") {
		t.Errorf("%v", err)
	}
}

// While a daemon starts and stops, nobody can connect who may not, and nobody who
// may is kept out: the socket is never there half done.
func TestModeFromTheBeginning(t *testing.T) {
	realm.Need(t)
	c := config("/run/atomic.sock")
	c.Mode, c.Group = 0o660, "hostctl"
	alice, bob := start(t, "alice", "hammer", c.Path), start(t, "bob", "hammer", c.Path)
	alice.line()
	bob.line()
	for range 200 {
		l, err := Own(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l := owned(t, c) // from here on both surely meet it
	if _, err := l.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	alice.stdin.Close()
	bob.stdin.Close()
	if met := alice.line(); strings.Contains(met, "EACCES") || !strings.Contains(met, "welcome") {
		t.Errorf("alice met %s", met)
	}
	if met := bob.line(); strings.Contains(met, "welcome") {
		t.Errorf("bob met %s", met)
	}
}
