package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal with a person at it.
type pty struct {
	t      *testing.T
	master *os.File
	slave  *os.File // keeps it open, and tells its settings
	seen   bytes.Buffer
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number uint32
	raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return &pty{t: t, master: master, slave: slave}
}

// run starts the program asks at the terminal, with its standard output elsewhere.
func (p *pty) run(stdout *bytes.Buffer, args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := command(p.t)
	cmd.Args = append([]string{"asks"}, args...)
	cmd.Stdin, cmd.Stderr, cmd.Stdout = p.slave, p.slave, stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return cmd
}

// sees waits until the terminal shows text, and forgets what it showed until then.
func (p *pty) sees(text string) string {
	p.t.Helper()
	p.master.SetReadDeadline(time.Now().Add(soon))
	b := make([]byte, 4096)
	for {
		if i := strings.Index(p.seen.String(), text); i >= 0 {
			return string(p.seen.Next(i + len(text)))
		}
		n, err := p.master.Read(b)
		if err != nil {
			p.t.Fatalf("the terminal shows %q, and not %q: %v", &p.seen, text, err)
		}
		p.seen.Write(b[:n])
	}
}

func (p *pty) types(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pty) settings() unix.Termios {
	p.t.Helper()
	t, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *t
}

func TestAskSecret(t *testing.T) {
	p := newPTY(t)
	before := p.settings()
	var out bytes.Buffer
	cmd := p.run(&out, "secret", "1")
	p.sees("ssh://db0: password: ")
	if p.settings().Lflag&unix.ECHO != 0 {
		t.Error("what is typed is shown")
	}
	p.types("open\x1a sesamf\x7fe\n") // with Ctrl-Z, which must not stop it now, and a slip
	if got := p.sees("\r\n"); got != "\r\n" {
		t.Errorf("the terminal shows %q", got)
	}
	if err := cmd.Wait(); err != nil || out.String() != "ssh://db0: \"open\\x1a sesame\" <nil>\n" {
		t.Errorf("got %q, %v", &out, err)
	}
	if p.settings() != before {
		t.Error("the terminal is not as it was")
	}
}

func TestAskShown(t *testing.T) {
	p := newPTY(t)
	var out bytes.Buffer
	cmd := p.run(&out, "shown", "1")
	p.sees("ssh://db0: password: ")
	p.types("yes\n")
	p.sees("yes\r\n")
	if err := cmd.Wait(); err != nil || out.String() != "ssh://db0: \"yes\" <nil>\n" {
		t.Errorf("got %q, %v", &out, err)
	}
}

func TestAskNotice(t *testing.T) {
	p := newPTY(t)
	var out bytes.Buffer
	cmd := p.run(&out, "notice", "1")
	p.sees("ssh://db0: password:\r\n")
	if err := cmd.Wait(); err != nil || out.String() != "ssh://db0: \"\" <nil>\n" {
		t.Errorf("got %q, %v", &out, err)
	}
}

// Several hosts are asked about one after another.
func TestAskSeveral(t *testing.T) {
	p := newPTY(t)
	var out bytes.Buffer
	cmd := p.run(&out, "secret", "3")
	for range 3 {
		prompt := p.sees("password: ")
		host := prompt[strings.Index(prompt, "db") : strings.Index(prompt, "db")+3]
		if n := strings.Count(prompt+p.seen.String(), "password"); n != 1 {
			t.Errorf("%d questions at once", n)
		}
		p.types("for " + host + "\n")
		p.sees("\r\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, host := range []string{"db0", "db1", "db2"} {
		if want := fmt.Sprintf("ssh://%s: \"for %[1]s\" <nil>\n", host); !strings.Contains(out.String(), want) {
			t.Errorf("got %q, without %q", &out, want)
		}
	}
}

// Whatever ends it, the terminal is as it was.
func TestAskEnds(t *testing.T) {
	for name, test := range map[string]struct {
		kind   string
		end    func(p *pty, cmd *exec.Cmd)
		signal syscall.Signal // 0: it exits
		says   string
	}{
		"Ctrl-C":  {"secret", func(p *pty, _ *exec.Cmd) { p.types("half\x03") }, syscall.SIGINT, ""},
		"Ctrl-\\": {"secret", func(p *pty, _ *exec.Cmd) { p.types("\x1c") }, 0, ""}, // Go prints its stacks, and exits
		"SIGTERM": {"secret", func(_ *pty, cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGTERM) }, syscall.SIGTERM, ""},
		"Ctrl-D":  {"secret", func(p *pty, _ *exec.Cmd) { p.types("\x04") }, 0, errNotTyped.Error()},
		"timeout": {"briefly", func(*pty, *exec.Cmd) {}, 0, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPTY(t)
			before := p.settings()
			var out bytes.Buffer
			cmd := p.run(&out, test.kind, "1")
			p.sees("password: ")
			test.end(p, cmd)
			cmd.Wait()
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if status.Signaled() != (test.signal != 0) || status.Signaled() && status.Signal() != test.signal {
				t.Errorf("it ended by %v", cmd.ProcessState)
			}
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("got %q", &out)
			}
			if p.settings() != before {
				t.Error("the terminal is not as it was")
			}
		})
	}
}

func TestAskNobody(t *testing.T) {
	cmd := command(t)
	cmd.Args = []string{"asks", "secret", "1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
	if out, err := cmd.Output(); string(out) != "nobody to ask\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
}
