package confine

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tries are what a worker can be told to try, each with an argument.
var tries = map[string]func(arg string) error{
	"read": func(path string) error {
		_, err := os.ReadFile(path)
		return err
	},
	"list": func(path string) error {
		_, err := os.ReadDir(path)
		return err
	},
	"stat":   func(path string) error { return os.Chdir(filepath.Dir(path)) },
	"write":  func(path string) error { return os.WriteFile(path, []byte("x"), 0o666) },
	"append": func(path string) error { return closed(os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)) },
	"device": func(path string) error { return closed(os.OpenFile(path, os.O_RDWR, 0)) },
	"mkdir":  func(path string) error { return os.Mkdir(path, 0o777) },
	"remove": os.Remove,
	"chmod":  func(path string) error { return os.Chmod(path, 0o777) },
	"touch":  func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) },
	"reopen": func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return closed(os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0))
	},
	"run":    func(path string) error { return exec.Command(path).Run() },
	"listen": func(address string) error { return closed2(net.Listen("tcp", address)) },
	"dial": func(path string) error {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
		}
		return err
	},
	"kill": func(pid string) error {
		var n int
		fmt.Sscan(pid, &n)
		return unix.Kill(n, 0)
	},
	"others": func(string) error {
		names, err := filepath.Glob("/proc/[0-9]*")
		if len(names) == 1 {
			return unix.ENOENT
		}
		return err
	},
	"group": func(string) error { return closed(os.OpenFile("/sys/fs/cgroup/cgroup.procs", os.O_WRONLY, 0)) },
}

func closed(f *os.File, err error) error {
	if err == nil {
		f.Close()
	}
	return err
}

func closed2(l net.Listener, err error) error {
	if err == nil {
		l.Close()
	}
	return err
}

func init() {
	acts["try"] = func(_ Report, list string) {
		for one := range strings.FieldsSeq(list) {
			name, arg, _ := strings.Cut(one, ":")
			err := tries[name](arg)
			if n, ok := errors.AsType[syscall.Errno](err); ok {
				fmt.Printf("%s %s\n", one, unix.ErrnoName(n))
			} else {
				fmt.Printf("%s %v\n", one, err == nil)
			}
		}
	}
	acts["bomb"] = func(Report, string) {
		for n := range 1000 {
			if err := exec.Command("/bin/sleep", "60").Start(); err != nil {
				fmt.Println(n, errors.Is(err, unix.EAGAIN))
				return
			}
		}
	}
	acts["thread"] = func(Report, string) {
		names, _ := os.ReadDir("/proc/self/task")
		for _, n := range names {
			b, _ := os.ReadFile("/proc/self/task/" + n.Name() + "/status")
			fmt.Printf("%s", b)
		}
	}
}

// trying starts one worker that tries, and compares with what it should get: "true", or the name
// of an error.
func trying(t *testing.T, as uint32, p *Policy, want map[string]string) {
	t.Helper()
	var list []string
	for what := range want {
		list = append(list, what)
	}
	slices.Sort(list)
	for line := range strings.Lines(good(t, as, p, "try "+strings.Join(list, " "))) {
		what, got, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !slices.Contains(strings.Split(want[what], "|"), got) {
			t.Errorf("%s: %s, not %s", what, got, want[what])
		}
	}
}

// ground is a folder that everybody may do everything in, with files.
func ground(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "confine") // not below t.TempDir, where only root may go
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, sub := range []string{"", "ro", "rw", "other", "rw/sub"} {
		path := filepath.Join(dir, sub)
		os.MkdirAll(path, 0o777)
		os.Chmod(path, 0o777)
		os.WriteFile(path+"/file", []byte("x"), 0o666)
		os.Chmod(path+"/file", 0o666)
		os.Symlink("/etc/passwd", path+"/link")
	}
	return dir
}

func TestStrict(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		dir := ground(t)
		trying(t, as, &Policy{Level: Strict}, map[string]string{
			"read:/etc/passwd": "EACCES", "list:/": "EACCES", "stat:/etc/passwd": "EACCES", "write:" + dir + "/other/new": "EACCES",
			"mkdir:" + dir + "/d": "EPERM", "remove:" + dir + "/file": "EPERM", "chmod:" + dir + "/file": "EPERM", "touch:" + dir + "/file": "EPERM",
			"read:/proc/self/status": "EACCES", "run:/bin/true": "EPERM|EACCES|false", "listen:127.0.0.1:0": "EPERM", "dial:" + dir + "/socket": "EPERM",
			"kill:1": "true", "kill:2": "EPERM", "kill:-1": "EPERM",
		})
	})
}

