package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/host"
)

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		text  string // of a hop; "$1" is the stage
		stage host.Stage
		words string
	}{
		"ends":               {"exit 3", host.Shell, "it ended (exit status 3) before"},
		"complains":          {"echo sorry >&2; exit 3", host.Shell, "the last that was printed: sorry"},
		"complains out":      {"echo sorry; exit 3", host.Shell, "the last that was printed: sorry"},
		"no shell":           {"exec /nonexistent/sh -c x", host.Shell, "no /bin/sh"},
		"killed":             {"kill -9 $$", host.Shell, "signal: killed"},
		"nologin":            {"echo 'This account is currently not available.'; exit 1", host.Shell, "This account is currently not available."},
		"ends in the middle": {`printf '\211owk:'; exit 0`, host.Shell, "exit status 0"},
		"wrong marker":       {`printf '\211owk:0123\tmiss\tLinux x86_64\n'; exit 0`, host.Shell, "exit status 0"},
		"probe":              {`sed s/x/y/ </dev/null; eval "$(printf %s "$1" | sed 's/while IFS.*/exit 5/')"`, host.Upload, "exit status 5"},
		"dies there":         {`AGENT=dies; export AGENT; exec /bin/sh -c "$1"`, host.Execute, "exit status 7"},
		"old":                {`AGENT=old; export AGENT; exec /bin/sh -c "$1"`, host.Handshake, "version 99"},
		"babble":             {`eval "$(printf %s "$1" | sed 's/.tmiss/\\tmess/')"`, host.Probe, "no sense"},
		"noise":              {`yes; exit`, host.Shell, "prints and prints"},
		"binary noise":       {`yes "$(printf '\211owk\r\n\032\032')"`, host.Shell, "prints and prints"},
		"endless line":       {`m=$(printf %s "$1" | sed 's/.*owk:\([^\\]*\).tmiss.*/\1/'); printf '\211owk:%s\t' $m; yes | tr -d '\n'`, host.Shell, "no sense"},
		"endless words":      {`m=$(printf %s "$1" | sed 's/.*owk:\([^\\]*\).tmiss.*/\1/'); printf '\211owk:%s\tmiss\tLinux %s\n' $m $(uname -m); yes "$(printf '\211owk:%s\tdir\t/x\tfull' $m)"`, host.Upload, "no sense"},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			begin := time.Now()
			e := fails(t, place(t), script(c.text), options(), c.stage, c.words)
			if time.Since(begin) > patience/2 {
				t.Error("it took", time.Since(begin))
			}
			if n := len(strings.Join(e.Lines, "")); n > 6*keepWords || len(e.Lines) > keepLines {
				t.Errorf("%d lines, %d bytes", len(e.Lines), n)
			}
		})
	}
}

// Silence, at each stage.
func TestStalls(t *testing.T) {
	nothing := "exec 0</dev/zero; kill -STOP $$"
	for name, c := range map[string]struct {
		text  string
		stage host.Stage
		stall time.Duration
	}{
		"at first":   {nothing, host.Connect, 3 * time.Second},
		"said hello": {"echo Welcome; " + nothing, host.Shell, 3 * time.Second},
		"agent":      {`AGENT=silent; export AGENT; exec /bin/sh -c "$1"`, host.Handshake, 5 * time.Second}, // the upload before is unpacked meanwhile
		"upload":     {`eval "$(printf %s "$1" | sed 's/while IFS.*/kill -STOP $$/')"`, host.Upload, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			o := options()
			o.Stall = c.stall
			fails(t, place(t), script(c.text), o, c.stage, "nothing came from it, and nothing could be sent, for "+c.stall.String())
		})
	}
}

// A slow link is no stall.
func TestSlow(t *testing.T) {
	settle(t)
	o := options()
	o.Stall = time.Second
	need(t, "perl", "perl")
	// 64 KiB each 20 ms
	h := script(`perl -e '$| = 1; while (sysread(STDIN, $b, 65536)) { syswrite(STDOUT, $b); select(undef, undef, undef, 0.02) }' | /bin/sh -c "$1"`)
	r := reach(t, place(t), h, o)
	echo(t, r, string(o.Ahead()))
}

// Bytes that were changed on the way.
func TestSpoilt(t *testing.T) {
	settle(t)
	need(t, "perl", "perl")
	p := place(t)
	h := script(`perl -e '$| = 1; while ($n = sysread(STDIN, $b, 65536)) { $t += $n; substr($b, 9, 1) = "x" if $t > 500000 && !$done++; syswrite(STDOUT, $b) }' | /bin/sh -c "$1"`)
	fails(t, p, h, options(), host.Verify, "not what was sent")
	if names, _ := filepath.Glob(p.cache() + "/*"); len(names) != 0 {
		t.Errorf("left %q", names)
	}
}

