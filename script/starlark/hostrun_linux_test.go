package starlark

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestHostRun(t *testing.T) {
	d := odd(t)
	t.Setenv("OUTWORK_TEST_GONE", "x")
	for expr, want := range map[string]any{
		`host.run(["echo", "a b", "*", "$HOME"])`:                                                            map[any]any{"status": int64(0), "stdout": "a b * $HOME\n", "stderr": ""},
		`host.run(("sh", "-c", "echo e >&2; exit 3"), check = False)`:                                        map[any]any{"status": int64(3), "stdout": "", "stderr": "e\n"},
		`host.run(["sh", "-c", "kill -9 $$"], check = False).status`:                                         int64(-9),
		`host.run(["cat"]).stdout`:                                                                           "",
		`host.run(["cat"], stdin = "text").stdout`:                                                           "text",
		`host.run(["cat"], stdin = b"\xff").stdout`:                                                          "\uFFFD",
		`host.run(["cat"], stdin = b"\xff", text = False).stdout`:                                            []byte("\xff"),
		`host.run(["wc", "-c"], stdin = host.open(d + "/large")).stdout`:                                     "131076\n",
		`host.run(["true"], stdin = host.open(d + "/large")).status`:                                         int64(0),
		`host.run(["pwd"], cwd = d).stdout == d + "\n"`:                                                      true,
		`host.run(["sh", "-c", "echo $A"], env = {"A": "1"}).stdout`:                                         "1\n",
		`host.run(["sh", "-c", "echo ${OUTWORK_TEST_GONE-gone}"], env = {"OUTWORK_TEST_GONE": None}).stdout`: "gone\n",
		`host.run(["sh", "-c", "echo $OUTWORK_TEST_GONE"]).stdout`:                                           "x\n",
		`host.run(["true"], stdin = None, env = None, cwd = None, timeout = None).status`:                    int64(0),
		`host.run(["true"], timeout = 60.5).status`:                                                          int64(0),
		`host.run(["true"], timeout = time.parse_duration("1m")).status`:                                     int64(0),
		`len(host.run(["head", "-c", "16777216", "/dev/zero"]).stdout)`:                                      int64(maxOutput),
	} {
		wantInHost(t, d, expr, want)
	}
}

func TestHostRunFails(t *testing.T) {
	d := odd(t)
	for args, want := range map[string]string{
		`"ls -l"`:                          `host.run: for parameter argv: got string, want a list of strings, as in ["ls", "-l"]: there is no shell`,
		`[]`:                               "host.run: for parameter argv: there is no command in it",
		`[""]`:                             "there is no command in it",
		`["ls", 1]`:                        "got int in it, want strings",
		`["a\0"]`:                          "an argument cannot have a NUL in it",
		`range(1 << 40)`:                   "items at once",
		`["no-such-command"]`:              `host.run("no-such-command"): there is no such command on the PATH`,
		`[d + "/nothing"]`:                 `host.run("D/nothing"): cannot start it: no such file`,
		`[d + "/folder"]`:                  `host.run("D/folder"): cannot start it: permission denied`,
		`[d + "/small"]`:                   `host.run("D/small"): cannot start it: permission denied`,
		`["true", "x" * 10000000]`:         `host.run("true"): cannot start it: argument list too long`,
		`["true"], cwd = d + "/nothing"`:   `host.run("true"): cwd "D/nothing": no such file`,
		`["true"], cwd = d + "/small"`:     `host.run("true"): cwd "D/small": it is not a folder`,
		`["true"], cwd = ""`:               `for parameter "cwd": a path cannot be empty`,
		`["true"], stdin = 1`:              `for parameter "stdin": got int, want string, bytes or a container`,
		`["true"], env = []`:               `for parameter "env": got list, want a dict`,
		`["true"], env = {"A=": "x"}`:      "A= cannot name a variable",
		`["true"], env = {1: "x"}`:         "1 cannot name a variable",
		`["true"], env = {"A": 1}`:         "A is to be a string without a NUL, or None",
		`["true"], env = {"A": "\0"}`:      "A is to be a string without a NUL, or None",
		`["true"], timeout = 0`:            `for parameter "timeout": a time must be longer than nothing`,
		`["true"], timeout = -1.5`:         "a time must be longer than nothing",
		`["true"], timeout = float("nan")`: "it is a number of seconds, or a time.duration",
		`["true"], timeout = 1e300`:        "it is a number of seconds, or a time.duration",
		`["true"], timeout = "5s"`:         "it is a number of seconds, or a time.duration",
		`["false"]`:                        `host.run("false"): exit status 1`,
		`["sh", "-c", "kill -9 $$"]`:       `host.run("sh"): killed by SIGKILL`,
		`["sh", "-c", "echo a >&2; printf 'b\\033[2J\n\n' >&2; exit 7"]`: "host.run(\"sh\"): exit status 7: b\uFFFD[2J",
		`["sleep", "1000"], timeout = 0.05`:                              `host.run("sleep"): it took longer than its timeout of 50ms, and was killed`,
		`["head", "-c", "16777217", "/dev/zero"]`:                        `host.run("head"): it printed more than 16 MiB, and was killed`,
		`["sh", "-c", "cat /dev/zero >&2"]`:                              `host.run("sh"): it printed more than 16 MiB, and was killed`,
	} {
		wantHostError(t, d, "host.run("+args+")", want)
	}
}

