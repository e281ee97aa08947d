package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
)

// quickExit keeps the race detector from holding each process up for a second when it
// ends.
const quickExit = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	outwork.Main()
	os.Setenv("GORACE", quickExit)
	if len(os.Args) > 1 && os.Args[1] == "attach" { // join:// starts this very program
		main()
	}
	testscript.Main(m, map[string]func(){"outwork": func() {
		if os.Getenv(hostsVariable) != "" {
			placed, checker = pretended, pretendedCheck
		}
		if n, err := strconv.Atoi(os.Getenv(pythonFilesVariable)); err == nil {
			pythonFiles = n
		}
		main()
	}, "asks": asks})
}

// pythonFilesVariable stands for pythonFiles.
const pythonFilesVariable = "TEST_PYTHON_FILES"

// hostsVariable makes hosts folders of this machine: where the variable's folder has one
// of a host's name, workers there start in it, with the name as $HOST. Other hosts cannot
// be reached.
const hostsVariable = "TEST_HOSTS"

// pretendedCheck finds hosts that are folders. On the way to one of the name asks it
// wants to know a password; fails cannot be logged in to, and for strange there is no
// program.
func pretendedCheck(ctx context.Context, m *outwork.Manager, t outwork.Target) (*host.Report, error) {
	_, err := os.Stat(t.Dir)
	r := &host.Report{RoundTrip: 3 * time.Millisecond, Times: []host.Timing{{Stage: host.Shell, Took: 250 * time.Millisecond}, {Stage: host.Probe, Took: 40 * time.Millisecond}}}
	r.Facts = host.Facts{OS: "linux", Arch: "amd64", User: "deploy", Python: "3.11.2", Bounds: []string{"landlock 4", "seccomp"}, Tools: []string{"head", "perl"}}
	r.Facts.Dirs = []host.Dir{{Path: "/home/deploy/.cache/outwork", Why: "noexec"}, {Path: "/var/tmp/outwork-1000"}, {Path: "/tmp/outwork-1000", Why: "noexec"}}
	switch name := filepath.Base(t.Dir); {
	case name == "asks" && m.Ask == nil:
		return nil, errors.New("nobody can be asked")
	case name == "asks":
		r.Facts.User, err = m.Ask(ctx, host.Question{Host: "ssh://asks", Text: "Password for \x1b]0;me: ", Secret: true})
	case name == "fails":
		return nil, &host.Error{Stage: host.Authenticate, Hop: "ssh://fails", Err: errors.New("permission denied (publickey)"), Code: 255}
	case name == "strange":
		r.Binary = errors.New("it is linux/s390x, and there is no outwork-linux-s390x")
	case name == "readonly":
		r.Facts.Dirs = r.Facts.Dirs[:1]
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func pretended(t outwork.Target, d destination) outwork.Target {
	if !d.away() {
		return t
	}
	name := strings.NewReplacer("ssh://", "", "sudo://", "as-", " ", "").Replace(d.label)
	t.Dir = filepath.Join(os.Getenv(hostsVariable), name)
	os.Unsetenv("HOME") // the first one would count
	t.Env = append(os.Environ(), "HOST="+name, "HOME="+t.Dir, "VIA="+strings.Join(d.via, " "))
	return t
}

// The scripts read like a terminal session. Beside testscript's own commands they
// have
//
//	exits N outwork ARG...     run the command, which must end with status N
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			env.Setenv("GORACE", quickExit)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exits status command [args...]")
	}
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...)); ok {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// command is this test's binary as the command.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"outwork"}, args...)
	return cmd
}
