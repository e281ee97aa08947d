package python_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// A verdict is what becomes of an attempt of a script's.
type verdict string

const (
	allowed  verdict = "allowed"
	refused  verdict = "refused" // an exception; the script goes on
	killed   verdict = "killed"  // lost.Policy
	either   verdict = "refused or killed"
	whatever verdict = "whatever" // by who runs it and on what
)

// attempt is what a script that was taken over may try, and its verdict in each level.
type attempt struct {
	name                    string
	none, contained, strict verdict
	code                    string // of a function; what it returns is allowed
}

// attempts find in their globals what they are to reach: FILE of the test's, FOLDER beside it,
// MANAGER's process number, PORT on the loopback device, PATH and ABSTRACT sockets.
var attempts = []attempt{
	{"open a file", allowed, allowed, refused, `return open("/etc/passwd").read()`},
	{"os.open", allowed, allowed, refused, `return os.open("/etc/passwd", os.O_RDONLY)`},
	{"open by O_PATH", allowed, allowed, refused, `return os.open("/etc/passwd", os.O_PATH)`},
	{"os.stat", allowed, allowed, refused, `return os.stat("/etc/passwd")`},
	{"os.access", allowed, allowed, refused, `if not os.access("/etc/passwd", os.F_OK): raise PermissionError`},
	{"os.listdir", allowed, allowed, refused, `if "passwd" not in os.listdir("/etc"): raise PermissionError`},
	{"os.readlink of its program", allowed, allowed, refused, `return os.readlink("/proc/self/exe")`},
	{"its own environment at the start", allowed, allowed, refused, `return open("/proc/self/environ").read()`},
	{"the manager in /proc", allowed, refused, refused, `return open("/proc/%d/status" % MANAGER).read()`},
	{"the memory of init", whatever, refused, refused, `return open("/proc/1/mem" if os.getpid() != 1 else "/proc/2/mem").read()`},
	{"/sys", allowed, refused, refused, `return os.listdir("/sys/kernel")`},
	{"reopen an open file", allowed, whatever, refused, `return open("/proc/self/fd/1", "wb")`},

	{"write a file", allowed, refused, refused, `open(FILE, "a").write("x")`},
	{"make a file", allowed, refused, refused, `open(FOLDER + "/new", "w")`},
	{"truncate", allowed, refused, refused, `os.truncate(FILE, 0)`},
	{"mkdir", allowed, refused, refused, `os.mkdir(FOLDER + "/dir-%d" % os.getpid())`},
	{"unlink", allowed, refused, refused, `os.unlink(FILE)`},
	{"rename", allowed, refused, refused, `os.rename(FOLDER + "/new", FOLDER + "/newer")`},
	{"symlink", allowed, refused, refused, `os.symlink("/", FOLDER + "/link-%d" % os.getpid())`},
	{"chmod", allowed, refused, refused, `os.chmod(FOLDER, 0o777)`},
	{"utime", allowed, refused, refused, `os.utime(FOLDER)`},
	{"setxattr", whatever, refused, refused, `os.setxattr(FOLDER, "user.x", b"y")`},
	{"mkfifo", allowed, refused, refused, `os.mkfifo(FOLDER + "/fifo-%d" % os.getpid())`},
	{"make a file where its modules are", whatever, refused, refused, `open(os.path.dirname(os.__file__) + "/outwork_was_here.py", "x")`},
	{"make a file in the root", whatever, refused, refused, `open("/outwork-was-here", "x")`},
	{"shared memory", allowed, refused, refused, `import _posixshmem; return _posixshmem.shm_open("/outwork-%d" % os.getpid(), os.O_CREAT | os.O_RDWR, 0o600), _posixshmem.shm_unlink("/outwork-%d" % os.getpid())`},

	{"connect to a port", allowed, refused, refused, `import socket; socket.create_connection(("127.0.0.1", PORT), 1)`},
	{"a datagram", whatever, refused, refused, `import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53))`},
	{"a raw socket", whatever, refused, refused, `import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)`},
	{"netlink", allowed, refused, refused, `import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)`},
	{"connect to a socket in a folder", allowed, refused, refused, `import socket; socket.socket(socket.AF_UNIX).connect(PATH)`},
	{"connect to an abstract socket", allowed, refused, refused, `import socket; socket.socket(socket.AF_UNIX).connect("\0" + ABSTRACT)`},

	{"subprocess", allowed, allowed, refused, `import subprocess; subprocess.run(["true"], check=True)`},
	{"fork", allowed, allowed, refused, "pid = os.fork()\npid or os._exit(0)\nos.waitpid(pid, 0)"},
	{"posix_spawn", allowed, allowed, refused, `os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)`},
	{"vfork", allowed, allowed, refused, `import _posixsubprocess, subprocess; subprocess._USE_VFORK = True; subprocess.run(["/bin/true"], check=True)`},
	{"become another program", whatever, whatever, refused, `os.execv("/bin/true", ["true"])`},
	{"become itself", whatever, whatever, refused, `import sys; os.execv(sys.executable, [sys.executable, "-c", "0"])`},
	{"become a file without a name", whatever, whatever, refused, "f = os.memfd_create('x')\nos.write(f, open('/bin/true', 'rb').read())\nos.execve(f, ['x'], {})"},
	{"memory without a name", allowed, allowed, refused, `return os.memfd_create("x")`},

	{"memory that is executed", allowed, allowed, refused, `return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)`},
	{"memory made executable", allowed, allowed, refused, "m = mmap.mmap(-1, 4096)\nat = ctypes.addressof(ctypes.c_char.from_buffer(m))\ncheck(LIBC.mprotect(ctypes.c_void_p(at), 4096, 5))"},

	{"signal the manager", allowed, refused, refused, `os.kill(MANAGER, 0)`},
	{"signal all", whatever, whatever, refused, `os.kill(-1, 0)`},
	{"pidfd_open of the manager", allowed, refused, refused, `return call("pidfd_open", MANAGER, 0)`},
	{"tgkill of the manager", allowed, refused, refused, `return call("tgkill", MANAGER, MANAGER, 0)`},

	{"setuid(0)", whatever, refused, refused, `os.setuid(0)`},
	{"setgroups", whatever, refused, refused, `os.setgroups([0])`},
	{"capset", whatever, refused, refused, "h = (ctypes.c_uint32 * 2)(0x20080522, 0)\nd = (ctypes.c_uint32 * 6)(1 << 21, 1 << 21)\ncheck(LIBC.capset(h, d))"},
	{"set the host's name", whatever, either, either, `import socket; socket.sethostname("taken")`},
	{"set the clock", whatever, either, either, `import time; time.clock_settime(0, 0)`},
	{"another personality", allowed, refused, refused, `call("personality", 0x0040000)`},
	{"chroot", whatever, either, either, `os.chroot("/")`},

	{"ptrace", whatever, killed, killed, `return call("ptrace", 16, MANAGER, 0, 0)`},
	{"process_vm_readv", whatever, killed, killed, `return call("process_vm_readv", MANAGER, 0, 0, 0, 0, 0)`},
	{"unshare", whatever, killed, killed, `return call("unshare", 0x10000000)`},
	{"setns", whatever, killed, killed, `return call("setns", 0, 0)`},
	{"mount", whatever, killed, killed, `return call("mount", b"none", b"/", b"tmpfs", 0, 0)`},
	{"bpf", whatever, killed, killed, `return call("bpf", 0, 0, 0)`},
	{"perf_event_open", whatever, killed, killed, `return call("perf_event_open", 0, 0, -1, -1, 0)`},
	{"io_uring_setup", whatever, killed, killed, `return call("io_uring_setup", 1, 0)`},
	{"userfaultfd", whatever, killed, killed, `return call("userfaultfd", 0)`},
	{"keyctl", whatever, killed, killed, `return call("keyctl", 0, -3, 0)`},
	{"a system call of 32 bits", whatever, killed, killed, `return call("foreign")`},
}

