package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/container"
)

// scene is what an attempt is aimed at, outside of the worker.
type scene struct {
	Manager   int    // its process, with a handler for SIGUSR1
	Neighbour int    // another process of the manager's user, with Memory in it
	Memory    uint64 // an address there

	Folder string // anybody may write in it; it has:
	Public string // a file that anybody may read and write
	Secret string // one that its owner alone may read
	Socket string // one on which the manager listens
	Gram   string // one that takes datagrams

	Device   string // of zeros, as a file that root has made in the folder
	Terminal string // of the manager's user

	Abstract string // a socket's name, on which the manager listens
	Port     int    // of TCP, on the loopback device, likewise

	Program   string // the hostile one
	SetUserID string // that as a set-user-ID program of root's
}

// stage is a scene with what the manager sees of it.
type stage struct {
	scene
	t        *testing.T
	sealed   container.Container
	terminal *os.File
	visits   atomic.Int64 // of connections and datagrams
	signals  chan os.Signal
	before   []unix.Stat_t
	watched  []string
	hostname string
	other    *os.Process // the neighbour
}

var evil, good = []byte("evil"), bytes.Repeat([]byte("good"), 16<<10)

// newStage sets one up, until the test's end.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, signals: make(chan os.Signal, 100)}
	s.Manager, s.Program, s.SetUserID = os.Getpid(), program, os.Getenv(setUserID)
	signal.Notify(s.signals, syscall.SIGUSR1, syscall.SIGIO)
	t.Cleanup(func() { signal.Stop(s.signals) })
	sealed, err := container.FromReader(bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sealed.Close() })
	s.sealed = sealed
	s.files(t)
	s.neighbour(t)
	s.listeners(t)
	s.openTerminal(t)
	s.hostname, _ = os.Hostname()
	return s
}

// openTerminal makes a terminal that is nobody's.
func (s *stage) openTerminal(t *testing.T) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd, err := result(unix.SYS_IOCTL, master.Fd(), unix.TIOCSPTLCK, addr(new(int32)))
	if err == nil {
		fd, err = result(unix.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.terminal = os.NewFile(fd, "terminal")
	s.Terminal, err = os.Readlink(own(int(fd)))
	s.must(err)
	t.Cleanup(func() { s.terminal.Close() })
}

// task is what a worker is to try here, with descriptors of its own.
func (s *stage) task(name string, byProgram bool) (a task, err error) {
	c, err := container.Pass(s.sealed)
	if err != nil {
		return a, err
	}
	a = task{Name: name, Program: byProgram, Scene: s.scene, Sealed: c.File, Terminal: s.terminal}
	a.File, err = os.Open(s.Public)
	return a, err
}

func (s *stage) files(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "scene-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.Folder, s.Public, s.Secret = dir, filepath.Join(dir, "public"), filepath.Join(dir, "secret")
	s.Socket, s.Gram = filepath.Join(dir, "socket"), filepath.Join(dir, "gram")
	s.watched, s.Device = []string{s.Folder, s.Public, s.Secret}, filepath.Join(dir, "zero")
	if os.Geteuid() == 0 {
		s.must(unix.Mknod(s.Device, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))), os.Chmod(s.Device, 0o666))
	}
	s.must(
		os.WriteFile(s.Public, good, 0o666), os.Chmod(s.Public, 0o666),
		os.WriteFile(s.Secret, good, 0o600), os.Chmod(dir, 0o777),
	)
}

func (s *stage) must(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}

// neighbour starts a process that only waits.
func (s *stage) neighbour(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	s.other, s.Neighbour, s.Memory = cmd.Process, cmd.Process.Pid, top(t, cmd.Process.Pid)
}

// top is an address in a process's stack.
func top(t *testing.T, pid int) uint64 {
	t.Helper()
	maps, err := os.ReadFile(proc(pid, "maps"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(maps) {
		var from, to uint64
		if _, err := fmt.Sscanf(string(line), "%x-%x", &from, &to); err == nil && bytes.Contains(line, []byte("[stack]")) {
			return to - 64
		}
	}
	t.Fatalf("process %d has no stack:\n%s", pid, maps)
	return 0
}

func (s *stage) listeners(t *testing.T) {
	t.Helper()
	s.Abstract = "outwork-attack-" + filepath.Base(s.Folder)
	port := s.listen(t, "tcp", "127.0.0.1:0")
	s.Port = port.(*net.TCPAddr).Port
	s.listen(t, "unix", s.Socket)
	s.listen(t, "unix", "@"+s.Abstract)
	gram, err := net.ListenPacket("unixgram", s.Gram)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gram.Close() })
	go func() {
		b := make([]byte, 10)
		for {
			if _, _, err := gram.ReadFrom(b); err != nil {
				return
			}
			s.visits.Add(1)
		}
	}()
	s.must(os.Chmod(s.Socket, 0o777), os.Chmod(s.Gram, 0o777))
	s.watched = append(s.watched, s.Socket, s.Gram)
}

// listen counts who comes.
func (s *stage) listen(t *testing.T, network, address string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.visits.Add(1)
			c.Close()
		}
	}()
	return l.Addr()
}

// look remembers how everything is.
func (s *stage) look(t *testing.T) {
	t.Helper()
	s.before = nil
	for _, name := range s.watched {
		s.before = append(s.before, statOf(t, name))
	}
	s.visits.Store(0)
	for len(s.signals) > 0 {
		<-s.signals
	}
}

func statOf(t *testing.T, name string) (st unix.Stat_t) {
	t.Helper()
	if err := unix.Stat(name, &st); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	st.Atim = unix.Timespec{}
	return st
}

// untouched checks that it is so still, for what came in by the way of this process too.
func (s *stage) untouched(t *testing.T) {
	t.Helper()
	for i, name := range s.watched {
		if now := statOf(t, name); now != s.before[i] {
			t.Errorf("%s was changed: %+v, before %+v", name, now, s.before[i])
		}
	}
	if n := s.visits.Load(); n != 0 {
		t.Errorf("%d connections or datagrams came out", n)
	}
	if n := len(s.signals); n != 0 {
		t.Errorf("%v was sent to the manager", <-s.signals)
	}
	if err := s.other.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the neighbour is gone: %v", err)
	}
	if name, _ := os.Hostname(); name != s.hostname {
		t.Errorf("the host's name is %q", name)
	}
	b := make([]byte, len(good))
	if _, err := s.sealed.ReadAt(b, 0); err != nil || !bytes.Equal(b, good) {
		t.Errorf("the container has other bytes, %v", err)
	}
}

// within is the test's context, with a deadline.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
