package terminal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ptytest"
)

// borrowing has the test's program lend its terminal to a borrower that draws how large it
// is and what is typed, until a q.
const borrowing = "TEST_BORROW"

func TestMain(m *testing.M) {
	if how := os.Getenv(borrowing); how != "" {
		os.Exit(borrow(how))
	}
	os.Exit(m.Run())
}

// clear is how the borrower begins.
const clear = "\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?2004h\x1b[2J\x1b[H"

func borrow(how string) int {
	l, err := Lend(os.Stdin, os.Stdout, Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() {
		if v := recover(); v != nil {
			fmt.Println("recovered:", v)
		}
	}()
	defer l.Close()
	keys := make(chan byte)
	go func() {
		defer close(keys)
		b := make([]byte, 16)
		for {
			n, err := l.Read(b)
			for _, k := range b[:n] {
				keys <- k
			}
			if err != nil {
				return
			}
		}
	}()
	typed := ""
	var size Size
	draw := func() {
		fmt.Fprintf(l, clear+"%dx%d typed %q.", size.Columns, size.Rows, typed)
	}
	for {
		select {
		case size = <-l.Sizes():
			draw()
		case k, ok := <-keys:
			switch {
			case !ok || k == 'q':
				l.Close()
				fmt.Printf("over: %v\n", l.Err())
				return 0
			case k == 'p':
				panic(how)
			}
			typed += string(rune(k))
			draw()
		}
	}
}

// borrower is the command that borrows.
func borrower(t *testing.T) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), borrowing+"=yes", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// isBack makes sure that a terminal is as it was.
func isBack(t *testing.T, p *ptytest.Terminal, before unix.Termios) {
	t.Helper()
	p.Wait("the terminal is as it was", func(s *ptytest.Screen) bool {
		return !s.Alternate && s.Modes[25] && s.Modes[7] && !s.Modes[1000] && !s.Modes[2004]
	})
	if now := p.Mode(); now != before {
		t.Errorf("the mode is %+v, was %+v", now, before)
	}
}

func TestEndings(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(p *ptytest.Terminal, cmd *exec.Cmd)
		want string
	}{
		{"a key", func(p *ptytest.Terminal, _ *exec.Cmd) { p.Type("q") }, "over: <nil>"},
		{"SIGTERM", func(_ *ptytest.Terminal, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGTERM) }, "over: interrupted by a signal (terminated)"},
		{"SIGINT", func(_ *ptytest.Terminal, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGINT) }, "over: interrupted by a signal (interrupt)"},
		{"SIGHUP", func(_ *ptytest.Terminal, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGHUP) }, "over: interrupted by a signal (hangup)"},
		{"three Ctrl-C", func(p *ptytest.Terminal, _ *exec.Cmd) { p.Type("\x03\x03x\x03\x03\x03") }, "over: interrupted by a signal (interrupt)"},
		{"a panic", func(p *ptytest.Terminal, _ *exec.Cmd) { p.Type("p") }, "recovered: yes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := ptytest.Open(t, 60, 10)
			before := p.Mode()
			cmd := borrower(t)
			p.Start(cmd)
			p.WaitText(`60x10 typed ""`)
			p.Type("a\x03\x1c\r\x13")
			p.WaitText(`60x10 typed "a\x03\x1c\r\x13"`) // and no signal
			test.end(p, cmd)
			p.WaitText(test.want)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			isBack(t, p, before)
		})
	}
}

func TestResize(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	p.Start(borrower(t))
	p.WaitText(`60x10 typed`)
	p.Resize(70, 20)
	p.WaitText(`70x20 typed`)
	p.Type("q")
	p.WaitText("over")
}

