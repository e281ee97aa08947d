package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/sshtest"
)

// session runs the command with real hosts.
type session struct {
	t   *testing.T
	dir string // where the command runs
}

func newSession(t *testing.T, machines ...*sshtest.Machine) *session {
	t.Helper()
	t.Setenv(sshVariable, "ssh -F "+sshtest.Config(t, machines...))
	if raceEnabled { // each command would compress the program again: seconds, under the detector
		for _, m := range machines {
			keepProgram(t, m)
		}
	}
	return &session{t, t.TempDir()}
}

// keepProgram puts this program where an earlier boot would have left it.
func keepProgram(t *testing.T, m *sshtest.Machine) {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("umask 077; cd /home/deploy && mkdir -p .cache/outwork && f=.cache/outwork/outwork-%x && cat >$f && chmod 700 $f && chown -R deploy .cache", sha256.Sum256(program))
	cmd := m.Command(t.Context(), line)
	cmd.Stdin = bytes.NewReader(program)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// run runs the command, which must end with status.
func (s *session) run(status int, stdin []byte, args ...string) (stdout, stderr string) {
	s.t.Helper()
	cmd := command(s.t, args...)
	cmd.Dir = s.dir
	cmd.Stdin = bytes.NewReader(stdin)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != status {
		s.t.Errorf("%q: status %d, want %d\n%s%s", args, got, status, &out, &complaints)
	}
	return out.String(), complaints.String()
}

func (s *session) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o640); err != nil {
		s.t.Fatal(err)
	}
}

