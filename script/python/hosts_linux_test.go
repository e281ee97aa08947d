package python_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/sshtest"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/script/python"
)

// sparc makes a machine one for which there is no agent.
const sparc = "#!/bin/sh\ncase $1 in -s) echo Linux;; -m) echo sparc;; *) echo Linux sparc;; esac\n"

// distPackages is where Debian's packages for Python are.
const distPackages = "/usr/lib/python3/dist-packages"

// patience is how long a test waits for what ought to come at once.
const patience = time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// machine is one without Debian's packages, with an agent or without.
func machine(t *testing.T, bare bool, o sshtest.Options) *sshtest.Machine {
	t.Helper()
	o.Mounts = append(o.Mounts, sshtest.Mount{Dir: distPackages})
	if bare {
		if o.Files == nil {
			o.Files = map[string]string{}
		}
		o.Files["/usr/local/bin/uname"] = sparc
	}
	return sshtest.NewMachine(t, o)
}

// onHost is a world whose worker runs on a machine, or by a proxy before that.
func onHost(t *testing.T, m *sshtest.Machine, alias string, set ...func(*outwork.Manager)) *world {
	t.Helper()
	w := &world{t: t, out: &buffer{}, errs: &buffer{}, log: &buffer{}}
	w.m = &outwork.Manager{
		Stdout: w.out, Stderr: w.errs, SSH: []string{"ssh", "-F", m.Config},
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range set {
		f(w.m)
	}
	t.Cleanup(func() {
		if err := w.m.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Worker = w.startOn(alias, outwork.Target{Name: "py"})
	return w
}

func (w *world) startOn(alias string, target outwork.Target) *outwork.Worker {
	w.t.Helper()
	target.Host, target.Lang = "ssh://"+alias, python.Lang
	worker, err := w.m.Start(w.t.Context(), target)
	if err != nil {
		w.t.Fatal(err)
	}
	return worker
}

// bothWays runs a test by an agent, and without one.
func bothWays(t *testing.T, test func(t *testing.T, bare bool)) {
	t.Run("agent", func(t *testing.T) { test(t, false) })
	t.Run("bare", func(t *testing.T) { test(t, true) })
}

// agents are those that run in a machine.
func agents(m *sshtest.Machine) (n int) {
	for _, p := range m.Processes() {
		if strings.HasSuffix(p.Command, "[agent]") {
			n++
		}
	}
	return n
}

// TestOverSSH: what a script does on this machine it does on another.
func TestOverSSH(t *testing.T) {
	data := slices.Repeat([]byte("0123456789abcdef"), 1<<16)
	copy(data[700_000:], "needle")
	dir := packages(t, "python3-jinja2 python3-pefile", "jinja2", "markupsafe", "pefile*", "peutils*", "ordlookup")
	bothWays(t, func(t *testing.T, bare bool) {
		m := machine(t, bare, sshtest.Options{Noise: "Have a nice day!"})
		q := &questions{}
		w := onHost(t, m, m.Host, serve(os.DirFS(dir)), q.record, func(m *outwork.Manager) { share(t, m, "data", container.FromBytes(data)) })
		if n := agents(m); bare != (n == 0) {
			t.Errorf("%d agents run there", n)
		}
		if w.Host() != "ssh://"+m.Host {
			t.Errorf("it is at %q", w.Host())
		}
		v := w.run(`
import logging, os, socket, sys
import outwork
c = outwork.shared("data")
for i in range(100): print("line", i)
print("to stderr", file=sys.stderr)
os.system("echo of a child; echo of another >&2")
logging.warning("logged")
assert sys.stdin.read() == ""
def main(*args):
    return socket.gethostname(), list(args), len(c), c.find(b"needle"), bytes(c[700000:700006]), os.environ["HOME"], os.getcwd(), os.path.exists("/usr/lib/python3/dist-packages/jinja2")
`, "one", "it's", "two\nlines")
		want := python.Tuple{m.Host, []any{"one", "it's", "two\nlines"}, int64(len(data)), int64(700_000), []byte("needle"), "/home/deploy", "/home/deploy", false}
		if fmt.Sprint(v) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", v, want)
		}
		var lines strings.Builder
		for i := range 100 {
			fmt.Fprintln(&lines, "line", i)
		}
		lines.WriteString("of a child\n")
		if w.out.String() != lines.String() {
			t.Errorf("stdout: %q", w.out)
		}
		if w.errs.String() != "to stderr\nof another\n" {
			t.Errorf("stderr: %q", w.errs)
		}
		if !strings.Contains(w.log.String(), "msg=logged worker=py source=script.py:8") {
			t.Errorf("log: %s", w.log)
		}
		w.run("import jinja2\nassert jinja2.Template('{{ x|upper }}').render(x='a') == 'A' and jinja2.__file__ == 'jinja2/__init__.py'")
		w.run("import pefile\nassert pefile.__file__ == 'pefile.py'\ntry: pefile.PE(data=b'MZ')\nexcept pefile.PEFormatError: pass\nelse: assert False")
		if n := len(q.asked(t)); n > 3 {
			t.Errorf("%d modules were asked for", n)
		}
		_, err := w.try(t.Context(), "def f(): raise ValueError('no')\nf()")
		if e, ok := errors.AsType[*outwork.RemoteError](err); !ok || e.Host != w.Host() || !strings.Contains(e.Stack, `File "script.py", line 1, in f`) {
			t.Errorf("%v", err)
		}
		got, err := python.Import(w.Worker, "os").Call(t.Context(), "getpid")
		if err != nil || got.Any() != int64(w.PID()) {
			t.Errorf("%v, %v; it tells %d", got, err, w.PID())
		}
		if err := w.m.Close(); err != nil {
			t.Error(err)
		}
		if left := m.Processes(); len(left) > 0 {
			t.Errorf("left in the machine: %v", left)
		}
	})
}

// TestCancelOverSSH: a call that ends at once, and one that has to be killed.
func TestCancelOverSSH(t *testing.T) {
	bothWays(t, func(t *testing.T, bare bool) {
		m := machine(t, bare, sshtest.Options{})
		w := onHost(t, m, m.Host, func(m *outwork.Manager) { m.Grace = 500 * time.Millisecond })
		err := w.cancelled(func(ctx context.Context) error {
			_, err := w.try(ctx, "import time\nprint('running', flush=True)\ntry: time.sleep(600)\nexcept KeyboardInterrupt: print('interrupted'); raise")
			return err
		}, "running\n")
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		w.await("interrupted\n")
		w.run("1")
		err = w.cancelled(func(ctx context.Context) error {
			_, err := w.try(ctx, "import os\nif not os.fork():\n  os.setsid()\n  if os.fork(): os._exit(0)\nwhile True:\n  try:\n    print('in C', flush=True)\n    9**9**9\n  except KeyboardInterrupt: pass")
			return err
		}, "in C\n")
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		<-w.Done()
		e, ok := errors.AsType[*outwork.LostError](w.Err())
		if !ok || e.Signal != "killed" || e.Host != w.Host() || !strings.Contains(e.Error(), "killed: a call did not return within 500ms of being cancelled") {
			t.Errorf("%v", w.Err())
		}
		w.m.Close() // an agent sweeps at its own end
		eventually(t, "nothing is left in the machine", func() bool { return len(m.Processes()) == 0 })
	})
}

// TestCutOverSSH: a connection that breaks ends the worker on both sides, also one that
// computes where no signal of Python's reaches it.
func TestCutOverSSH(t *testing.T) {
	bothWays(t, func(t *testing.T, bare bool) {
		m := machine(t, bare, sshtest.Options{})
		p := m.Through(t, sshtest.ProxyOptions{})
		w := onHost(t, m, p.Host)
		ended := make(chan error, 1)
		go func() {
			_, err := w.try(t.Context(), "print('in C', flush=True)\n9**9**9")
			ended <- err
		}()
		w.await("in C\n")
		p.Cut()
		err := <-ended
		if e, ok := errors.AsType[*outwork.LostError](err); !ok || !errors.Is(err, lost.Host) || e.Host != w.Host() || !e.MayHaveRun {
			t.Errorf("%v", err)
		}
		t.Log(err)
		eventually(t, "nothing is left in the machine", func() bool { return len(m.Processes()) == 0 })
	})
}

// TestSilentHost: a connection on which nothing comes any more is given up on both sides.
func TestSilentHost(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes as long as the limit of silence")
	}
	m := machine(t, true, sshtest.Options{})
	p := m.Through(t, sshtest.ProxyOptions{})
	w := onHost(t, m, p.Host)
	ended := make(chan error, 1)
	go func() {
		_, err := w.try(t.Context(), "print('in C', flush=True)\n9**9**9")
		ended <- err
	}()
	w.await("in C\n")
	p.Stall()
	begin := time.Now()
	err := <-ended
	if took := time.Since(begin); !errors.Is(err, lost.Host) || took < 10*time.Second || took > 30*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	t.Log(err)
	eventually(t, "nothing is left in the machine", func() bool { return len(m.Processes()) == 0 })
}

// TestHostRefusesPython: the errors name the host and say what to do.
func TestHostRefusesPython(t *testing.T) {
	bothWays(t, func(t *testing.T, bare bool) {
		m := machine(t, bare, sshtest.Options{
			Without: []string{"python3*"},
			Files: map[string]string{
				"/usr/local/bin/old":    "#!/bin/sh\necho 'Python 3.6 is too old' >&2; exit 1\n",
				"/usr/local/bin/no-one": "#!/bin/sh\nexit 0\n",
			},
		})
		om := &outwork.Manager{SSH: []string{"ssh", "-F", m.Config}}
		t.Cleanup(func() { om.Close() })
		for _, c := range []struct {
			target outwork.Target
			want   []string
		}{
			{outwork.Target{}, []string{"no Python: python3: ", "not found", "install python3, or name another with Target.Program, --python or OUTWORK_PYTHON"}},
			{outwork.Target{Program: "py'thon"}, []string{"no Python: py'thon: ", "not found"}},
			{outwork.Target{Env: []string{"OUTWORK_PYTHON=nope", "PATH=/usr/bin:/bin"}}, []string{"no Python: nope: ", "not found"}},
			{outwork.Target{Program: "old"}, []string{"Python 3.6 is too old"}},
			{outwork.Target{Program: "no-one"}, []string{"exit status 0"}},
			{outwork.Target{Program: "no-one", Dir: "/nowhere"}, []string{"/nowhere"}},
		} {
			c.target.Lang, c.target.Host = python.Lang, "ssh://"+m.Host
			_, err := om.Start(t.Context(), c.target)
			t.Log(err)
			for _, want := range append(c.want, c.target.Host) {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%+v: %v: want %q", c.target, err, want)
				}
			}
			if bare && !strings.Contains(fmt.Sprint(err), "no outwork-linux-sparc") {
				t.Errorf("%v: it does not say why there is no agent", err)
			}
		}
		if err := om.Close(); err != nil {
			t.Error(err)
		}
		eventually(t, "nothing is left in the machine", func() bool { return len(m.Processes()) == 0 })
	})
}

