package outwork_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/sshtest"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/tcp"
)

// deathTime is how long what runs on a host may outlive its manager or its connection,
// when the host can know.
const deathTime = 5 * time.Second

// idle checks that nothing of a manager's is left in a machine.
func idle(t *testing.T, machines ...*sshtest.Machine) {
	t.Helper()
	for _, m := range machines {
		if err := m.AwaitIdle(deathTime); err != nil {
			t.Error(err)
		}
	}
}

// doubles starts a worker and calls it.
func doubles(t *testing.T, m *outwork.Manager, target outwork.Target) *outwork.Worker {
	t.Helper()
	t.Cleanup(func() { m.Close() }) // if the test ends before it does that itself
	w, err := m.Start(within(t), target)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	return w
}

// closes checks that the manager's end leaves nothing in the machines.
func closes(t *testing.T, m *outwork.Manager, machines ...*sshtest.Machine) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	idle(t, machines...)
}

// Hosts of all kinds, each reached with an empty cache and with a warm one.
func TestHosts(t *testing.T) {
	for name, o := range map[string]sshtest.Options{
		"sh":      {},
		"tcsh":    {Shell: "/bin/tcsh", Noise: "rc says: hello"},
		"fish":    {Shell: "/usr/bin/fish", Noise: "rc says: hello"},
		"bash":    {Shell: "/bin/bash", Noise: "rc says: $PATH `x`", Banner: "Authorized use only\n"},
		"busybox": {Busybox: true},
		"bare":    {Without: []string{"gzip", "head", "sha256sum", "sha*sum", "python3*", "perl*", "openssl"}},
		"umask":   {Umask: 0o777},
		"noexec":  {Mounts: []sshtest.Mount{{Dir: "/home/deploy", NoExec: true}, {Dir: "/tmp", NoExec: true}, {Dir: "/var/tmp", NoExec: true}}},
		"full":    {Mounts: []sshtest.Mount{{Dir: "/home/deploy", Size: 256 << 10}, {Dir: "/var/tmp", Size: 256 << 10}}},
		"memfd": {Mounts: []sshtest.Mount{
			{Dir: "/home/deploy", NoExec: true}, {Dir: "/tmp", NoExec: true}, {Dir: "/var/tmp", NoExec: true}, {Dir: "/dev/shm", NoExec: true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			machine := sshtest.NewMachine(t, o)
			for range 2 {
				m := over(machine)
				doubles(t, m, outwork.Target{Host: "ssh://" + machine.Host})
				closes(t, m, machine)
			}
		})
	}
}

// Two hops over a bastion, each by an agent of its own, and a user on top.
func TestBastion(t *testing.T) {
	a, b := sshtest.NewBastion(t, sshtest.Options{}, sshtest.Options{Sudo: sshtest.SudoNoPassword})
	for range 2 {
		m := over(a)
		way := []string{"ssh://" + a.Host, "ssh://" + b.Host}
		w := doubles(t, m, outwork.Target{Via: way, Host: "sudo://root"})
		if want := strings.Join(way, " ") + " sudo://root"; w.Host() != want {
			t.Errorf("it is at %q, want %q", w.Host(), want)
		}
		doubles(t, m, outwork.Target{Via: way[:1], Host: way[1]})
		doubles(t, m, outwork.Target{Host: way[0]})
		closes(t, m, a, b)
	}
}

// What a worker prints and logs on a host comes before its result, all of it.
func TestOrderOverSSH(t *testing.T) {
	machine := sshtest.NewMachine(t, sshtest.Options{})
	var stdout buffer
	logger, lines := records(slog.LevelInfo)
	m := over(machine)
	m.Stdout, m.Stderr, m.Log = &stdout, &stdout, logger
	w := started(t, m, outwork.Target{Host: "ssh://" + machine.Host})
	for i := range rounds(300) {
		line := fmt.Sprintf("line %d\n", i)
		if _, err := prints.Call(within(t), w, printArgs{[]byte(line), 0, i%2 == 0}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(stdout.String(), line) {
			t.Fatalf("the result of call %d overtook what it printed", i)
		}
	}
	if _, err := logs.Call(within(t), w, struct{}{}); err != nil {
		t.Fatal(err)
	}
	if len(lines(t)) == 0 {
		t.Error("no log record came")
	}
	if _, err := child.Call(within(t), w, "echo to the terminal >&1; (echo orphan; sleep 100) & true"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout.String(), "to the terminal\n") {
		t.Errorf("what a child wrote to its standard output: %q", stdout.String())
	}
	for _, p := range machine.Processes() {
		if p.State == "Z" {
			t.Errorf("a zombie: %v", p)
		}
	}
	closes(t, m, machine)
}

func TestCancelOverSSH(t *testing.T) {
	machine := sshtest.NewMachine(t, sshtest.Options{})
	m := over(machine)
	w := started(t, m, outwork.Target{Host: "ssh://" + machine.Host})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := wait.Call(ctx, w, struct{}{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := m.Wait(within(t)); err != nil {
		t.Errorf("the function was not cancelled: %v", err)
	}
	_, err := dies.Call(within(t), w, "panic")
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Host != "ssh://"+machine.Host || e.ExitCode != 2 || !bytes.Contains(e.Stderr, []byte("panic: out of the blue")) {
		t.Errorf("got %v", err)
	}
	doubles(t, m, outwork.Target{Host: "ssh://" + machine.Host}) // its host lives on
	closes(t, m, machine)
}

// Three hosts, each in a network of its own, run a function at once; the link to one is
// cut in the middle.
func TestThreeHosts(t *testing.T) {
	var machines []*sshtest.Machine
	for range 3 {
		machines = append(machines, sshtest.NewMachine(t, sshtest.Options{Network: true}))
	}
	m := outwork.Manager{SSH: []string{"ssh", "-F", sshtest.Config(t, machines...)}}
	var all sync.WaitGroup
	workers := make([]*outwork.Worker, len(machines))
	for i, machine := range machines {
		all.Go(func() {
			w, err := m.Start(within(t), outwork.Target{Host: "ssh://" + machine.Host})
			if err != nil {
				t.Error(err)
				return
			}
			workers[i] = w
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls []*outwork.Pending[struct{}]
	for _, w := range workers {
		calls = append(calls, wait.Go(ctx, w, struct{}{}))
	}
	if err := machines[0].Cut(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := calls[0].Result()
	took := time.Since(began)
	e, ok := errors.AsType[*outwork.LostError](err)
	if !ok || !errors.Is(err, lost.Host) || !e.MayHaveRun || took > silence+deathTime {
		t.Errorf("after %v: %v", took, err)
	}
	t.Logf("after %v: %v", took, err)
	if err := machines[0].AwaitIdle(silence + deathTime); err != nil {
		t.Error(err)
	}
	for _, w := range workers[1:] {
		if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
			t.Errorf("a host that was not cut off: %d, %v", n, err)
		}
	}
	cancel()
	closes(t, &m, machines...)
}

// silence is how long nothing may come from a host that lives.
const silence = 15 * time.Second

// A connection that breaks takes along what ran at its other end.
func TestConnectionBreaks(t *testing.T) {
	machine := sshtest.NewMachine(t, sshtest.Options{})
	proxy := machine.Through(t, sshtest.ProxyOptions{})
	m := over(machine)
	host := outwork.Target{Host: "ssh://" + proxy.Host}
	w := started(t, m, host)
	call := wait.Go(within(t), w, struct{}{})
	if _, err := child.Call(within(t), w, "setsid sleep 1000 >/dev/null 2>&1 &"); err != nil {
		t.Fatal(err)
	}
	proxy.Cut()
	_, err := call.Result()
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || !errors.Is(err, lost.Host) || e.Host != host.Host {
		t.Errorf("got %v", err)
	}
	idle(t, machine)
	proxy.Resume()
	doubles(t, m, host) // a new connection
	closes(t, m, machine)
}

// However a manager ends, what it has on hosts does too.
func TestManagerDiesOverSSH(t *testing.T) {
	for _, back := range []string{"", tcp.Auto} {
		t.Run("back="+back, func(t *testing.T) { managerDies(t, back) })
	}
}

func managerDies(t *testing.T, back string) {
	machine := sshtest.NewMachine(t, sshtest.Options{Sudo: sshtest.SudoNoPassword})
	target := self(t, usualRole, "faraway")
	cmd := exec.Command(target.Program)
	cmd.Env = append(target.Env, "SSH_CONFIG="+machine.Config, "SSH_HOST="+machine.Host, "SSH_BACK="+back)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Errorf("it says %q", line)
	}
	if n := len(machine.Processes()); n < 2+2+2*2 { // agents, workers, and their children
		t.Errorf("only %d processes are there: %v", n, machine.Processes())
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if back != "" { // it might have been cut off
		if err := machine.AwaitIdle(shortRedial + deathTime); err != nil {
			t.Error(err)
		}
	}
	idle(t, machine)
}

const shortRedial = time.Second

// backIs waits until the host of m that is to connect back has.
func backIs(m *outwork.Manager, back string) func() {
	log := &logged{}
	m.Log = slog.New(slog.NewTextHandler(log, nil))
	return func() {
		for back != "" && !strings.Contains(log.String(), "a host has connected back") {
			<-time.After(time.Millisecond)
		}
	}
}

func init() {
	usualRoles["faraway"] = func() {
		m := outwork.Manager{SSH: []string{"ssh", "-F", os.Getenv("SSH_CONFIG")}, Redial: shortRedial}
		host, back := "ssh://"+os.Getenv("SSH_HOST"), os.Getenv("SSH_BACK")
		wait := backIs(&m, back)
		for _, target := range []outwork.Target{{Host: host, ConnectBack: back}, {ConnectBack: back, Via: []string{host}, Host: "sudo://"}} {
			w, err := m.Start(context.Background(), target)
			if err == nil {
				_, err = child.Call(context.Background(), w, "setsid sleep 1000 >/dev/null 2>&1 & sleep 1000 >/dev/null 2>&1 &")
			}
			if err != nil {
				fmt.Println(err)
				return
			}
		}
		wait()
		fmt.Println("ready")
		select {}
	}
}

// Another user of this machine.
func TestSudoHere(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("not root")
		}
		t.Skip("root may be anybody without a password; others are asked in the tests of machines")
	}
	nothingLeft(t)
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	if cache := "/var/tmp/outwork-" + u.Uid; !exists(cache) {
		t.Cleanup(func() { os.RemoveAll(cache) })
	}
	var m outwork.Manager
	w := doubles(t, &m, outwork.Target{Host: "sudo://nobody"})
	id, err := whoami.Call(within(t), w, struct{}{})
	if err != nil || id == 0 {
		t.Errorf("it is user %d, %v", id, err)
	}
	closes(t, &m)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

var whoami = outwork.Func("test.whoami", func(context.Context, struct{}) (int, error) { return os.Getuid(), nil })

// A manager that says that it will be silent is waited for.
func TestPause(t *testing.T) {
	for _, back := range []string{"", tcp.Auto} {
		t.Run("back="+back, func(t *testing.T) {
			t.Parallel()
			pauses(t, back)
		})
	}
}

func pauses(t *testing.T, back string) {
	machine := sshtest.NewMachine(t, sshtest.Options{Sudo: sshtest.SudoNoPassword})
	target := self(t, usualRole, "paused")
	cmd := exec.Command(target.Program)
	cmd.Env = append(target.Env, "SSH_CONFIG="+machine.Config, "SSH_HOST="+machine.Host, "SSH_BACK="+back)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, _ := lines.ReadString('\n'); line != "paused\n" {
		t.Errorf("it says %q", line)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(silence + 2*time.Second) // is what it is about
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if line, _ := lines.ReadString('\n'); line != "42 42\n" {
		t.Errorf("after the pause it says %q", line)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	idle(t, machine)
}

func init() {
	usualRoles["paused"] = func() {
		ctx := context.Background()
		m := outwork.Manager{SSH: []string{"ssh", "-F", os.Getenv("SSH_CONFIG")}, Redial: shortRedial}
		defer m.Close()
		host, back := "ssh://"+os.Getenv("SSH_HOST"), os.Getenv("SSH_BACK")
		wait := backIs(&m, back)
		a, aerr := m.Start(ctx, outwork.Target{Host: host, ConnectBack: back})
		b, berr := m.Start(ctx, outwork.Target{Via: []string{host}, Host: "sudo://", ConnectBack: back})
		if aerr == nil && berr == nil {
			wait()
		}
		if err := errors.Join(aerr, berr, m.Pause()); err != nil {
			fmt.Println(err)
			return
		}
		continued := make(chan os.Signal, 1)
		signal.Notify(continued, syscall.SIGCONT)
		fmt.Println("paused")
		<-continued
		m.Resume()
		x, aerr := double.Call(ctx, a, 21)
		y, berr := double.Call(ctx, b, 21)
		if err := errors.Join(aerr, berr); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(x, y)
	}
}

// Containers of podman's: on a machine behind ssh, and here by docker's own client, where
// there is one. They hold busybox and nothing else, and so no C library: the command is
// built without.
func TestContainerHops(t *testing.T) {
	c := sshtest.NewContainer(t)
	command := filepath.Join(t.TempDir(), "outwork")
	build := exec.CommandContext(within(t), "go", "build", "-o", command, "./cmd/outwork")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	try := func(hops ...string) {
		t.Helper()
		args := []string{"run"}
		for _, hop := range hops {
			args = append(args, "--on", hop)
		}
		cmd := exec.CommandContext(within(t), command, append(args, "--", "ls", "/bin")...)
		cmd.Env = append(c.Env(), "OUTWORK_SSH=ssh -F "+c.Machine.Config)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "busybox\n") || strings.Contains(string(out), "perl\n") {
			t.Errorf("on %q: %v\n%s", hops, err, out)
		}
	}
	try("ssh://root@"+c.Machine.Host, "podman://"+c.Name)
	m := over(c.Machine)
	for _, cache := range []string{"empty", "warm"} { // this program may need a C library
		_, err := m.Start(within(t), outwork.Target{Via: []string{"ssh://root@" + c.Machine.Host}, Host: "podman://" + c.Name})
		if err != nil && !strings.Contains(err.Error(), "CGO_ENABLED=0") {
			t.Errorf("with an %s cache: %v", cache, err)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := exec.LookPath("docker"); err != nil {
		t.Log("no docker here: only podman was tried")
		return
	}
	try("docker://" + c.Name)
}

// The namespaces of a process, and root by su.
func TestNamespaceHops(t *testing.T) {
	machine := sshtest.NewMachine(t, sshtest.Options{})
	m := over(machine)
	inside := machine.Processes() // none yet: its first process is sshd
	if len(inside) > 0 {
		t.Fatalf("there is %v", inside)
	}
	root := "ssh://root@" + machine.Host
	doubles(t, m, outwork.Target{Via: []string{root}, Host: "su://deploy"})
	doubles(t, m, outwork.Target{Via: []string{root}, Host: "nsenter://1"})
	closes(t, m, machine)
}