// A shell stops and continues what has the terminal, by Ctrl-Z and by signals.
func TestSuspend(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	cmd := borrower(t)
	self := cmd.Path
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-i"}
	cmd.Env = append(cmd.Env, "PS1=shell: ", "ENV=")
	p.Start(cmd)
	p.WaitText("shell:")
	for i, stop := range []func(pid string){
		func(string) { p.Type("b\x1ac") },
		func(pid string) { send(t, pid, syscall.SIGTSTP) },
		func(pid string) { send(t, pid, syscall.SIGSTOP) },
	} {
		if i == 0 {
			p.Type(self + " & echo pid:$!:; fg\r")
		}
		p.Wait("the borrower draws", func(s *ptytest.Screen) bool { return s.Alternate && strings.Contains(s.Text(), "60x10 typed") })
		_, rest, _ := strings.Cut(p.Drawn(), "pid:")
		for !strings.ContainsAny(rest[:1], "123456789") {
			_, rest, _ = strings.Cut(rest, "pid:")
		}
		pid, _, _ := strings.Cut(rest, ":")
		prompts := strings.Count(p.Drawn(), "shell: ")
		stop(pid)
		p.Wait("the shell is back", func(s *ptytest.Screen) bool {
			// What SIGSTOP stops has no time to put anything back.
			return (i == 2 || !s.Alternate && s.Modes[25] && !s.Modes[1000]) && strings.Count(s.Drawn(), "shell: ") > prompts
		})
		mark := fmt.Sprintf("mark%d", i)
		p.Type("echo " + mark + "+\n") // the mode may still be raw
		p.Wait(mark, func(s *ptytest.Screen) bool {
			return strings.Contains(s.Drawn(), mark+"+\r\n") || strings.Contains(s.Drawn(), mark+"+\n")
		})
		p.Type("fg\n")
	}
	p.Wait("all is drawn anew", func(s *ptytest.Screen) bool {
		return s.Text() == `60x10 typed "bc".` && s.Alternate && !s.Modes[25] && s.Modes[1000]
	})
	p.Type("d")
	p.WaitText(`60x10 typed "bcd"`)
	p.Type("q")
	p.WaitText("over: <nil>")
	p.Type("exit\r")
	cmd.Wait()
}

// Where no shell would continue it, Ctrl-Z stops nothing.
func TestNobodyContinues(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	p.Start(borrower(t))
	p.WaitText(`typed ""`)
	p.Type("a\x1ab")
	p.WaitText(`typed "ab"`)
	p.Type("q")
	p.WaitText("over")
}

func send(t *testing.T, pid string, s syscall.Signal) {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(pid, &n); err != nil || n < 2 {
		t.Fatalf("process %q: %v", pid, err)
	}
	if err := syscall.Kill(n, s); err != nil {
		t.Fatal(err)
	}
}

func TestClose(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	before := p.Mode()
	files := openFiles(t)
	for range 100 {
		l, err := Lend(p.TTY, p.TTY, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if size := <-l.Sizes(); size != (Size{60, 10}) {
			t.Fatalf("the size is %v", size)
		}
		if _, err := io.WriteString(l, clear); err != nil {
			t.Fatal(err)
		}
		read := make(chan error)
		go func() {
			_, err := l.Read(make([]byte, 1))
			read <- err
		}()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != io.EOF {
			t.Fatalf("reading ends with %v", err)
		}
		if n, err := l.Write([]byte("late")); n != 0 || err != ErrOver {
			t.Fatalf("writing late: %d, %v", n, err)
		}
	}
	isBack(t, p, before)
	if now := openFiles(t); now != files {
		t.Errorf("%d files are open, %d were", now, files)
	}
}

// What is typed ahead is there for whoever reads next.
func TestTypedAhead(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	p.Type("ab")
	l, err := Lend(p.TTY, p.TTY, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := make([]byte, 1)
	if n, err := l.Read(b); err != nil || string(b[:n]) != "a" {
		t.Fatalf("read %q, %v", b[:n], err)
	}
	l.Close()
	p.Type("c\n")
	if line, err := bufio.NewReader(p.TTY).ReadString('\n'); err != nil || line != "bc\n" {
		t.Errorf("read %q, %v", line, err)
	}
}

// A terminal that takes nothing does not keep the loan from ending.
func TestStuckTerminal(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	before := p.Mode()
	l, err := Lend(p.TTY, p.TTY, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(p.TTY.Fd()), unix.TCXONC, unix.TCOOFF); err != nil { // as Ctrl-S
		t.Fatal(err)
	}
	wrote := make(chan error)
	go func() {
		_, err := io.Copy(l, strings.NewReader(strings.Repeat("x", 1<<20)))
		wrote <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	unix.IoctlSetInt(int(p.TTY.Fd()), unix.TCXONC, unix.TCOON)
	if err := <-wrote; err != ErrOver {
		t.Errorf("writing ended with %v", err)
	}
	if now := p.Mode(); now != before {
		t.Errorf("the mode is %+v, was %+v", now, before)
	}
}

func TestNoTerminal(t *testing.T) {
	p := ptytest.Open(t, 60, 10)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, pair := range [][2]*os.File{{null, p.TTY}, {p.TTY, null}} {
		if _, err := Lend(pair[0], pair[1], Options{}); !errors.Is(err, ErrNoTerminal) {
			t.Errorf("got %v", err)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
