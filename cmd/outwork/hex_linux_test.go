package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ptytest"
)

// sitting is the command on a terminal of its own, where somebody sits.
type sitting struct {
	*ptytest.Terminal
	*running
	t      *testing.T
	before unix.Termios
}

// sit starts the command on a terminal.
func sit(t *testing.T, dir string, args ...string) *sitting {
	t.Helper()
	p := ptytest.Open(t, 80, 24)
	s := &sitting{Terminal: p, t: t, before: p.Mode()}
	s.running = &running{Cmd: command(t, args...), t: t, mark: fmt.Sprintf("TEST_MARK=%d-%s-%p", os.Getpid(), t.Name(), s)}
	s.Dir = dir
	s.Env = append(os.Environ(), s.mark, "TERM=xterm-256color", "COLORTERM=", "GORACE="+quickExit)
	p.Start(s.Cmd)
	return s
}

// leaves waits for the command's end: the terminal must be as it was, and nothing of it be
// left.
func (s *sitting) leaves(status int) {
	s.t.Helper()
	timer := time.AfterFunc(soon, func() { s.Process.Signal(syscall.SIGQUIT) })
	defer timer.Stop()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](s.Cmd.Wait()); ok {
		got = exit.ExitCode()
	}
	if got != status {
		s.t.Errorf("exit status %d, want %d", got, status)
	}
	s.isBack()
	s.gone()
}

func (s *sitting) isBack() {
	s.t.Helper()
	s.Terminal.Wait("the terminal is as it was", func(v *ptytest.Screen) bool {
		return !v.Alternate && v.Modes[25] && v.Modes[7] && !v.Modes[1000] && !v.Modes[1002] && !v.Modes[2004]
	})
	if now := s.Mode(); now != s.before {
		s.t.Errorf("the mode is %+v, was %+v", now, s.before)
	}
}

// inView waits for a text in the view.
func (s *sitting) inView(text string) {
	s.t.Helper()
	s.Terminal.Wait(fmt.Sprintf("%q in the view", text), func(v *ptytest.Screen) bool { return v.Alternate && strings.Contains(v.Text(), text) })
}

// rows is a file whose every 16 bytes tell their number.
func rows(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&b, "row %-11d\n", i)
	}
	path := filepath.Join(t.TempDir(), "rows.bin")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHex(t *testing.T) {
	s := sit(t, "", "hex", rows(t))
	s.inView("row 5 ")
	s.Type(":0x3e80\r")
	s.inView("row 1000 ")
	s.Type("/hex:72 6f 77 20 34 3? 39 30\r") // row 4?90
	s.inView("row 4090 ")
	s.Type("n")
	s.inView("row 4190 ")
	s.Type("N")
	s.inView("row 4090 ")
	s.Resize(120, 50)
	s.Terminal.Wait("the view has grown", func(v *ptytest.Screen) bool {
		return strings.Contains(v.Line(v.Rows-1)+v.Line(v.Rows-2), "help")
	})
	s.Resize(60, 12)
	s.Terminal.Wait("the view has shrunk", func(v *ptytest.Screen) bool {
		return strings.Contains(v.Text(), "00 ff") || strings.Contains(v.Text(), "72 6f 77")
	})
	s.Type("\r")
	s.WaitText(fmt.Sprintf("%d 8", 4090*16))
	s.leaves(0)
}

func TestHexOfELF(t *testing.T) {
	s := sit(t, "", "hex", "/bin/sh")
	s.inView("7f 45 4c 46")
	s.Type("]]")
	s.inView("EI_")
	s.Type("t")
	s.inView("e_type")
	s.Type("q")
	s.Type("q")
	s.leaves(0)
}

// A file of which nothing is there opens at once, and nothing of it is read but what is
// seen.
func TestHexSparse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 100 << 30
	err = f.Truncate(size)
	if err == nil {
		_, err = f.WriteAt([]byte("the end"), size-7)
	}
	if f.Close(); err != nil {
		t.Fatal(err)
	}
	s := sit(t, "", "hex", path)
	s.inView("00 00 00 00")
	s.Type(":end\r")
	s.inView("the end")
	s.Type("q")
	s.leaves(0)
}

func TestHexOfProcess(t *testing.T) {
	s := sit(t, "", "hex", "--offset", fmt.Sprintf("%#x", addressOf(secret)), "--length", "64", fmt.Sprintf("pid:%d", os.Getpid()))
	s.inView("something that i")
	s.inView(fmt.Sprintf("%x", addressOf(secret)&^0xf))
	s.Type("q")
	s.leaves(0)
}