// TestInterpreterOnHost: it is chosen by the target, or by the host's environment.
func TestInterpreterOnHost(t *testing.T) {
	bothWays(t, func(t *testing.T, bare bool) {
		const chosen = "#!/bin/sh\nCHOSEN=%s exec /usr/bin/python3 \"$@\"\n"
		m := machine(t, bare, sshtest.Options{
			SSHD: []string{"SetEnv OUTWORK_PYTHON=/usr/local/bin/hosts"},
			Files: map[string]string{
				"/usr/local/bin/hosts":   fmt.Sprintf(chosen, "host"),
				"/usr/local/bin/targets": fmt.Sprintf(chosen, "target"),
			},
		})
		w := onHost(t, m, m.Host)
		const source = "import os\ndef main(): return os.environ.get('CHOSEN'), os.environ.get('X'), os.getcwd()"
		for _, c := range []struct {
			target outwork.Target
			want   string
		}{
			{outwork.Target{}, `["host",null,"/home/deploy"]`},
			{outwork.Target{Program: "targets", Dir: "/var"}, `["target",null,"/var"]`},
			{outwork.Target{Env: []string{"PATH=/usr/bin", "X=it's\na \"$HOME\""}}, `[null,"it's\na \"$HOME\"","/home/deploy"]`},
			{outwork.Target{Env: []string{"OUTWORK_PYTHON=targets", "PATH=/usr/bin"}}, `["target",null,"/home/deploy"]`},
		} {
			worker := w.startOn(m.Host, c.target)
			v, err := worker.Run(t.Context(), outwork.Script{Lang: python.Lang, Name: "x.py", Source: source})
			if err != nil || fmt.Sprint(v) != c.want {
				t.Errorf("%+v: %v, %v", c.target, v, err)
			}
			worker.Close()
		}
	})
}

