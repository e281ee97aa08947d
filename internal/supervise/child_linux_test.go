package supervise

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestExit(t *testing.T) {
	s := open(t)
	for _, code := range []int{0, 1, 3, 255} {
		c, _ := play(t, s, "exit", fmt.Sprint(code))
		e := exitOfChild(t, c)
		if e.Code != code || e.Signal != 0 {
			t.Errorf("got %+v, want code %d", e, code)
		}
		if want := fmt.Sprint("exit status ", code); e.String() != want {
			t.Errorf("got %q, want %q", e, want)
		}
	}
}

func TestSignal(t *testing.T) {
	s := open(t)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		c, _ := play(t, s, "idle")
		if c.Exit() != (Exit{}) {
			t.Error("Exit before the end:", c.Exit())
		}
		kill(t, c, sig)
		e := exitOfChild(t, c)
		if syscall.Signal(e.Signal) != sig || e.Code != -1 {
			t.Errorf("got %+v, want signal %v", e, sig)
		}
		if want := "signal: " + sig.String(); e.String() != want {
			t.Errorf("got %q, want %q", e, want)
		}
		if err := c.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
			t.Error("signal after the end:", err)
		}
		if err := SignalPidfd(c.Pidfd(), sig); !errors.Is(err, os.ErrProcessDone) {
			t.Error("signal by pidfd after the end:", err)
		}
	}
}

func TestSignalIgnored(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "stubborn", "here")
	introduced(t, out, 1)
	kill(t, c, syscall.SIGTERM)
	kill(t, c, syscall.SIGKILL)
	if e := exitOfChild(t, c); syscall.Signal(e.Signal) != syscall.SIGKILL {
		t.Errorf("ended by %v, want SIGKILL", e)
	}
}

func TestUsage(t *testing.T) {
	s := open(t)
	c, _ := play(t, s, "burn")
	e := exitOfChild(t, c)
	if e.User < 50*time.Millisecond || e.User > patience {
		t.Errorf("user time %v, want at least 50ms", e.User)
	}
	if e.MaxRSS < 64<<20 || e.MaxRSS > 1<<30 {
		t.Errorf("largest resident set %d bytes, want at least 64 MiB", e.MaxRSS)
	}
	idler, _ := play(t, s, "exit", "0")
	if e := exitOfChild(t, idler); e.MaxRSS <= 0 || e.User+e.System <= 0 {
		t.Errorf("nothing used: %+v", e)
	}
}

func TestGroup(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "breed", "group")
	procs := introduced(t, out, 2)
	if pgid, err := unix.Getpgid(c.Pid()); pgid != c.Pid() || err != nil {
		t.Errorf("group %d (%v), want %d", pgid, err, c.Pid())
	}
	kill(t, c, syscall.SIGTERM)
	exitOfChild(t, c)
	mustEnd(t, procs["group"]...)
}

// A leader that dies by itself takes its group along.
func TestGroupOfTheDead(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "breed", "group")
	procs := introduced(t, out, 2)
	if err := SignalPidfd(c.Pidfd(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exitOfChild(t, c)
	mustEnd(t, procs["group"]...)
}

func TestWaitPidfd(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "idle", "here")
	introduced(t, out, 1)
	if err := c.Pidfd().SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := WaitPidfd(c.Pidfd()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a deadline that has passed:", err)
	}
	ended := make(chan error, 1)
	other := openPid(t, c.Pid())
	go func() { ended <- WaitPidfd(other) }()
	other.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Error("a file that was closed:", err)
	}
	if err := SignalPidfd(c.Pidfd(), syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	mustEnd(t, c.Pidfd())
	exitOfChild(t, c)
	mustEnd(t, c.Pidfd())
}