func contain(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestOverSSH(t *testing.T) {
	a := sshtest.NewMachine(t, sshtest.Options{Name: "a", Sudo: sshtest.SudoNoPassword, Noise: "welcome", Files: map[string]string{
		"/home/deploy/hello.star": `print("from " + shared("data").find("needle") * "-" + "a")`,
		"/home/deploy/data":       "hayneedle",
		"/home/deploy/loads.star": "load('lib/x.star', 'x')\nprint(x)",
		"/home/deploy/lib/x.star": "x = 'from the folder there'",
	}})
	b := sshtest.NewMachine(t, sshtest.Options{Name: "b"})
	s := newSession(t, a, b)

	t.Run("command", func(t *testing.T) {
		data := make([]byte, 8<<20)
		rand.Read(data)
		if out, _ := s.run(0, data, "run", "--on", "a", "--", "cat"); out != string(data) {
			t.Errorf("%d bytes came back as %d", len(data), len(out))
		}
		out, _ := s.run(9, nil, "run", "--on", "a", "--on", "sudo://root", "--", "sh", "-c", "id -un; hostname; exit 9")
		if out != "root\na\n" {
			t.Errorf("got %q", out)
		}
		_, complaints := s.run(127, nil, "run", "--on", "a", "--", "no-such-program")
		contain(t, complaints, "cannot run no-such-program: there is no such program")
	})

	t.Run("hosts", func(t *testing.T) {
		out, complaints := s.run(1, nil, "run", "--hosts", "a,b,nowhere.invalid", "--", "hostname")
		contain(t, out, "[a] a\n", "[b] b\n")
		contain(t, complaints, "nowhere.invalid  failed", "1 of 3 hosts failed: nowhere.invalid")
		s.write("where.star", []byte("def main(): return 6 * 7"))
		out, _ = s.run(0, nil, "run", "--json", "--hosts", "a,b", "where.star")
		contain(t, out, `{"host":"a",`, `{"host":"b",`, `"value":42}`)
		s.write("where.py", []byte("import socket\nprint('I am', socket.gethostname())"))
		out, _ = s.run(0, nil, "run", "--hosts", "a,b", "where.py")
		contain(t, out, "[a] I am a\n", "[b] I am b\n")
	})

	t.Run("transfer", func(t *testing.T) {
		s.write("x", []byte("contents"))
		s.run(0, nil, "put", "--hosts", "a,b", "x", "there")
		s.run(0, nil, "get", "--hosts", "a,b", "there", "all")
		for _, host := range []string{"a", "b"} {
			if got, err := os.ReadFile(filepath.Join(s.dir, "all", host, "there")); string(got) != "contents" {
				t.Errorf("%s: got %q, %v", host, got, err)
			}
		}
		s.run(0, nil, "put", "x", "ssh://b/~/home")
		if out := b.Run(t, "cat ~deploy/home && stat -c %a ~deploy/home"); out != "contents640\n" {
			t.Errorf("got %q", out)
		}
		_, complaints := s.run(1, nil, "put", "--on", "b", "x", "/etc/x")
		contain(t, complaints, "outwork put: ssh://b: cannot write /etc/x: permission denied\n")
		_, complaints = s.run(1, nil, "get", "ssh://b/etc/shadow", ".")
		contain(t, complaints, "outwork get: ssh://b: cannot read /etc/shadow: permission denied\n")
	})

	t.Run("files", func(t *testing.T) {
		out, _ := s.run(0, nil, "run", "--share", "data=ssh://a/~/data", "ssh://a/~/hello.star")
		if out != "from ---a\n" {
			t.Errorf("got %q", out)
		}
		out, _ = s.run(0, nil, "run", "--on", "b", "--share", "data=ssh://a/~/data", "ssh://a/~/hello.star")
		if out != "from ---a\n" {
			t.Errorf("got %q", out)
		}
	})

	t.Run("modules", func(t *testing.T) {
		if out, _ := s.run(0, nil, "run", "ssh://a/~/loads.star"); out != "from the folder there\n" {
			t.Errorf("got %q", out)
		}
		if out, _ := s.run(0, nil, "run", "--hosts", "a,b", "ssh://a/~/loads.star"); strings.Count(out, "from the folder there\n") != 2 {
			t.Errorf("got %q", out)
		}
	})

	t.Run("elsewhere", func(t *testing.T) {
		here, _ := s.run(0, nil, "version")
		for _, on := range [][]string{{"--on", "a"}, {"--on", "a", "--on", "sudo://root"}} {
			if there, complaints := s.run(0, nil, append([]string{"version"}, on...)...); there != here || complaints != "" {
				t.Errorf("%q: got %q, %q", on, there, complaints)
			}
		}
		_, complaints := s.run(69, nil, "call", "--on", "a", "/home/deploy/none.sock", "f", "x=-")
		contain(t, complaints, "outwork call: the service at unix:///home/deploy/none.sock: connect: no such file or directory")
		s.run(69, nil, "describe", "--on", "b", "/none.sock")
		s.run(0, nil, "run", "--record", "link.rec", "-c", "print(1)")
		s.run(0, nil, "put", "--on", "a", "link.rec", "/tmp/")
		out, _ := s.run(0, nil, "wire", "--on", "a", "--on", "sudo://root", "/tmp/link.rec")
		contain(t, out, "HELLO")
	})

	t.Run("sandbox", func(t *testing.T) {
		for _, on := range [][]string{{"--on", "a"}, {"--on", "a", "--on", "sudo://root"}} {
			in := func(status int, args ...string) (string, string) {
				return s.run(status, nil, slices.Concat(args[:1], on, args[1:])...)
			}
			out, complaints := in(2, "run", "-v", "--sandbox=contained", "--", "sh", "-c", "hostname; echo x >/tmp/written || exit 2")
			contain(t, complaints, "confinement: contained\n", "  active:  seccomp")
			if out != "a\n" {
				t.Errorf("%q: got %q", on, out)
			}
			if out, complaints = in(0, "run", "-v", "--sandbox", "--memory", "256M", "-c", "print(6 * 7)"); out != "42\n" {
				t.Errorf("%q: got %q", on, out)
			}
			contain(t, complaints, "confinement: strict\n", "  active:  files by ") // memory too, but for a build with -race
			out, complaints = in(0, "inspect", "-v", "--json", "/bin/true")         // all of it happens there
			contain(t, out, `"format":"ELF64"`)
			contain(t, complaints, "confinement: strict\n")
			out, _ = in(0, "run", "--sandbox", "--allow-read", "/etc/hostname", "--grant", "host", "-c", "print(host.read('/etc/hostname') != None)")
			if out != "True\n" {
				t.Errorf("%q: got %q", on, out)
			}
			_, complaints = in(1, "run", "--sandbox", "--allow-read", "/etc/hostname", "--grant", "host", "-c", "host.read('/etc/passwd')")
			contain(t, complaints, `host.read("/etc/passwd")`)
		}
		out, complaints := s.run(0, nil, "run", "-v", "--sandbox", "--hosts", "a,b", "-c", "print(1)")
		contain(t, out, "[a] 1\n", "[b] 1\n")
		contain(t, complaints, "[a] confinement: strict\n", "[b] confinement: strict\n", "[b]   active:  seccomp")
		_, complaints = s.run(2, nil, "run", "--sandbox", "--allow-read", "relative", "--on", "a", "-c", "1")
		contain(t, complaints, `--allow-read "relative": write an absolute path: it is of the host`)
		s.run(statusLost, nil, "run", "--sandbox", "--allow-read", "/no/such/file", "--on", "a", "-c", "1")
	})

	t.Run("unreachable", func(t *testing.T) {
		s.write("x.star", nil)
		for _, args := range [][]string{{"run", "x.star"}, {"run", "--", "true"}, {"put", "x.star", "/tmp/"}, {"get", "/etc/hosts", "."}, {"version"}, {"call", "/s", "f"}, {"wire", "x"}} {
			args = slices.Insert(args, 1, "--on", "nowhere.invalid")
			out, complaints := s.run(statusLost, nil, args...)
			contain(t, complaints, "outwork "+args[0]+": ssh://nowhere.invalid: connect: ")
			if out != "" || strings.Count(complaints, "\n") != 1 {
				t.Errorf("%q: got %q, %q", args, out, complaints)
			}
		}
		out, _ := s.run(statusLost, nil, "run", "--json", "--on", "nowhere.invalid", "x.star")
		contain(t, out, `{"error":{"kind":"lost","message":"ssh://nowhere.invalid: connect: `, `"stage":"connect"}}`)
	})

	t.Run("check", func(t *testing.T) {
		out, complaints := s.run(1, nil, "hosts", "check", "a", "a sudo://root", "nowhere.invalid")
		contain(t, out, "seccomp", "connect to shell ", "connect failed\n")
		contain(t, complaints, "nowhere.invalid: ssh://nowhere.invalid: connect: ")
		contain(t, out, "a                linux/amd64  deploy", "a sudo://root    linux/amd64  root", "nowhere.invalid  -")
		contain(t, complaints, "outwork hosts check: 1 of 3 hosts failed: nowhere.invalid")
	})

	for _, m := range []*sshtest.Machine{a, b} {
		if err := m.AwaitIdle(soon); err != nil {
			t.Error(err)
		}
	}
}

// Ctrl-C ends what runs on hosts, and leaves nothing there.
func TestInterruptedOverSSH(t *testing.T) {
	a := sshtest.NewMachine(t, sshtest.Options{Name: "a", Files: map[string]string{"/home/deploy/file": "running\n"}})
	newSession(t, a)
	r := start(t, "run", "--on", "a", "--", "tail", "-f", "file")
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	if err := a.AwaitIdle(soon); err != nil {
		t.Error(err)
	}
}

// Whatever is asked of a host that does not answer, Ctrl-C and a deadline end it at once.
func TestInterruptedOnTheWay(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "begun")
	script := filepath.Join(t.TempDir(), "script")
	for _, name := range []string{script + ".star", script + ".py"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(sshVariable, "sh -c 'echo begun >"+fifo+"; exec sleep 1000' ssh")
	for _, args := range [][]string{
		{"run", script + ".star"},
		{"run", script + ".py"},
		{"run", "--", "true"},
		{"put", script + ".star", "/tmp/"},
		{"get", "/x", "."},
		{"version"},
		{"call", "/s", "f"},
		{"wire", "x"},
		{"hosts", "check", "b"},
		{"run", "--on", "b", script + ".star"},
		{"run", "--hosts", "b", "--", "true"},
	} {
		at := 1
		if args[0] == "hosts" {
			at = 2
		}
		r := begin(t, "", slices.Insert(args, at, "--on", "nowhere")...)
		if _, err := os.ReadFile(fifo); err != nil { // it waits for ssh
			t.Fatal(err)
		}
		interrupted := time.Now()
		r.signal(syscall.SIGINT)
		r.end(statusInterrupted)
		if took := time.Since(interrupted); took > reachTimeout/2 {
			t.Errorf("%q: it took %s", args, took)
		}
		if !strings.Contains(r.stderr.String(), "interrupted") {
			t.Errorf("%q: stderr: %s", args, &r.stderr)
		}
		r.gone()
	}
	both, err := os.OpenFile(fifo, os.O_RDWR, 0) // ssh may not have been started when the time is up
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	r := begin(t, "", "run", "--on", "nowhere", "--timeout", "100ms", "--", "true")
	r.end(statusTimeout)
	r.gone()
}

// reachTimeout is how long a host that does not answer is waited for at least.
const reachTimeout = 20 * time.Second

// A manager that is killed in the middle of a put leaves nothing half written.
func TestKilledPutOverSSH(t *testing.T) {
	a := sshtest.NewMachine(t, sshtest.Options{Name: "a", Files: map[string]string{"/home/deploy/dest/x": "old"}})
	s := newSession(t, a)
	s.write("x", nil)
	if err := os.Truncate(filepath.Join(s.dir, "x"), 4<<30); err != nil { // sparse
		t.Fatal(err)
	}
	r := begin(t, "", "put", "--on", "a", filepath.Join(s.dir, "x"), "dest/")
	for deadline := time.Now().Add(soon); ; {
		if out, _ := a.Command(t.Context(), "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c '/home/deploy/dest/'").Output(); strings.TrimSpace(string(out)) != "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is written")
		}
	}
	r.Process.Kill()
	r.end(-1)
	r.gone()
	if err := a.AwaitIdle(soon); err != nil {
		t.Error(err)
	}
	if out := a.Run(t, "ls -A /home/deploy/dest; cat /home/deploy/dest/x"); out != "x\nold" {
		t.Errorf("left: %q", out)
	}
}

