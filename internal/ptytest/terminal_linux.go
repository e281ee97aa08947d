package ptytest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Soon is how long anything may take to be seen, on the slowest machine.
const Soon = 20 * time.Second

// Terminal is a pseudo-terminal and its screen.
type Terminal struct {
	TTY *os.File // for who draws

	t      testing.TB
	master *os.File

	mu      sync.Mutex
	changed sync.Cond
	screen  *Screen
	late    bool
}

// Open makes a terminal, which is gone at the end of the test. Without pseudo-terminals the
// test is skipped, or fails under CI.
func Open(t testing.TB, columns, rows int) *Terminal {
	t.Helper()
	p := &Terminal{t: t, screen: NewScreen(columns, rows)}
	p.changed.L = &p.mu
	if err := p.open(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no pseudo-terminal: %v", err)
		}
		t.Skipf("no pseudo-terminal: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.follow()
	}()
	t.Cleanup(func() {
		p.TTY.Close()
		p.master.SetReadDeadline(time.Unix(1, 0))
		<-done
		p.master.Close()
	})
	p.Resize(columns, rows)
	return p
}

func (p *Terminal) open() error {
	// Non-blocking, so that reading can be ended.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	p.master = os.NewFile(uintptr(fd), "ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	p.TTY, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return err
}

// follow draws what comes.
func (p *Terminal) follow() {
	b := make([]byte, 32<<10)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.screen.Write(b[:n])
		p.changed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Start starts a command on the terminal, as the leader of its session. It is killed at the
// end of the test if it has not ended.
func (p *Terminal) Start(cmd *exec.Cmd) {
	p.t.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
}

// Type types.
func (p *Terminal) Type(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// Resize changes the size, which who draws is told.
func (p *Terminal) Resize(columns, rows int) {
	p.t.Helper()
	p.mu.Lock()
	p.screen.Resize(columns, rows)
	p.mu.Unlock()
	c, err := p.master.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	size := &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}
	c.Control(func(fd uintptr) { err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	if err != nil {
		p.t.Fatal(err)
	}
}

// Mode is how the terminal's line is set.
func (p *Terminal) Mode() unix.Termios {
	p.t.Helper()
	t, err := unix.IoctlGetTermios(int(p.TTY.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *t
}

// Wait waits until the screen is as seen says, which must not keep it.
func (p *Terminal) Wait(what string, seen func(*Screen) bool) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = false
	timer := time.AfterFunc(Soon, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.late = true
		p.changed.Broadcast()
	})
	defer timer.Stop()
	for !seen(p.screen) {
		if p.late {
			p.t.Fatalf("not seen after %v: %s. The screen:\n%s", Soon, what, p.screen.Text())
		}
		p.changed.Wait()
	}
}

// WaitText waits until a text is on the screen.
func (p *Terminal) WaitText(text string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf("%q", text), func(s *Screen) bool { return strings.Contains(s.Text(), text) })
}

// Look gives f the screen as it is, which f must not keep.
func (p *Terminal) Look(f func(*Screen)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.screen)
}

// Drawn is all that was written to the terminal, up to 4 MiB.
func (p *Terminal) Drawn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.Drawn()
}
