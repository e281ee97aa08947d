package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

func TestAmount(t *testing.T) {
	for text, want := range map[string]amount{
		"1": 1, "512": 512, "64M": 64 << 20, "64m": 64 << 20, "64MB": 64 << 20, "64MiB": 64 << 20, "1G": 1 << 30, "3k": 3 << 10, "7T": 7 << 40,
	} {
		var a amount
		if err := a.Set(text); err != nil || a != want {
			t.Errorf("%q: got %d, %v; want %d", text, a, err, want)
		}
		var again amount
		if err := again.Set(a.String()); err != nil || again != a {
			t.Errorf("%q: is written %q, which is %d, %v", text, a.String(), again, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "M", "1.5G", "64 M", "1X", "64MM", "9000000T", "99999999999999999999", "0x10", "+", "i", "B"} {
		a := amount(7)
		if err := a.Set(text); err == nil || a != 7 {
			t.Errorf("%q: got %d", text, a)
		}
	}
}

// flagged are the flags as a verb has them, read from a line.
func flagged(t *testing.T, add func(*sandboxFlags, *pflag.FlagSet), line ...string) *sandboxFlags {
	t.Helper()
	var s sandboxFlags
	f := pflag.NewFlagSet("verb", pflag.ContinueOnError)
	add(&s, f)
	if err := f.Parse(line); err != nil {
		t.Fatal(err)
	}
	return &s
}

func free(s *sandboxFlags, f *pflag.FlagSet)    { s.add(f, sandbox.None) }
func reading(s *sandboxFlags, f *pflag.FlagSet) { s.addFew(f, sandbox.Strict) }

func TestSandboxFlags(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("in", 0o700); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "in")
	for _, c := range []struct {
		add  func(*sandboxFlags, *pflag.FlagSet)
		line string
		want outwork.Target
	}{
		{free, "", outwork.Target{}},
		{free, "--sandbox=none", outwork.Target{}},
		{free, "--memory 64M --cpu 1m", outwork.Target{Limits: sandbox.Limits{Memory: 64 << 20, CPU: time.Minute}}},
		{free, "--sandbox", outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}}},
		{free, "--sandbox=contained --allow-reduced", outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Contained, AllowReduced: true}}},
		{
			free, "--sandbox --allow-read in --allow-read /etc --allow-write ./in/ --allow-device /dev/null --allow-network --allow-processes",
			outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict, ReadOnly: []string{in, "/etc"}, ReadWrite: []string{in}, Devices: []string{"/dev/null"}, Network: true, Subprocesses: true}},
		},
		{reading, "", outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}, Limits: sandbox.Limits{CPU: -1}}},
		{reading, "--sandbox --cpu 3s", outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}, Limits: sandbox.Limits{CPU: 3 * time.Second}}},
		{reading, "--sandbox=none", outwork.Target{Limits: sandbox.Limits{CPU: -1}}},
	} {
		var got outwork.Target
		if err := flagged(t, c.add, strings.Fields(c.line)...).target(&got); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, %v; want %+v", c.line, got, err, c.want)
		}
	}
}

func TestSandboxFlagsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		away       bool
		line, want string
	}{
		{false, "--allow-network", "--allow-network is for a worker that is confined"},
		{false, "--allow-reduced", "--allow-reduced is for"},
		{false, "--allow-read /etc", "--allow-read is for"},
		{false, "--allow-write /etc", "--allow-write is for"},
		{false, "--allow-device /dev/null", "--allow-device is for"},
		{false, "--allow-processes", "--allow-processes is for"},
		{false, "--memory 63M", "--memory 63M: a worker needs at least 64M"},
		{false, "--sandbox --allow-read nowhere", "--allow-read nowhere: no such file or directory"},
		{false, "--sandbox --allow-write=", `--allow-write "": it is empty`},
		{false, "--sandbox --allow-device /etc", "--allow-device /etc: it is no device"},
		{true, "--sandbox --allow-read in", `--allow-read "in": write an absolute path: it is of the host`},
	} {
		s := flagged(t, free, strings.Fields(c.line)...)
		s.away = c.away
		err := s.target(new(outwork.Target))
		if f := asFailure(err); f == nil || f.status != statusUsage || !strings.HasPrefix(f.Message, c.want) {
			t.Errorf("%q: got %v", c.line, err)
		}
	}
	s := flagged(t, free, "--sandbox", "--allow-read", "/no/such/../folder")
	s.away = true
	if got := new(outwork.Target); s.target(got) != nil || got.Sandbox.ReadOnly[0] != "/no/folder" {
		t.Errorf("got %+v: what is on a host is not looked up here", got)
	}
}

