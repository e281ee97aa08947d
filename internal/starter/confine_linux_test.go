package starter

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/internal/confine"
)

// confined starts a process in a role that is held.
func confined(t *testing.T, s *Starter, p *confine.Policy, role string, args ...string) (*Process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := Command{
		Args: append([]string{role}, args...), Dir: "/", Stdout: w, Stderr: w, Confine: p,
		Env: []string{RoleVariable + "=" + role, confine.PolicyVariable + "=the manager's own"},
	}
	proc, err := s.Start(t.Context(), c)
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	return proc, r
}

// A policy crosses to the starter, and what it cost the process comes back.
func TestConfined(t *testing.T) {
	s := open(t)
	policy := &confine.Policy{Level: confine.Contained, Limits: confine.Limits{Memory: 64 << 20}}
	p, r := confined(t, s, policy, "idle")
	defer r.Close()
	if inside := pids(t, r, 1)[0]; inside != 1 || p.PID == 1 {
		t.Errorf("it is process %d in its namespace, and %d here", inside, p.PID)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
	if n := strings.Count(string(env), confine.PolicyVariable+"="); n != 1 || strings.Contains(string(env), "the manager's own") || err != nil {
		t.Errorf("its environment is %q, %v", env, err)
	}
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID))
	if err != nil {
		t.Error(err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	exit, err := p.Wait()
	if held := strings.Contains(string(groups), "/outwork-"); held != (exit.PeakMemory > 0) || exit.OutOfMemory || err != nil {
		t.Errorf("in the groups\n%sit ended with %+v, %v", groups, exit, err)
	}
	policy.Level = "lax"
	if _, err := s.Start(t.Context(), Command{Args: []string{"x"}, Confine: policy}); err == nil || !strings.HasPrefix(err.Error(), "no such level of confinement") {
		t.Error(err)
	}
}

// A starter that is killed takes those along that are held, whatever they have started.
func TestConfinedDieWithTheStarter(t *testing.T) {
	s := open(t)
	p, r := confined(t, s, &confine.Policy{Level: confine.Contained}, "breed")
	defer r.Close()
	pids(t, r, 2)
	family := append(below(t, p.PID), p.PID)
	if len(family) != 3 {
		t.Fatalf("its family is %d", family)
	}
	s.proc.Kill()
	gone(t, family...)
	if exit, err := p.Wait(); err == nil {
		t.Error("its end is known:", exit)
	}
}

// below are the children of a process.
func below(t *testing.T, pid int) (list []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lists {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for f := range strings.FieldsSeq(string(b)) {
			var child int
			if _, err := fmt.Sscan(f, &child); err != nil {
				t.Fatal(err)
			}
			list = append(list, child)
		}
	}
	return list
}
