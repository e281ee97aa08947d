package listen

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// visitor is a socket that is there before it connects: without file descriptors
// there could be none.
type visitor int

func visitors(t *testing.T, n int) (all []visitor) {
	t.Helper()
	for range n {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		all = append(all, visitor(fd))
	}
	return all
}

// greeted connects as a user, and reports whether it was greeted.
func (v visitor) greeted(t *testing.T, user, path string) bool {
	t.Helper()
	connected := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends as that user
		const same = ^uintptr(0)
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, uintptr(realm.Lookup(user).UID), same)
		if errno != 0 {
			connected <- errno
			return
		}
		connected <- unix.Connect(int(v), &unix.SockaddrUnix{Name: path})
	}()
	if err := <-connected; err != nil {
		t.Fatal(err)
	}
	n, err := unix.Read(int(v), make([]byte, 1))
	return err == nil && n == 1
}

// Who has used up all file descriptors has not kept root out; and when there are
// enough again, all come in.
func TestRootGetsInWithoutFiles(t *testing.T) {
	realm.Need(t)
	before := openFiles(t)
	var told []Notice
	c := config("/run/files.sock")
	c.Mode = 0o666
	c.Notice = func(n Notice) { told = append(told, n) }
	g := greet(t, c)
	v := visitors(t, 5)
	more := noFiles(t)
	for i, step := range []struct {
		user string
		want bool
	}{{"bob", false}, {"bob", false}, {"root", true}, {"bob", false}} {
		if got := v[i].greeted(t, step.user, c.Path); got != step.want {
			t.Errorf("%d: %s is greeted: %v", i, step.user, got)
		}
	}
	more()
	if !v[4].greeted(t, "bob", c.Path) {
		t.Error("bob is refused though there are files again")
	}
	g.spare.mu.Lock()
	if n := len(g.spare.files); n != reserveFiles {
		t.Errorf("%d are in reserve again", n)
	}
	g.spare.mu.Unlock()
	for _, fd := range v {
		unix.Shutdown(int(fd), unix.SHUT_RDWR)
	}
	g.wgClose(t)
	refused := 0
	for _, n := range told {
		if refused += n.Count; n.Reason != NoFiles || !n.Many || n.Err == nil {
			t.Errorf("told %+v", n)
		}
	}
	if refused != 3 {
		t.Errorf("%d refused: %+v", refused, told)
	}
	if after := openFiles(t) - len(v); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}

// Nobody who waits is told of when nobody waits.
func TestNoFilesAndNobody(t *testing.T) {
	fd := int(visitors(t, 1)[0])
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: folder(t) + "/x"}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	l := &Listener{spare: newReserve(1)}
	defer l.spare.close()
	defer noFiles(t)()
	if fd, err := l.admit(fd); err != unix.EAGAIN || len(l.spare.files) != 1 {
		t.Errorf("accepted %d, %v, with %d in reserve", fd, err, len(l.spare.files))
	}
}

func TestReserve(t *testing.T) {
	before := openFiles(t)
	r := newReserve(reserveFiles)
	want := func(what string, n int) {
		t.Helper()
		if len(r.files) != n {
			t.Errorf("%s: %d, not %d", what, len(r.files), n)
		}
	}
	want("new", reserveFiles)
	more := noFiles(t)
	r.drop()
	want("one dropped", reserveFiles-1)
	if r.refill() {
		t.Error("refilled without a margin")
	}
	want("not refilled", reserveFiles-1)
	r.restore()
	want("restored", reserveFiles)
	r.release()
	r.restore()
	want("released", 0)
	if r.drop() || r.refill() {
		t.Error("there is one, or room for all")
	}
	want("refilled in part", 0)
	more()
	if !r.refill() {
		t.Error("not refilled")
	}
	want("refilled", reserveFiles)
	r.close()
	r.restore()
	if !r.refill() || r.drop() {
		t.Error("there is one after close")
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}