// A worker with an id of its own may do what others may.
func TestShut(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, mode := range map[string]os.FileMode{"open": 0o777, "usual": 0o755, "closed": 0o700} {
		if err := errors.Join(os.Mkdir(name, 0o700), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("f", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	own := sandbox.Report{Active: []string{"seccomp", "user id 2136472259"}}
	const why = "root's workers have a user id of their own, and others lack the rights: chmod o+"
	for line, want := range map[string]string{
		"--allow-read open --allow-write open --allow-read usual --allow-read gone": "",
		"--allow-write usual":                      "warning: --allow-write usual: the worker may not write there: " + why + "w usual\n",
		"--allow-read closed --allow-write closed": "warning: --allow-read closed: the worker may not read it: " + why + "rx closed\nwarning: --allow-write closed: the worker may not write there: " + why + "rwx closed\n",
		"--allow-write f":                          "warning: --allow-write f: the worker may not write there: " + why + "rw f\n",
	} {
		s := flagged(t, free, strings.Fields(line)...)
		if got := s.shut(own); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
		if got := s.shut(sandbox.Report{Active: []string{"seccomp", "namespace user"}}); got != "" {
			t.Errorf("%s: a worker with its user's id may do what that may: %q", line, got)
		}
		if s.away = true; s.shut(own) != "" {
			t.Errorf("%s: what is on a host is not looked up here", line)
		}
	}
}

func TestApart(t *testing.T) {
	var s sandboxFlags
	for _, line := range []string{"", "--sandbox", "strict", "--sandbox x", "--sandbox=strict strict", "--sandbox -- strict", "x --sandbox", "-- --sandbox strict"} {
		if err := s.apart(strings.Fields(line)); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, line := range []string{"--sandbox strict", "inspect --sandbox none x", "x --sandbox contained"} {
		if s.apart(strings.Fields(line)) == nil {
			t.Errorf("%q passes", line)
		}
	}
}

// What the library advises is told in words of the command line, and is the error that it was.
func TestUnconfined(t *testing.T) {
	inner := errors.New("no user namespace (Sandbox.AllowReduced would do without)")
	err := error(&startError{unconfined{fmt.Errorf("start worker: %w", inner)}})
	if want := "start worker: no user namespace (--allow-reduced would do without)"; err.Error() != want || !errors.Is(err, inner) {
		t.Errorf("got %v", err)
	}
	why := &outwork.LostError{Worker: "w", Host: "ssh://a", Stderr: []byte("first\noutwork: confine this worker: no Landlock (Sandbox.AllowReduced would do without)\n"), Cause: lost.Exit}
	if got, want := (unconfined{why}).Error(), "the worker at ssh://a cannot be confined: no Landlock (--allow-reduced would do without)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	why.Host = ""
	if got, want := (unconfined{why}).Error(), "the worker cannot be confined: no Landlock (--allow-reduced would do without)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if f := asFailure(ending(t.Context(), "x", 0, &startError{unconfined{why}})); f.status != statusLost || f.Kind != kindLost || f.Message != (unconfined{why}).Error() {
		t.Errorf("got %+v", f)
	}
}

// What a worker tells is printed, and it may be taken over.
func TestConfinementText(t *testing.T) {
	got := confinementText("[w] ", sandbox.Report{Level: "strict", Active: []string{"seccomp", "landlock 3"}, Missing: []string{"namespace net:\tthe kernel refuses\nit"}})
	if want := "[w] confinement: strict\n[w]   active:  seccomp\n[w]   active:  landlock 3\n[w]   missing: namespace net: the kernel refuses\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := confinementText("", sandbox.Report{Active: []string{"a\x1b]0;x"}}); strings.Contains(got, "\x1b") {
		t.Errorf("got %q", got)
	}
}
