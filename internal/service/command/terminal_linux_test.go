package command

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what a user has, and what a program sees.
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("there are no pseudo-terminals: %v", err)
		}
		t.Skipf("there are no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { user.Close() })
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

// hostctlCommand is this test's binary as the command.
func hostctlCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"hostctl"}, args...)
	return cmd
}

// readUntil reads what the user sees until word, which must come.
func readUntil(t *testing.T, r io.Reader, word string) string {
	t.Helper()
	var seen []byte
	for one := make([]byte, 1); !bytes.HasSuffix(seen, []byte(word)); seen = append(seen, one[0]) {
		if _, err := r.Read(one); err != nil {
			t.Fatalf("after %q: %v", seen, err)
		}
	}
	return string(seen)
}

// A secret is asked for, is not shown, and the terminal is as it was then: also
// when it is interrupted.
func TestSecretIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		typed, want string
		status      int
	}{
		{"secret1\n", "password: \r\n7\r\n", 0},
		{"x\n", "password: \r\nhostctl: password must have at least 3 characters\r\n", 2},
		{"\x03", "password: \r\n", 130},
		{"\x04", "password: \r\nhostctl: password was not given: the input ended\r\n", 2},
	} {
		user, program := terminal(t)
		before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		cmd := hostctlCommand(t, "user", "secret")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := readUntil(t, user, "password: ")
		if _, err := io.WriteString(user, test.typed); err != nil {
			t.Fatal(err)
		}
		status := 0
		if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); ok {
			status = exit.ExitCode()
		}
		seen += readUntil(t, user, test.want[len("password: "):])
		if seen != test.want || status != test.status {
			t.Errorf("typed %q: seen %q, status %d; want %q, %d", test.typed, seen, status, test.want, test.status)
		}
		after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil || *after != *before {
			t.Errorf("typed %q: the terminal is not as it was: %v", test.typed, err)
		}
	}
}

// A terminal is no file.
func TestTerminalIsNoFile(t *testing.T) {
	user, program := terminal(t)
	cmd := hostctlCommand(t, "hash", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, user, "hostctl: OF: standard input is a terminal: give a regular file or a pipe\r\n")
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v", exit)
	}
}

// What a daemon says cannot do harm on a terminal.
func TestTerminalIsSafe(t *testing.T) {
	for _, args := range [][]string{{"file", "read", "pipe"}, {"journal", "list"}, {"journal", "follow"}, {"journal", "list", "--json"}, {"fail", "x"}, {"hash", "/dev/null"}} {
		user, program := terminal(t)
		cmd := hostctlCommand(t, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			cmd.Wait()
			program.WriteString("END\n")
		}()
		seen := readUntil(t, user, "END\r\n")
		if strings.ContainsAny(seen, "\x1b\x07") || len(seen) < 10 {
			t.Errorf("%v shows %q", args, seen)
		}
	}
}

// What interrupts a prompt of a function that is called back is told below it.
func TestInterruptedPrompt(t *testing.T) {
	user, program := terminal(t)
	cmd := hostctlCommand(t, "ask")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, user, "waiting\r\n")
	if _, err := io.WriteString(user, "\x03"); err != nil {
		t.Fatal(err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v", exit)
	}
	if seen := readUntil(t, user, "interrupted\r\n"); seen != "^C\r\nhostctl: ask was interrupted\r\n" {
		t.Errorf("seen %q", seen)
	}
}

// The first Ctrl-C is told to the function, which is not waited for without end;
// the second waits for nobody.
func TestInterrupt(t *testing.T) {
	for _, test := range []struct {
		how, want string
		signals   int
	}{
		{"", "hostctl: ask was interrupted\n", 1}, // the caller itself is deaf
		{"wait", "told\nhostctl: fail was interrupted\n", 1},
		{"deaf", "told, but deaf\nhostctl: fail was interrupted\n", 1},
		{"deaf", "", 2},
	} {
		cmd := hostctlCommand(t, "fail", test.how)
		if test.how == "" {
			cmd = hostctlCommand(t, "ask")
		}
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewReader(stderr)
		if line, err := out.ReadString('\n'); line != "waiting\n" {
			t.Fatalf("%q: %v", line, err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if test.signals == 2 {
			if line, err := out.ReadString('\n'); line != "told, but deaf\n" {
				t.Fatalf("%q: %v", line, err)
			}
			cmd.Process.Signal(os.Interrupt)
		}
		rest, _ := io.ReadAll(out)
		err = cmd.Wait()
		exit, _ := errors.AsType[*exec.ExitError](err)
		if exit == nil || exit.ExitCode() != 130 || string(rest) != test.want {
			t.Errorf("%s: %v, %q; want status 130, %q", test.how, err, rest, test.want)
		}
	}
}