// prologue is before each attempt. LIBC loads without ctypes being able to make code.
const prologue = `
import ctypes, errno, mmap, os, sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


def check(result):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return result


def call(number, *args):
    return check(LIBC.syscall(ctypes.c_long(CALLS[number]), *(ctypes.c_long(a) if type(a) is int else a for a in args)))


`

// numbers are those of the system calls that attempts make themselves.
var numbers = map[string]int{
	"pidfd_open": unix.SYS_PIDFD_OPEN, "tgkill": unix.SYS_TGKILL, "personality": unix.SYS_PERSONALITY, "ptrace": unix.SYS_PTRACE,
	"process_vm_readv": unix.SYS_PROCESS_VM_READV, "unshare": unix.SYS_UNSHARE, "setns": unix.SYS_SETNS, "mount": unix.SYS_MOUNT,
	"bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN, "io_uring_setup": unix.SYS_IO_URING_SETUP,
	"userfaultfd": unix.SYS_USERFAULTFD, "keyctl": unix.SYS_KEYCTL, "foreign": 1<<30 | unix.SYS_GETPID,
}

// source is a script that makes an attempt, and tells what became of it.
func (a *attempt) source(globals string) string {
	return prologue + globals + "\n\ndef attempt():\n    " + strings.ReplaceAll(a.code, "\n", "\n    ") + `


def main():
    try:
        attempt()
    except Exception as e:
        return "refused: %s: %s" % (type(e).__name__, e)
    return "allowed"
`
}