func TestSpec(t *testing.T) {
	s := open(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir := t.TempDir()
	c, err := s.Start(Spec{
		Path:  "/proc/self/exe",
		Args:  []string{"name", "a b", ""},
		Env:   []string{roleVar + "=show", "OUTWORK_ID=forged", "A=1"},
		Dir:   dir,
		Files: []*os.File{nil, w},
	})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Pidfd().Close()
	got, err := io.ReadAll(lines(t, r))
	want := fmt.Sprintf("%q %q %q\n", dir, []string{"name", "a b", ""},
		[]string{"OUTWORK_ID=" + s.mark(1), roleVar + "=show", "A=1"})
	if string(got) != want || err != nil {
		t.Errorf("got  %s want %s error %v", got, want, err)
	}
	exitOfChild(t, c)
}

func TestFiles(t *testing.T) {
	stray, err := unix.Open("/proc/version", unix.O_RDONLY, 0) // as if inherited
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stray)
	s := open(t)
	extra, err := os.Open("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sp := spec("files")
	sp.Files = []*os.File{nil, w, nil, nil, extra}
	c, err := s.Start(sp)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Pidfd().Close()
	got, err := io.ReadAll(lines(t, r))
	if err != nil {
		t.Fatal(err)
	}
	pattern := "0 /dev/null\n1 pipe:*\n2 /dev/null\n3 /dev/null\n4 /proc/meminfo\n"
	if ok, err := filepath.Match(strings.ReplaceAll(pattern, "/", "|"), strings.ReplaceAll(string(got), "/", "|")); !ok || err != nil {
		t.Errorf("the child has\n%s", got)
	}
	exitOfChild(t, c)
}

func TestCloseOnExecEach(t *testing.T) {
	fd, err := unix.Open("/proc/version", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := closeOnExecEach(); err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 || err != nil {
		t.Errorf("flags %x, error %v", flags, err)
	}
}

func TestStartErrors(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	closed, err := os.Open(os.DevNull)
	if err := errors.Join(err, closed.Close()); err != nil {
		t.Fatal(err)
	}
	plain := write("plain", "text", 0o600)
	tests := []struct {
		spec Spec
		is   error
		says string
	}{
		{Spec{Path: dir + "/none"}, fs.ErrNotExist, "exec " + dir + "/none: no such file or directory"},
		{Spec{Path: plain}, fs.ErrPermission, "exec " + plain + ": permission denied"},
		{Spec{Path: dir}, fs.ErrPermission, "exec " + dir + ": permission denied"},
		{Spec{Path: plain + "/x"}, unix.ENOTDIR, "exec " + plain + "/x: not a directory"},
		{Spec{Path: write("garbage", "garbage", 0o700)}, unix.ENOEXEC, "exec " + dir + "/garbage: exec format error"},
		{Spec{Path: write("script", "#!/nowhere/sh\n", 0o700)}, fs.ErrNotExist, "exec " + dir + "/script: its interpreter or loader: no such file"},
		{Spec{Path: "/proc/self/exe", Dir: dir + "/none"}, fs.ErrNotExist, "chdir " + dir + "/none: no such file or directory"},
		{Spec{Path: "/proc/self/exe", Dir: plain}, unix.ENOTDIR, "chdir " + plain + ": not a directory"},
		{Spec{Path: "host.test"}, nil, `start "host.test": the path is not absolute`},
		{Spec{Path: ""}, nil, `start "": the path is not absolute`},
		{Spec{Path: "/proc/self/exe", Files: []*os.File{nil, closed}}, fs.ErrClosed, "start /proc/self/exe: descriptor 1: file already closed"},
		{Spec{Path: "/proc/self/exe", Args: []string{"a\x00b"}}, unix.EINVAL, "exec /proc/self/exe: invalid argument"},
	}
	for _, test := range tests {
		c, err := s.Start(test.spec)
		if c != nil || err == nil {
			t.Fatalf("%+v was started", test.spec)
		}
		if !strings.HasPrefix(err.Error(), test.says) {
			t.Errorf("got  %v\nwant %s", err, test.says)
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%v is not %v", err, test.is)
		}
	}
}
