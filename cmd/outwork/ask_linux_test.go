package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a new terminal: who uses it, and who sits there.
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	fd := int(user.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

// What is wanted on the way to a host is asked for on the terminal, and not shown.
func TestAskOnTerminal(t *testing.T) {
	user, program := terminal(t)
	t.Setenv(hostsVariable, t.TempDir())
	cmd := command(t, "hosts", "check", "asks")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stdin = program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(soon, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var shown strings.Builder
	for b := make([]byte, 256); !strings.Contains(shown.String(), "me: "); {
		n, err := user.Read(b)
		shown.Write(b[:n])
		if err != nil {
			t.Fatalf("shown: %q, %v", &shown, err)
		}
	}
	if want := `ssh://asks: Password for \x1b]0;me: `; shown.String() != want {
		t.Errorf("shown: %q, want %q", &shown, want)
	}
	if _, err := user.WriteString("secret word\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), "secret word") {
		t.Errorf("got %q, %v", &stdout, err)
	}
	rest := make([]byte, 256)
	n, _ := user.Read(rest) // the end of the line
	if strings.Contains(string(rest[:n]), "secret") {
		t.Errorf("shown: %q", rest[:n])
	}
}

func TestNobodyToAsk(t *testing.T) {
	t.Setenv(hostsVariable, t.TempDir())
	cmd := command(t, "hosts", "check", "asks")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "asks: nobody can be asked\n") {
		t.Errorf("got %q, %v", out, err)
	}
}