// scene is what attempts are to reach.
type scene struct {
	dir, file, socket string
	port              int
	abstract          string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "python") // others may enter it, unlike the test's own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &scene{dir: dir, file: filepath.Join(dir, "file"), socket: filepath.Join(dir, "socket"), abstract: filepath.Base(dir)}
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(s.file, []byte("x"), 0o666), os.Chmod(s.file, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", s.socket}, {"unix", "@" + s.abstract}} {
		l, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			s.port = a.Port
		}
	}
	if err := os.Chmod(s.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) globals() string {
	calls, err := json.Marshal(numbers)
	if err != nil {
		panic(err) // of a constant
	}
	return fmt.Sprintf("CALLS = %s\nMANAGER, PORT, FILE, FOLDER, PATH, ABSTRACT = %d, %d, %q, %q, %q, %q", calls, os.Getpid(), s.port, s.file, s.dir, s.socket, s.abstract)
}

// confined is a target of a level.
func confined(t *testing.T, level string) outwork.Target {
	return outwork.Target{Lang: python.Lang, Program: debian(t), Sandbox: sandbox.Config{Level: level}}
}

// TestAttempts: what a script that was taken over may try has the verdict of its level.
func TestAttempts(t *testing.T) {
	asUser(t)
	for _, level := range []string{sandbox.None, sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) { tryAll(t, level) })
	}
}

func tryAll(t *testing.T, level string) {
	var m outwork.Manager
	defer m.Close()
	s := newScene(t)
	var w *outwork.Worker
	for _, a := range attempts {
		want := a.verdict(level)
		if level == sandbox.None && want == whatever {
			continue // it is not about to be stopped, and might succeed
		}
		if err := os.WriteFile(s.file, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		if w == nil || w.Err() != nil {
			var err error
			if w, err = m.Start(t.Context(), confined(t, level)); err != nil {
				t.Fatal(err)
			}
		}
		v, err := w.Run(t.Context(), outwork.Script{Lang: python.Lang, Name: a.name, Source: a.source(s.globals())})
		got := fmt.Sprint(v.Any())
		if errors.Is(err, lost.Policy) {
			got = string(killed)
		} else if err != nil {
			got = err.Error()
		}
		if !want.holds(got) {
			t.Errorf("%s: %s: %s, want %s", level, a.name, got, want)
		}
	}
}

func (a *attempt) verdict(level string) verdict {
	return map[string]verdict{sandbox.None: a.none, sandbox.Contained: a.contained, sandbox.Strict: a.strict}[level]
}

func (v verdict) holds(got string) bool {
	word, _, _ := strings.Cut(got, ":")
	return v == whatever || verdict(word) == v || v == either && slices.Contains([]verdict{refused, killed}, verdict(word))
}

// asUser runs the calling test as an ordinary user too, where this process can become one.
func asUser(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	t.Run("as a user", func(t *testing.T) {
		name, _, _ := strings.Cut(t.Name(), "/")
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+name+"$", "-test.timeout=2m")
		cmd.Args[0] = os.Args[0]
		cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "CI=" + os.Getenv("CI"), "HOME=/"}
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "PASS") && err == nil {
			t.Errorf("it ran nothing: %s", out)
		}
	})
}