func TestContained(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		dir := ground(t)
		trying(t, as, &Policy{Level: Contained}, map[string]string{
			"read:/etc/passwd": "true", "list:/": "true", "stat:/etc/passwd": "true", "read:" + dir + "/file": "true", "write:" + dir + "/other/new": "EACCES|EROFS",
			"append:" + dir + "/file": "EACCES|EROFS", "reopen:" + dir + "/file": "EACCES|EROFS",
			"mkdir:" + dir + "/d": "EPERM|EACCES|EROFS", "remove:" + dir + "/file": "EPERM", "chmod:" + dir + "/file": "EPERM", "touch:" + dir + "/file": "EPERM",
			"read:/proc/self/status": "true", "others:": "ENOENT", "list:/sys/fs": "ENOENT", "device:/dev/null": "true", "device:/dev/kmsg": "ENOENT", "group:": "ENOENT|EACCES",
			"run:/bin/true": "true", "listen:127.0.0.1:0": "EPERM|EAFNOSUPPORT", "dial:" + dir + "/socket": "EPERM",
			"kill:1": "true", "kill:4000000": "ESRCH",
		})
	})
}

func TestGrants(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		for level, own := range map[string]func(dir string) map[string]string{
			Strict: func(dir string) map[string]string {
				return map[string]string{
					"read:/etc/passwd": "ENOENT|EACCES", "list:" + dir: "EACCES", "stat:" + dir + "/other/file": "ENOENT", "read:" + dir + "/ro/link": "ENOENT",
					"read:/proc/self/status": "ENOENT", "run:/bin/true": "false|ENOENT|EACCES", "run:" + dir + "/ro/file": "ENOENT|EACCES",
				}
			},
			Contained: func(dir string) map[string]string {
				return map[string]string{"read:/etc/passwd": "true", "list:" + dir: "true", "stat:" + dir + "/other/file": "true", "read:" + dir + "/ro/link": "true", "run:/bin/true": "true"}
			},
		} {
			t.Run(level, func(t *testing.T) {
				dir := ground(t)
				want := map[string]string{
					"read:" + dir + "/ro/file": "true", "list:" + dir + "/ro": "true", "append:" + dir + "/ro/file": "EACCES|EROFS", "write:" + dir + "/ro/new": "EACCES|EROFS",
					"read:" + dir + "/rw/file": "true", "append:" + dir + "/rw/file": "true", "write:" + dir + "/rw/new": "true", "mkdir:" + dir + "/rw/dir": "true", "remove:" + dir + "/rw/file": "true",
					"write:" + dir + "/rw/sub/new": "true", "write:" + dir + "/new": "EACCES|EROFS", "device:/dev/full": "true", "device:/dev/tty": "ENOENT|EACCES",
				}
				maps.Copy(want, own(dir))
				p := &Policy{Level: level, ReadOnly: []string{dir + "/ro"}, ReadWrite: []string{dir + "/rw"}, Devices: []string{"/dev/full"}}
				trying(t, as, p, want)
			})
		}
	})
}

// What is granted in what is granted counts for itself, whichever of the two is the freer.
func TestGrantsInGrants(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		for _, level := range []string{Strict, Contained} {
			dir := ground(t)
			p := &Policy{Level: level, ReadOnly: []string{dir + "/ro/", dir + "/rw/sub"}, ReadWrite: []string{dir + "/ro/file", dir + "//rw"}}
			trying(t, as, p, map[string]string{
				"append:" + dir + "/ro/file": "true", "write:" + dir + "/ro/new": "EACCES|EROFS", "read:" + dir + "/rw/sub/file": "true",
				"write:" + dir + "/rw/new": "true", "append:" + dir + "/rw/sub/file": "EROFS|EACCES", "mkdir:" + dir + "/rw/sub/dir": "EROFS|EACCES",
			})
		}
	})
}

func TestNetworkGrant(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		for _, level := range []string{Strict, Contained} {
			trying(t, as, &Policy{Level: level, Network: true}, map[string]string{"listen:127.0.0.1:0": "true", "dial:/run/socket": "EAFNOSUPPORT"})
		}
	})
}

func TestSubprocessesGrant(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		p := &Policy{Level: Strict, Subprocesses: true, ReadOnly: []string{"/bin/true", "/lib", "/lib64", "/usr/lib"}}
		trying(t, as, p, map[string]string{"run:/bin/true": "true", "run:/bin/false": "false|ENOENT", "write:/bin/new": "EACCES|EROFS", "read:/etc/passwd": "ENOENT|EACCES", "device:/dev/null": "true"})
	})
}

