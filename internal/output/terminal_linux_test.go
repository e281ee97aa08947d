package output

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to tty is read from master.
func terminal(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		missing(t, err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		missing(t, err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		missing(t, err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		missing(t, err)
	}
	t.Cleanup(func() { tty.Close() })
	return master, tty
}

func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("no pseudo-terminal: %v", err)
	}
	t.Skipf("no pseudo-terminal: %v", err)
}

func TestTerminalIsWrittenToThroughTheSanitizer(t *testing.T) {
	master, tty := terminal(t)
	for name, w := range map[string]io.Writer{"file": tty, "wrapped": struct {
		io.Writer
		fder
	}{tty, tty}} {
		t.Run(name, func(t *testing.T) {
			var plain record
			s := NewSink(Config{Stdout: w, Stderr: &plain, Tag: true})
			a, b := s.Worker("a"), s.Worker("b")
			a.Write(1, []byte("\x1b[3"))
			b.Write(1, []byte("\x1b]0;title\a\x1b[6n\xff\n")) // a state per worker
			a.Write(1, []byte("1mred\x1b[m\n"))
			a.Write(2, []byte("\x1b[6n\n"))
			want := `[b] \x1b]0;title\x07\x1b[6n\xff` + "\r\n[a] \x1b[31mred\x1b[m\r\n"
			got := make([]byte, len(want))
			if _, err := io.ReadFull(master, got); err != nil || string(got) != want {
				t.Errorf("the terminal got %q, %v, want %q", got, err, want)
			}
			if got := plain.take(); got != "[a] \x1b[6n\n" {
				t.Errorf("what is no terminal got %q", got)
			}
		})
	}
}

type fder interface{ Fd() uintptr }

func TestFilesAreNoTerminals(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := NewSink(Config{Stdout: f})
	s.Worker("w").Write(1, []byte("\x1b[6n\xff\n"))
	if got, _ := os.ReadFile(f.Name()); string(got) != "\x1b[6n\xff\n" {
		t.Errorf("the file holds %q", got)
	}
	f.Close()
	s.Worker("w").Write(1, []byte("late\n"))
	if s.Err() == nil {
		t.Error("writing to a closed file is no error")
	}
}

// TestBrokenStdoutDoesNotKill runs in a process of its own, whose fd 1 is a
// pipe that nobody reads.
func TestBrokenStdoutDoesNotKill(t *testing.T) {
	if os.Getenv("OUTPUT_TEST_BROKEN") != "" {
		signal.Reset(syscall.SIGPIPE)
		s := NewSink(Config{Stdout: os.Stdout})
		s.Worker("w").Write(1, []byte("nobody reads this\n"))
		if s.Err() == nil {
			t.Error("a broken pipe is no error")
		}
		fmt.Fprint(os.Stderr, "alive: ", s.Err())
		os.Exit(0)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBrokenStdoutDoesNotKill$")
	cmd.Env = append(os.Environ(), "OUTPUT_TEST_BROKEN=1")
	cmd.Stdout = w
	var words record
	cmd.Stderr = &words
	err = cmd.Run()
	if want := "alive: deliver worker output: 18 bytes lost: broken pipe"; err != nil || words.String() != want {
		t.Errorf("%v, %q, want %q", err, words.String(), want)
	}
}

// TestFullNonBlockingPipe writes more than a pipe takes to a file that Go's
// poller does not know and that is non-blocking, as a shared stdout can be.
func TestFullNonBlockingPipe(t *testing.T) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(p[0]), "r"), os.NewFile(uintptr(p[1]), "w")
	defer r.Close()
	if err := unix.SetNonblock(p[1], true); err != nil {
		t.Fatal(err)
	}
	s := NewSink(Config{Stdout: w})
	done := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, r)
		done <- n
	}()
	const size = 1 << 20
	line := make([]byte, size)
	line[size-1] = '\n'
	s.Worker("w").Write(1, line)
	w.Close()
	if n := <-done; n != size || s.Err() != nil {
		t.Errorf("%d bytes of %d came, error %v", n, size, s.Err())
	}
}

func setPipeSize(tb testing.TB, f *os.File, size int) {
	tb.Helper()
	c, err := f.SyscallConn()
	if err == nil {
		err = c.Control(func(fd uintptr) { _, err = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	}
	if err != nil {
		tb.Fatal(err)
	}
}