func TestHexWorkerKilled(t *testing.T) {
	s := sit(t, "", "hex", rows(t))
	s.inView("row 5 ")
	if err := syscall.Kill(s.worker("hex"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.WaitText("is lost: signal killed")
	s.leaves(statusLost)
}

// Of a worker that does not listen, the third Ctrl-C gets the terminal back.
func TestHexWorkerStopped(t *testing.T) {
	s := sit(t, "", "hex", rows(t))
	s.inView("row 5 ")
	worker := s.worker("hex")
	if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker has stopped", func() bool { return strings.HasPrefix(status(t, worker, "State"), "T") })
	s.Type("\x03\x03\x03")
	s.WaitText("outwork hex: interrupted")
	s.leaves(statusInterrupted)
}

func TestHexSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		s := sit(t, "", "hex", rows(t))
		s.inView("row 5 ")
		s.Process.Signal(signal)
		s.WaitText("outwork hex: interrupted")
		s.leaves(statusInterrupted)
	}
}

func TestHexSuspend(t *testing.T) {
	cmd := command(t)
	p := ptytest.Open(t, 80, 24)
	mode := p.Mode()
	shell := exec.Command("/bin/sh", "-i")
	shell.Env = append(os.Environ(), "TERM=xterm", "PS1=shell: ", "ENV=")
	bin := t.TempDir()
	if err := os.Symlink(cmd.Path, filepath.Join(bin, "outwork")); err != nil {
		t.Fatal(err)
	}
	shell.Env = append(shell.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	p.Start(shell)
	p.WaitText("shell:")
	p.Type("outwork hex " + rows(t) + "\n")
	seen := func(text string) {
		t.Helper()
		p.Wait(text, func(v *ptytest.Screen) bool { return v.Alternate && strings.Contains(v.Text(), text) })
	}
	seen("row 5 ")
	for range 2 {
		prompts := strings.Count(p.Drawn(), "shell: ")
		p.Type("\x1a")
		p.Wait("the shell is back", func(v *ptytest.Screen) bool {
			return !v.Alternate && v.Modes[25] && strings.Count(v.Drawn(), "shell: ") > prompts
		})
		p.Type("fg\n")
		seen("row 5 ")
	}
	p.Type(":0x3e80\r")
	seen("row 1000 ")
	prompts := strings.Count(p.Drawn(), "shell: ")
	p.Type("\r")
	p.Wait("the shell is back", func(v *ptytest.Screen) bool { return strings.Count(v.Drawn(), "shell: ") > prompts })
	p.WaitText("16000 1")
	if now := p.Mode(); now != mode {
		t.Errorf("the mode is %+v, was %+v", now, mode)
	}
	p.Type("exit\n")
	shell.Wait()
}

// With --json what was selected is told where standard output is no terminal.
func TestHexJSON(t *testing.T) {
	for keys, want := range map[string]string{
		":32\r\r": `{"picked":true,"offset":32,"length":1}` + "\n",
		"q":       `{"picked":false}` + "\n",
	} {
		p := ptytest.Open(t, 80, 24)
		cmd := command(t, "hex", "--json", "--offset", "16", "--length", "160", rows(t))
		cmd.Env = append(os.Environ(), "TERM=xterm")
		var stdout bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, &stdout, p.TTY
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		p.WaitText("row 10 ")
		p.Look(func(v *ptytest.Screen) {
			if strings.Contains(v.Text(), "row 11 ") {
				t.Errorf("more than is wanted is shown:\n%s", v.Text())
			}
		})
		p.Type(keys)
		if err := cmd.Wait(); err != nil || stdout.String() != want {
			t.Errorf("%q: got %q, %v, want %q", keys, &stdout, err, want)
		}
	}
}

// TestHexOnADumbTerminal: one whose cursor cannot be moved gets a sentence.
func TestHexOnADumbTerminal(t *testing.T) {
	for _, args := range [][]string{{"hex", rows(t)}, {"hex"}, {"inspect"}} {
		p := ptytest.Open(t, 80, 24)
		cmd := command(t, args...)
		cmd.Env = append(os.Environ(), "TERM=dumb")
		p.Start(cmd)
		if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != 2 {
			t.Errorf("%q: %v", args, exit)
		}
		p.WaitText("outwork " + args[0] + ": th")
	}
}

// TestHexOfAProcess begins where something is.
func TestHexOfAProcess(t *testing.T) {
	s := sit(t, "", "hex", fmt.Sprintf("pid:%d", os.Getpid()))
	s.inView("7f 45 4c 46")
	s.Type("g")
	s.inView("?? cannot be read: nothing is there that can be read")
	s.Type("q")
	s.leaves(0)
}

func TestHexWithoutColour(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	s := sit(t, "", "hex", "/bin/sh")
	s.inView("7f 45 4c 46")
	s.Look(func(v *ptytest.Screen) {
		for y := range v.Rows {
			for x := range v.Columns {
				if c := v.Cell(x, y); c.Style.Foreground != "" || c.Style.Background != "" {
					t.Fatalf("%d, %d is coloured: %+v", x, y, c)
				}
			}
		}
	})
	s.Type("q")
	s.leaves(0)
}

func TestPicker(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"one.bin": "the first", "two.exe": "the second", "\x1b]0;x\abad": "", "sub/three.exe": "the third", ".hidden": ""} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("choose", func(t *testing.T) {
		s := sit(t, dir, "hex")
		s.inView("\ufffd]0;x\ufffdbad")
		s.Look(func(v *ptytest.Screen) {
			if strings.Contains(v.Text(), "hidden") {
				t.Errorf("hidden files are shown:\n%s", v.Text())
			}
		})
		s.Type("ONE")
		s.Terminal.Wait("narrowed", func(v *ptytest.Screen) bool { return !strings.Contains(v.Text(), "two.exe") })
		s.Type("\r")
		s.inView("the first")
		s.Type("q")
		s.leaves(0)
	})
	t.Run("filter", func(t *testing.T) {
		s := sit(t, dir, "hex", "--include", "*.exe")
		s.inView("two.exe")
		s.Look(func(v *ptytest.Screen) {
			if strings.Contains(v.Text(), "one.bin") {
				t.Errorf("what does not match is shown:\n%s", v.Text())
			}
		})
		s.Type("sub\r")
		s.inView("three.exe")
		s.Type("three\r")
		s.inView("the third")
		s.Type("q")
		s.leaves(0)
	})
	t.Run("leave", func(t *testing.T) {
		for _, verb := range []string{"hex", "inspect"} {
			for _, key := range []string{"\x1b", "\x03"} {
				s := sit(t, dir, verb)
				s.inView("two.exe")
				s.Type(key)
				s.leaves(0)
				s.Look(func(v *ptytest.Screen) {
					if text := v.Text(); text != "" {
						t.Errorf("it does not end quietly: %q", text)
					}
				})
			}
		}
	})
	t.Run("inspect", func(t *testing.T) {
		s := sit(t, "/bin", "inspect", "--include", "sh")
		s.inView(" sh")
		s.Type("sh\r")
		s.Terminal.Wait("what it is", func(v *ptytest.Screen) bool { return strings.Contains(v.Drawn(), "ELF64") })
		s.leaves(0)
	})
	t.Run("a signal", func(t *testing.T) {
		s := sit(t, dir, "hex")
		s.inView("two.exe")
		s.Process.Signal(syscall.SIGTERM)
		s.leaves(statusInterrupted)
	})
}