// The connection is lost in the middle of an upload: nothing is left there.
func TestCutUpload(t *testing.T) {
	settle(t)
	need(t, "perl", "perl")
	p := place(t)
	h := script(`perl -e '$| = 1; while ($n = sysread(STDIN, $b, 65536)) { exit if ($t += $n) > 500000; syswrite(STDOUT, $b) }' | /bin/sh -c "$1"`)
	fails(t, p, h, options(), host.Upload)
	if names, _ := filepath.Glob(p.cache() + "/*"); len(names) != 0 {
		t.Errorf("left %q", names)
	}
}

func TestBanners(t *testing.T) {
	settle(t)
	p := place(t)
	h := script(`printf 'Welcome\r\n\211owk\r\nto \211owk:none\tof\nthis: '; echo "a motd" >&2; exec /bin/sh -c "$1"`)
	for range 2 {
		o := options()
		r := reach(t, p, h, o)
		if s := strings.Join(r.Lines(), "|"); !strings.Contains(s, "Welcome") || !strings.Contains(s, "a motd") {
			t.Errorf("got %q", s)
		}
		echo(t, r, string(o.Ahead()))
	}
}

func TestCancel(t *testing.T) {
	for name, text := range map[string]string{
		"at first": "kill -STOP $$",
		"agent":    `AGENT=silent; export AGENT; exec /bin/sh -c "$1"`,
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			pid := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := Reach(ctx, place(t), script("echo $$ >"+pid+";"+text), options())
			if _, ok := errors.AsType[*host.Error](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			b, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			gone(t, strings.TrimSpace(string(b)))
		})
	}
}

// gone waits until a process is no more.
func gone(t *testing.T, pid string) {
	t.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %s is still there", pid)
		}
	}
}

func TestNotInstalled(t *testing.T) {
	settle(t)
	h := &shell{"ssh://db1", []string{"no-such-ssh"}}
	fails(t, place(t), h, options(), host.Connect, "ssh://db1: connect: no-such-ssh is not installed here, or not in PATH")
}

func TestCheck(t *testing.T) {
	settle(t)
	p, before := place(t, "SHELL=/bin/strange"), elsewhere(t)
	r, err := Check(t.Context(), p, plainShell, options())
	if err != nil {
		t.Fatal(err)
	}
	f := r.Facts
	if f.System != "Linux" || f.UID != os.Getuid() || f.User == "" || f.Home != p.home() || f.Shell != "/bin/strange" || !slices.Contains(f.Tools, "gzip") || f.Cached != "" {
		t.Errorf("got %+v", f)
	}
	if len(f.Dirs) < 4 || f.Dirs[0] != (host.Dir{Path: p.cache()}) || r.RoundTrip <= 0 || r.Binary != nil || len(r.Times) != 2 {
		t.Errorf("got %+v", r)
	}
	if want := bounds(t); !slices.Equal(f.Bounds, want) {
		t.Errorf("bounds %q, want %q", f.Bounds, want)
	}
	if names, _ := os.ReadDir(p.home()); len(names) != 0 {
		t.Errorf("left %v", names)
	}
	if after := elsewhere(t); !slices.Equal(before, after) {
		t.Errorf("left %q, where %q was", after, before)
	}
	echo(t, reach(t, p, plainShell, options()), string(options().Ahead()))
	if r, err = Check(t.Context(), p, plainShell, options()); err != nil || r.Facts.Cached != p.cache() {
		t.Errorf("got %+v, %v", r, err)
	}
	onlyAgent(t, p.cache())
}

// elsewhere is what directories for programs there are besides a test's own.
func elsewhere(t *testing.T) (all []string) {
	t.Helper()
	for _, dir := range []string{"/var/tmp", "/dev/shm", "/tmp"} {
		names, err := filepath.Glob(dir + "/outwork-*/*")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	return all
}

// bounds are what this machine's kernel has to confine workers with, asked otherwise
// than a shell does.
func bounds(t *testing.T) (all []string) {
	t.Helper()
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version); errno == 0 {
		all = append(all, fmt.Sprintf("landlock %d", abi))
	}
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if cmd.Run() == nil {
		all = append(all, "userns")
	}
	action := uint32(unix.SECCOMP_RET_KILL_PROCESS)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); errno == 0 {
		all = append(all, "seccomp")
	}
	var s unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &s); err != nil {
		t.Fatal(err)
	}
	if s.Type == unix.CGROUP2_SUPER_MAGIC {
		return append(all, "cgroup2")
	}
	if unix.Statfs("/sys/fs/cgroup/memory", &s) == nil {
		all = append(all, "cgroup1")
	}
	return all
}

// Whatever a host says of its kernel, little of it is kept.
func TestBoundsAreFew(t *testing.T) {
	var f facts
	for range 1000 {
		f.take([]string{"bound", "landlock\x1b[2J", "4"})
	}
	if len(f.Bounds) != maxBounds || strings.Contains(f.Bounds[0], "\x1b") {
		t.Errorf("got %q", f.Bounds)
	}
}

func TestCheckFails(t *testing.T) {
	settle(t)
	_, err := Check(t.Context(), place(t), script("echo no >&2; exit 4"), options())
	if e, ok := errors.AsType[*host.Error](err); !ok || e.Stage != host.Shell || e.Code != 4 {
		t.Error(err)
	}
}
