package listen

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// greeter accepts until it is closed, greets with a byte, and releases those
// connections that the client ends.
type greeter struct {
	*Listener
	wg sync.WaitGroup
}

func greet(t *testing.T, c Config) *greeter {
	t.Helper()
	g := &greeter{Listener: owned(t, c)}
	ctx, cancel := context.WithCancel(context.Background())
	g.wg.Go(func() {
		for {
			conn, err := g.Accept(ctx)
			if err != nil {
				return
			}
			g.wg.Go(func() { g.serve(t, conn) })
		}
	})
	t.Cleanup(func() { cancel(); g.wg.Wait() })
	return g
}

func (g *greeter) serve(t *testing.T, conn *Conn) {
	defer conn.Release()
	tr, err := conn.Transport(true)
	if err != nil {
		t.Error(err)
		return
	}
	defer tr.Close()
	if _, err := tr.Send([][]byte{{'+'}}, nil); err != nil {
		t.Error(err)
	}
	tr.Poll() // until the client ends
}

// Thousands of idle connections of one user hinder neither others nor root, and
// are told of once.
func TestIdleCrowd(t *testing.T) {
	realm.Need(t)
	before := openFiles(t)
	var told []Notice
	c := config("/run/crowd.sock")
	c.Mode, c.PerUser = 0o666, 16
	c.Notice = func(n Notice) { told = append(told, n) }
	g := greet(t, c)
	bob := start(t, "bob", "clients", c.Path, "3000")
	if n := bob.line(); n != "16" {
		t.Errorf("bob has %s connections", n)
	}
	for user, want := range map[string]string{"alice": "5", "nobody": "5", "root": "5"} {
		p := start(t, user, "clients", c.Path, "5")
		if n := p.line(); n != want {
			t.Errorf("%s has %s connections", user, n)
		}
		p.end()
	}
	bob.end()
	g.wgClose(t)
	if len(told) != 2 || told[0].UID != 12002 || told[0].Reason != TooManyOfUser || told[0].Count+told[1].Count != 3000-16 {
		t.Errorf("told %+v", told)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}

func (g *greeter) wgClose(t *testing.T) {
	t.Helper()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	g.wg.Wait()
}

// When others have all that they may have, root comes in.
func TestRootIsNotKeptOut(t *testing.T) {
	realm.Need(t)
	c := config("/run/full.sock")
	c.Mode, c.Connections, c.PerUser = 0o666, 16, 10
	greet(t, c)
	for _, step := range []struct{ user, n, want string }{
		{"alice", "20", "10"}, {"bob", "20", "4"}, {"carol", "5", "0"}, {"root", "5", "2"},
	} {
		if n := start(t, step.user, "clients", c.Path, step.n).line(); n != step.want {
			t.Errorf("%s has %s connections, not %s", step.user, n, step.want)
		}
	}
}

func TestOwnUserOnly(t *testing.T) {
	realm.Need(t)
	c := config("/run/dev.sock")
	c.Mode, c.OwnUserOnly = 0o666, true
	greet(t, c)
	for user, want := range map[string]string{"alice": "0", "root": "3"} {
		if n := start(t, user, "clients", c.Path, "3").line(); n != want {
			t.Errorf("%s has %s connections", user, n)
		}
	}
}

// A place is free again when a connection has ended.
func TestPlaceIsGivenBack(t *testing.T) {
	c := config(filepath.Join(folder(t), "x.sock"))
	c.Connections, c.PerUser = 1, 1
	l := owned(t, c)
	for range 3 {
		client, err := net.Dial("unix", c.Path)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Release()
		conn.Release()
		client.Close()
	}
	if l.places.taken != 0 || len(l.places.users) != 0 {
		t.Errorf("%d are taken, by %v", l.places.taken, l.places.users)
	}
}

// Without file descriptors, clients wait; nobody is lost, and nothing spins.
func TestNoFiles(t *testing.T) {
	c := config(filepath.Join(folder(t), "x.sock"))
	c.OwnUserOnly = true // and so without a reserve
	told := make(chan Notice, 1)
	c.Notice = func(n Notice) { told <- n }
	l := owned(t, c)
	client, err := net.Dial("unix", c.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	more := noFiles(t)
	go func() {
		n := <-told
		if n.Reason != NoFiles || !errors.Is(n.Err, unix.EMFILE) || !n.Many {
			t.Errorf("told %+v", n)
		}
		more()
	}()
	conn, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Release()
}

// noFiles lets this process open nothing, until more is called.
func noFiles(t *testing.T) (more func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	var taken []int // numbers below the limit that were freed meanwhile
	more = sync.OnceFunc(func() {
		unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
		for _, fd := range taken {
			unix.Close(fd)
		}
	})
	t.Cleanup(more)
	// Files that earlier tests have left to the collector would be closed, and make
	// room, at any time.
	for range 3 {
		runtime.GC()
		runtime.Gosched()
	}
	full := unix.Rlimit{Cur: uint64(lowestFree(t)), Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &full); err != nil {
		t.Fatal(err)
	}
	for fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC); err == nil; fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC) {
		taken = append(taken, fd)
	}
	return more
}

func lowestFree(t *testing.T) int {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	return fd
}

func TestAcceptEnds(t *testing.T) {
	c := config(filepath.Join(folder(t), "x.sock"))
	l := owned(t, c)
	for range 3 { // and can begin again
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { _, err := l.Accept(ctx); ended <- err }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	client, err := net.Dial("unix", c.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	ended := make(chan error)
	go func() { _, err := l.Accept(t.Context()); ended <- err }()
	l.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := l.Accept(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed before: %v", err)
	}
}

// There are no more connections than there are file descriptors for.
func TestAffordable(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	c := config(filepath.Join(folder(t), "x.sock"))
	c.Connections = 1 << 40
	if n := owned(t, c).Connections(); uint64(n) > limit.Cur/filesPerConnection || n < 1 {
		t.Errorf("%d connections with %d files", n, limit.Cur)
	}
	c.Path += "2"
	c.Connections = 7
	if n := owned(t, c).Connections(); n != 7 {
		t.Errorf("%d connections", n)
	}
	c.PerUser = 0
	if _, err := Own(c); err == nil || !strings.Contains(err.Error(), "at least one") {
		t.Errorf("%v", err)
	}
}

// A client that is gone before it is accepted is told of as what it was.
func TestGoneAlready(t *testing.T) {
	c := config(filepath.Join(folder(t), "x.sock"))
	l := owned(t, c)
	client, err := net.Dial("unix", c.Path)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	conn, err := l.Accept(t.Context())
	if err != nil || conn.Peer.UID != uint32(os.Geteuid()) {
		t.Fatalf("%+v, %v", conn, err)
	}
	conn.Release()
}