// Ctrl-Z stops the command, and what runs on hosts goes on with it.
func TestSuspendedOverSSH(t *testing.T) {
	a := sshtest.NewMachine(t, sshtest.Options{Name: "a", Files: map[string]string{"/home/deploy/file": "running\n"}})
	newSession(t, a)
	r := start(t, "run", "--on", "a", "--", "tail", "-f", "file")
	r.signal(syscall.SIGTSTP)
	for deadline := time.Now().Add(soon); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(stat), ") T ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it has not stopped: %s", stat)
		}
	}
	r.signal(syscall.SIGCONT)
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	if err := a.AwaitIdle(soon); err != nil {
		t.Error(err)
	}
}

// A host that connects back does not need ssh any more.
func TestConnectBack(t *testing.T) {
	a := sshtest.NewMachine(t, sshtest.Options{Name: "a", Sudo: sshtest.SudoNoPassword, Files: map[string]string{"/home/deploy/file": "running\n"}})
	s := newSession(t, a)
	data := make([]byte, 8<<20)
	rand.Read(data)
	out, complaints := s.run(7, data, "run", "--connect-back", "--on", "a", "--", "sh", "-c", "cat; exit 7")
	if out != string(data) || complaints != "" {
		t.Errorf("%d bytes came back: %s", len(out), complaints)
	}
	if out, _ := s.run(0, nil, "run", "--connect-back", "--on", "a", "--on", "sudo://root", "--", "id", "-u"); out != "0\n" {
		t.Errorf("got %q", out)
	}
	staysOverSSH(t)
	r := start(t, "run", "--connect-back", "--on", "a", "--", "tail", "-f", "file")
	until(t, "ssh has ended", func() bool {
		for _, pid := range r.left() {
			if title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasPrefix(string(title), "ssh\x00") {
				return false
			}
		}
		return true
	})
	r.signal(syscall.SIGINT)
	r.end(statusInterrupted)
	r.gone()
	if err := a.AwaitIdle(soon); err != nil {
		t.Error(err)
	}
}