// holders is a pipe that a command's processes hold open: who reads it sees
// them end.
type holders struct {
	t    *testing.T
	path string
	r    *os.File
	text *bufio.Reader
}

func newHolders(t *testing.T) *holders {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return &holders{t, path, r, bufio.NewReader(r)}
}

// gone fails unless all holders have ended within a time that is generous. It
// returns what they wrote.
func (h *holders) gone() string {
	h.t.Helper()
	if err := h.r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		h.t.Fatal(err)
	}
	text, err := io.ReadAll(h.text)
	if err != nil {
		h.t.Errorf("processes are left: %v", err)
	}
	return string(text)
}

// pid is the first line, as a number. It waits for who writes it.
func (h *holders) pid() int {
	h.t.Helper()
	raw, err := h.r.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			for {
				if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20_000); err != unix.EINTR {
					return
				}
			}
		})
	}
	line, _ := h.text.ReadString('\n')
	n, errNumber := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || errNumber != nil {
		h.t.Errorf("got %q, %v", line, err)
	}
	return n
}

const stubborn = `trap "" TERM INT HUP; echo $$ >&9; while :; do sleep 1000; done`

// TestHostRunLeavesNothing is of commands that end by themselves or by a
// timeout, and leave or are processes that do not want to.
func TestHostRunLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	fds, kids := descriptors(t), children(t)
	for script, want := range map[string]string{
		`sleep 1000 & echo out`:                     "out\n",
		`(trap "" TERM; sleep 1000) & echo out`:     "out\n",
		`sleep 1000 <&0 >/dev/null 2>&1 & echo out`: "out\n",
		stubborn:                          "",
		`sleep 1000`:                      "",
		`kill -STOP $$`:                   "",
		`sleep 1000 & exec cat /dev/zero`: "",
	} {
		h := newHolders(t)
		timeout := "0.3"
		if want != "" {
			timeout = "None"
		}
		start := time.Now()
		v, err := inHost(t, h.path, `host.run(["sh", "-c", `+strconv.Quote("exec 9>"+h.path+"; "+script)+`], timeout = `+timeout+`, stdin = "x" * 10000000).stdout`)
		if want == "" && err == nil || want != "" && (err != nil || v != want) {
			t.Errorf("%s: got %q, %v", script, v, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", script, took)
		}
		h.gone()
	}
	wantGoroutines(t, before)
	if after := descriptors(t); after > fds+7 { // the pipes above
		t.Errorf("%d descriptors, %d before", after, fds)
	}
	if after := children(t); len(after) > len(kids) {
		t.Errorf("children %q, %q before", after, kids)
	}
}

// children are the processes that this one has not reaped.
func children(t *testing.T) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatal("no list of children", err)
	}
	for _, l := range lists {
		b, _ := os.ReadFile(l) // a thread may have ended
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}

// TestHostRunDoesNotWait is of a process that left the command's group with
// its output: it is not waited for, and what the command printed is there.
func TestHostRunDoesNotWait(t *testing.T) {
	h := newHolders(t)
	v, err := inHost(t, h.path, `host.run(["sh", "-c", "exec 9>$1; mkfifo $1.go; setsid sh -c 'echo $$ >&9; echo >$1.go; exec sleep 1000' sh $1 & echo out; read x <$1.go || true", "sh", d]).stdout`)
	if v != "out\n" || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
	if err := syscall.Kill(h.pid(), syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	h.gone()
}

// TestHostRunCancelled cancels when the command says that it runs.
func TestHostRunCancelled(t *testing.T) {
	for name, script := range map[string]string{
		"stubborn": stubborn,
		"plain":    `echo $$ >&9; exec sleep 1000`,
		"family":   `(sleep 1000; echo) & echo $$ >&9; wait`,
		"tidy":     `trap 'echo tidied >&9; exit' TERM; echo $$ >&9; sleep 1000 & wait`,
		"talking":  `echo $$ >&9; while :; do echo x; done`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolders(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			reason := errors.New("enough")
			go func() {
				h.pid()
				cancel(reason)
			}()
			source := `host.run(["sh", "-c", args[0]])`
			host := granted()
			host.Stuck = func(err error) { t.Errorf("stuck: %v", err) }
			_, err := Run(ctx, host.Host, Script{Name: "x", Source: []byte(source), Args: []string{"exec 9>" + h.path + "; " + script}}, Limits{})
			if !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
			wantText(t, err.(*Error).Traceback, `File "x", line 1`)
			if said := h.gone(); (said == "tidied\n") != (name == "tidy") {
				t.Errorf("its processes said %q", said)
			}
		})
	}
}

// TestHostRunCounts is of output that takes more memory than there may be.
func TestHostRunCounts(t *testing.T) {
	source := "x = []\nwhile True: x.append(host.run(['head', '-c', '8000000', '/dev/zero'], text = False).stdout)\n"
	runtime.GC()
	_, err := Run(t.Context(), granted().Host, Script{Name: "x", Source: []byte(source)}, Limits{Memory: 64 << 20})
	if err == nil {
		t.Fatal("no error")
	}
	wantText(t, err.Error(), "more than its memory limit of 64 MiB")
}