// secret is memory of this process.
var secret = []byte("something that is to be seen from another process")

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// pictures has tests write the pictures of the README anew.
var pictures = flag.Bool("update-pictures", false, "write docs/hex.svg and docs/map.svg")

// The picture of the README is of this command. It is not compared: the program that it
// shows differs from machine to machine.
func TestHexPicture(t *testing.T) {
	picture := filepath.Join("..", "..", "docs", "hex.svg")
	if !*pictures {
		if b, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(b, []byte("<svg ")) {
			t.Errorf("the picture is not there: %v: go test ./cmd/outwork -run TestHexPicture -update-pictures", err)
		}
		return
	}
	s := sit(t, "/bin", "hex", "true")
	s.Resize(100, 30)
	s.inView("7f 45 4c 46")
	s.Type("t")
	s.inView("e_type")
	for range 16 {
		s.Type("j")
	}
	s.Type("\r")
	s.Terminal.Wait("a field is selected", func(v *ptytest.Screen) bool { return strings.Contains(v.Line(v.Rows-2), "Ehdr.e_") })
	s.Look(func(v *ptytest.Screen) {
		if err := os.WriteFile(picture, []byte(v.SVG("outwork hex: an ELF program and its structures")), 0o644); err != nil {
			t.Error(err)
		}
	})
	s.Type("qq")
	s.leaves(0)
}