// One that cannot is told of, and stays.
func staysOverSSH(t *testing.T) {
	t.Helper()
	cmd := command(t, "run", "--connect-back=nowhere.invalid:0", "--on", "a", "--", "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	complaints, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(complaints).ReadString('\n')
	if !strings.HasPrefix(line, "WARN  a host cannot connect back: ") {
		t.Errorf("got %q, %v", line, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The commands of the README's part about hosts, as they stand there.
func TestReadmeOverSSH(t *testing.T) {
	commands := readmeCommands(t, "**Hosts**: ")
	var machines []*sshtest.Machine
	for _, name := range []string{"db1", "db2", "web1", "web2", "web3"} {
		machines = append(machines, sshtest.NewMachine(t, sshtest.Options{Name: name, Sudo: sshtest.SudoNoPassword}))
	}
	s := newSession(t, machines...)
	s.write("all.txt", []byte("web1\nweb2 # as every host\n"))
	s.write("app.conf", []byte("text\n"))
	if err := os.CopyFS(filepath.Join(s.dir, "examples"), os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		words := strings.Fields(c)
		if words[0] != "outwork" {
			t.Fatalf("%q", c)
		}
		s.run(0, nil, words[1:]...)
	}
	for _, m := range machines {
		if err := m.AwaitIdle(soon); err != nil {
			t.Error(err)
		}
	}
	if got := machines[2].Run(t, "cat /home/deploy/conf/app.conf"); got != "text\n" {
		t.Errorf("put came to %q", got)
	}
}