// TestBareIsRemembered: a host that has no agent is not asked for one again, and each
// worker there has a connection of its own.
func TestBareIsRemembered(t *testing.T) {
	m := machine(t, true, sshtest.Options{})
	p := m.Through(t, sshtest.ProxyOptions{})
	w := onHost(t, m, p.Host)
	if n := p.Connections(); n != 2 {
		t.Errorf("%d connections for the first worker", n)
	}
	w.startOn(p.Host, outwork.Target{})
	if n := p.Connections(); n != 3 {
		t.Errorf("%d connections for two workers", n)
	}
}

// TestNoDirectoryForAgent: where nothing can be executed Python has the agent in memory.
func TestNoDirectoryForAgent(t *testing.T) {
	var mounts []sshtest.Mount
	for _, dir := range []string{"/home/deploy", "/var/tmp", "/dev/shm", "/tmp"} {
		mounts = append(mounts, sshtest.Mount{Dir: dir, NoExec: true})
	}
	m := machine(t, false, sshtest.Options{Mounts: mounts})
	w := onHost(t, m, m.Host)
	w.run("import sys")
	if n := agents(m); n != 1 { // python3 has put it in memory
		t.Errorf("%d agents: %v", n, m.Processes())
	}
}

// TestAgentDoesNotStart: a program that is there and does not run is as good as none.
func TestAgentDoesNotStart(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector ends in its own way where memory is short")
	}
	m := sshtest.NewMachine(t, sshtest.Options{
		SSHD: []string{`ForceCommand ulimit -v 90000; eval "$SSH_ORIGINAL_COMMAND"`}, // Go reserves more than that
	})
	for _, cache := range []string{"empty", "warm"} {
		w := onHost(t, m, m.Host)
		w.run("1")
		if err := w.m.Close(); err != nil {
			t.Error(cache, err)
		}
	}
	var om outwork.Manager
	om.SSH = []string{"ssh", "-F", m.Config}
	t.Cleanup(func() { om.Close() })
	if _, err := om.Start(t.Context(), outwork.Target{Host: "ssh://" + m.Host}); err == nil {
		t.Error("there is an agent")
	}
}

