package outwork_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
)

func init() {
	bareRoles["garbage"] = func() { speak(strings.Repeat("GET / HTTP/1.1\r\n", 10)) }
	bareRoles["another version"] = func() { speak("\x89ow\x6b\r\n\x1a\n\x00\x02\x00\x00") }
	bareRoles["ends at once"] = func() {}
	bareRoles["does not call Main"] = forgot
	bareRoles["starts before Main"] = func() { forgot(); outwork.Main() }
}

// speak writes to what ought to be a link, and then waits to be killed.
func speak(words string) {
	link := os.NewFile(3, "link")
	link.WriteString(words)
	syscall.Pause()
}

// forgot is a main that forgot to call Main.
func forgot() {
	fmt.Println("here is main")
	var m outwork.Manager
	defer m.Close()
	if _, err := m.Start(neverEnds, outwork.Target{}); err != nil {
		fmt.Println(err)
	}
}

// self is the test binary in another role.
func self(t *testing.T, kind, role string) outwork.Target {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return outwork.Target{Program: exe, Env: append(os.Environ(), kind+"="+role)}
}

func TestGarbage(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	other := started(t, &m, outwork.Target{})
	for role, want := range map[string]struct {
		rule string
		hint bool // that its main may not call Main
	}{"garbage": {"preamble", true}, "another version": {"version", false}} {
		_, err := m.Start(within(t), self(t, bareRole, role))
		e, ok := errors.AsType[*outwork.ProtocolError](err)
		if !ok || e.Rule != want.rule || !strings.Contains(err.Error(), "broke the protocol and was killed: rule "+e.Rule) ||
			strings.Contains(err.Error(), "outwork.Main") != want.hint {
			t.Errorf("%s: got %T %v", role, err, err)
		}
	}
	if n, err := double.Call(within(t), other, 2); n != 4 || err != nil {
		t.Errorf("the other worker: %d, %v", n, err)
	}
}

func TestStillborn(t *testing.T) {
	nothingLeft(t)
	var m outwork.Manager
	defer m.Close()
	_, err := m.Start(within(t), self(t, bareRole, "ends at once"))
	if e := lossIn(t, err); e.ExitCode != 0 || !strings.Contains(err.Error(), "does its main call outwork.Main first?") {
		t.Errorf("got %v", err)
	}
	if _, err := m.Start(within(t), outwork.Target{Program: "/bin/false"}); lossIn(t, err).ExitCode != 1 {
		t.Errorf("got %v", err)
	}
}

// A worker's program that has not called Main yet starts nothing, however it
// was started itself.
func TestStartBeforeMain(t *testing.T) {
	nothingLeft(t)
	var out buffer
	m := outwork.Manager{Stdout: &out}
	defer m.Close()
	w, err := m.Start(within(t), self(t, bareRole, "starts before Main"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := double.Call(within(t), w, 2); n != 4 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if got := out.String(); strings.Count(got, "here is main") != 1 || !strings.Contains(got, "outwork.Main was not called") {
		t.Errorf("it printed %q", got)
	}
}

func TestForgottenMain(t *testing.T) {
	nothingLeft(t)
	out := output(t, self(t, bareRole, "does not call Main"))
	if strings.Count(out, "here is main") != 1 || !strings.Contains(out, "start worker: ") || !strings.Contains(out, "outwork.Main was not called") {
		t.Errorf("it printed %q", out)
	}
}

// A role without the link that belongs to it is somebody's mistake, or worse.
func TestRoleWithoutLink(t *testing.T) {
	for _, role := range []string{"worker", "worker-far", "starter", "king"} {
		target := self(t, usualRole, "")
		target.Env = append(target.Env, "OUTWORK_ROLE="+role)
		out := output(t, target)
		if !strings.Contains(out, "OUTWORK_ROLE="+role) || !strings.Contains(out, "descriptor 3 is no link") || !strings.Contains(out, "exit status 1") {
			t.Errorf("%s: it printed %q", role, out)
		}
	}
}