// All threads are held, not only the one that entered.
func TestThreads(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		p := &Policy{Level: Contained, Limits: Limits{Files: 100}}
		out := good(t, as, p, "thread")
		count := strings.Count(out, "\nThreads:")
		for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapInh:\t0000000000000000", "CapAmb:\t0000000000000000"} {
			if n := strings.Count(out, "\n"+line); n != count || count < 2 {
				t.Errorf("%q on %d of %d threads", line, n, count)
			}
		}
		if as == 0 && (strings.Contains(out, "\nUid:\t0\t") || strings.Contains(out, "\nGid:\t0\t") || strings.Count(out, "\nGroups:\t \n") != count) {
			t.Errorf("it is still root somewhere\n%s", out)
		}
	})
}

func TestHostileCallKills(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		for _, level := range []string{Strict, Contained} {
			if r := start(t, as, &Policy{Level: level}, "ptrace"); r.signal != syscall.SIGSYS {
				t.Errorf("%s: it ended with %d, %v: %s", level, r.code, r.signal, r.err)
			}
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		t.Parallel()
		for _, level := range []string{None, Strict} {
			t.Run("memory, "+level, func(t *testing.T) {
				t.Parallel()
				if shadowed {
					t.Skip("a sanitizer's memory is not limited by what it maps")
				}
				r := start(t, as, &Policy{Level: level, Limits: Limits{Memory: 128 << 20}}, "eat")
				var last int
				for line := range strings.Lines(r.out) {
					fmt.Sscan(line, &last)
				}
				// Go's collector is not always in time to say so: what it wanted is nil then.
				if r.code != 2 || !strings.Contains(r.err, "out of memory") && !strings.Contains(r.err, "runtime.gc") || last < 64 || last > 240 {
					t.Errorf("it had %d MiB, and ended with %d, %v: %.3000s", last, r.code, r.signal, r.err)
				}
			})
			t.Run("files, "+level, func(t *testing.T) {
				var n int
				var name string
				fmt.Sscanf(good(t, as, &Policy{Level: level, Limits: Limits{Files: 64}}, "files"), "%d %s", &n, &name)
				if n < 40 || n > 64 {
					t.Errorf("it had %d more files", n)
				}
			})
		}
	})
}

// A limit of processes needs an id or a control group of its own.
func TestProcessLimit(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		p := &Policy{Level: None, Limits: Limits{Processes: 64}}
		if r := start(t, as, p, "report"); r.code != 3 || !strings.Contains(r.err, "the limit of processes: no control group") {
			t.Errorf("it ended with %d: %s%s", r.code, r.out, r.err)
		}
		p.AllowReduced = true
		if out := good(t, as, p, "report"); !strings.HasPrefix(out, "none\n-the limit of processes") {
			t.Errorf("it reports %q", out)
		}
		p = &Policy{Level: Contained, Limits: Limits{Processes: 40}}
		var n int
		var full bool
		fmt.Sscan(good(t, as, p, "bomb"), &n, &full)
		if !full || n < 10 || n > 40 {
			t.Errorf("it started %d processes, %v", n, full)
		}
	})
}

func TestCPULimit(t *testing.T) {
	t.Parallel()
	r := start(t, uint32(os.Getuid()), &Policy{Level: Strict, Limits: Limits{CPU: 500 * time.Millisecond}}, "burn")
	if r.signal != syscall.SIGKILL && r.signal != syscall.SIGXCPU && !strings.Contains(r.err, "SIGXCPU") {
		t.Errorf("it ended with %d, %v: %.300s", r.code, r.signal, r.err)
	}
}

// What the supervisor did not do, the worker finds.
func TestNotHeld(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		for _, kind := range []string{"pid", "net", "ipc", "mnt"} {
			p := &Policy{Level: Contained}
			if r := start(t, as, p, "report", "CONFINE_TEST_WITHOUT="+kind); r.code != 3 || !strings.Contains(r.err, "namespace "+kind) {
				t.Errorf("without %s: it ended with %d: %s", kind, r.code, r.err)
			}
			p.AllowReduced = true
			out := good(t, as, p, "report", "CONFINE_TEST_WITHOUT="+kind)
			if r, err := ParseReport(strings.TrimSpace(out)); err != nil || !strings.Contains(strings.Join(r.Missing, "\n"), "namespace "+kind) {
				t.Errorf("without %s it reports %q", kind, out)
			}
		}
	})
}

// A grant that is not there ends the start, with its path.
func TestGrantOfNothing(t *testing.T) {
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		for _, level := range []string{Strict, Contained} {
			r := start(t, as, &Policy{Level: level, ReadWrite: []string{"/nowhere/at/all"}}, "report")
			if r.code != 3 || !strings.Contains(r.err, "grant /nowhere/at/all: no such file") {
				t.Errorf("%s: it ended with %d: %s", level, r.code, r.err)
			}
		}
	})
}