// TestBareLeavesNothingHere, whether the worker is closed, killed, or never comes to be.
func TestBareLeavesNothingHere(t *testing.T) {
	m := machine(t, true, sshtest.Options{})
	open := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	round := func() {
		om := &outwork.Manager{SSH: []string{"ssh", "-F", m.Config}, Stdout: &buffer{}, Stderr: &buffer{}}
		host := "ssh://" + m.Host
		w, err := om.Start(t.Context(), outwork.Target{Lang: python.Lang, Host: host})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := om.Start(t.Context(), outwork.Target{Lang: python.Lang, Host: host, Program: "nope"}); err == nil {
			t.Error("there is a nope")
		}
		if _, err := w.Run(t.Context(), outwork.Script{Lang: python.Lang, Name: "x.py", Source: "import os\nos.kill(os.getpid(), 9)"}); err == nil {
			t.Error("it lives")
		}
		if _, err := om.Start(t.Context(), outwork.Target{Lang: python.Lang, Host: host}); err != nil {
			t.Error(err)
		}
		if err := om.Close(); err != nil {
			t.Error(err)
		}
	}
	round()
	files, goroutines := open(), runtime.NumGoroutine()
	round()
	eventually(t, "no file is left", func() bool { return open() <= files })
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "no process is left there", func() bool { return len(m.Processes()) == 0 })
}

// TestBareBehindAgent: a hop from an agent's host, to where there is none.
func TestBareBehindAgent(t *testing.T) {
	m := machine(t, false, sshtest.Options{
		Sudo:  sshtest.SudoNoPassword,
		Files: map[string]string{"/usr/local/bin/uname": "#!/bin/sh\n[ $(id -u) = 0 ] || exec /usr/bin/uname \"$@\"\n" + strings.TrimPrefix(sparc, "#!/bin/sh\n")},
	})
	w := onHost(t, m, m.Host)
	begun, err := w.m.Begin(t.Context(), outwork.Target{Via: []string{"ssh://" + m.Host}, Host: "sudo://root", Lang: python.Lang, Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	w.Worker = begun
	if n := agents(m); n != 1 {
		t.Errorf("%d agents", n)
	}
	if v := w.run("import os\nprint('as root')\ndef main(): return os.getuid()"); v != int64(0) || w.Host() != "ssh://"+m.Host+" sudo://root" {
		t.Errorf("user %v at %s", v, w.Host())
	}
	if got := w.out.String(); got != "[root] as root\n" {
		t.Errorf("%q", got)
	}
	_, err = w.try(t.Context(), "import os\nos.write(2, b'farewell')\nos.abort()")
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Signal != "aborted" || string(e.Stderr) != "farewell" {
		t.Errorf("%v", err)
	}
	<-w.Done()
	running := func() (n int) {
		for _, p := range m.Processes() {
			if strings.Contains(p.Command, "[spin]") {
				n++
			}
		}
		return n
	}
	spin, err := w.m.Start(t.Context(), outwork.Target{Via: []string{"ssh://" + m.Host}, Host: "sudo://root", Lang: python.Lang, Name: "spin"})
	if err != nil {
		t.Fatal(err)
	}
	if running() == 0 {
		t.Error("it does not run")
	}
	spin.Close()
	if n := running(); n > 0 {
		t.Errorf("%d processes are left: %v", n, m.Processes())
	}
}

// TestMemoryOverSSH: what one worker had to ask for is sent ahead to the next, on that
// host or another.
func TestMemoryOverSSH(t *testing.T) {
	bothWays(t, func(t *testing.T, bare bool) {
		m := machine(t, bare, sshtest.Options{})
		p := m.Through(t, sshtest.ProxyOptions{})
		q := &questions{}
		w := onHost(t, m, m.Host, q.record, serve(tree(`
-- plugins/__init__.py --
-- plugins/a.py --
import helper
-- plugins/b.py --
-- helper.py --
`)))
		const source = "import importlib\nfor name in 'a', 'b', 'none':\n  try: importlib.import_module('plugins.' + name)\n  except ImportError: pass"
		w.run(source)
		if n := len(q.asked(t)); n < 3 {
			t.Errorf("the first worker has asked for %d modules", n)
		}
		w.Worker = w.startOn(m.Host, outwork.Target{})
		w.run(source)
		if asked := q.asked(t); len(asked) > 0 {
			t.Errorf("the second worker has asked for %q", asked)
		}
		w.Worker = w.startOn(p.Host, outwork.Target{})
		w.run(source)
		if asked := q.asked(t); len(asked) > 0 {
			t.Errorf("a worker on another host has asked for %q", asked)
		}
	})
}

// TestLastWords: what an interpreter prints when it crashes is in the error.
func TestLastWords(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		_, err := w.try(t.Context(), "import ctypes, faulthandler, os\nfaulthandler.enable()\nprint('to stdout')\nos.write(1, b'x' * 60000 + b'\\n')\nos.write(2, b'to stderr\\n')\nctypes.string_at(0)")
		e, ok := errors.AsType[*outwork.LostError](err)
		if !ok || e.Signal != "segmentation fault" || e.ExitCode != -1 || !strings.Contains(string(e.Stderr), "to stderr\nFatal Python error: Segmentation fault") {
			t.Errorf("%v\n%s", err, e.Stderr)
		}
		<-w.Done()
		if got := w.out.String(); got != "to stdout\n"+strings.Repeat("x", 60000)+"\n" {
			t.Errorf("%d bytes of stdout: %.30q", len(got), got)
		}
		if !strings.Contains(w.errs.String(), "to stderr\nFatal Python error") {
			t.Errorf("stderr: %q", w.errs)
		}
	})
}

// TestNothingIsLeft of what a script has started, however well it hides.
func TestNothingIsLeft(t *testing.T) {
	const source = `
import os, subprocess, sys
r, w = os.pipe()
if not os.fork():
    os.setsid()
    if os.fork(): os._exit(0)
    os.write(w, b"%d" % os.getpid())
    os.execvp("sleep", ["sleep", "600"])
os.wait()
hidden = int(os.read(r, 99))
def main(): return [hidden, subprocess.Popen(["sleep", "600"]).pid]
`
	ways(t, func(t *testing.T, h how) {
		w := newWorld(t, h, debian(t))
		pids := w.run(source).([]any)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if h != plain {
			w.m.Close() // the starter and the agent sweep at their own end
		}
		for _, pid := range pids {
			if _, err := os.Stat(filepath.Join("/proc", strconv.Itoa(int(pid.(int64))))); err == nil {
				t.Errorf("process %d is left", pid)
			}
		}
	})
}
