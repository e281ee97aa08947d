package attack

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
)

// few is how many attempts there must be at least.
const few = 40

func TestThereAreEnoughAttempts(t *testing.T) {
	names := make(map[string]bool)
	for _, a := range all() {
		if names[a.name] {
			t.Errorf("two are called %q", a.name)
		}
		names[a.name] = true
		if a.do == nil || !a.strict.tried() {
			t.Errorf("%q is not tried in a strict worker", a.name)
		}
	}
	if len(names) < few {
		t.Errorf("%d attempts; want at least %d", len(names), few)
	}
	t.Logf("%d attempts", len(names))
}

// attacker has attempts made by workers in one sandbox.
type attacker struct {
	t       *testing.T
	m       outwork.Manager
	target  outwork.Target
	program bool            // the worker starts one that makes them
	w       *outwork.Worker // nil: it was killed
}

func newAttacker(t *testing.T, s sandbox.Config) *attacker {
	a := &attacker{t: t, target: outwork.Target{Sandbox: s}, m: outwork.Manager{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Stdout: silence{}, Stderr: silence{}}}
	t.Cleanup(func() {
		if err := a.m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return a
}

type silence struct{}

func (silence) Write(b []byte) (int, error) { return len(b), nil }

// worker is one that lives.
func (a *attacker) worker(t *testing.T) *outwork.Worker {
	t.Helper()
	if a.w == nil {
		w, err := a.m.Start(within(t), a.target)
		if err != nil {
			t.Fatal(err)
		}
		a.w = w
	}
	return a.w
}

// try makes an attempt.
func (a *attacker) try(t *testing.T, name string, s *stage) outcome {
	t.Helper()
	args, err := s.task(name, a.program)
	if err != nil {
		t.Fatal(err)
	}
	defer args.File.Close()
	defer args.Sealed.Close()
	w := a.worker(t)
	o, err := try.Call(within(t), w, args)
	if err == nil {
		return o
	}
	e, ok := errors.AsType[*outwork.LostError](err)
	if !ok {
		t.Fatal(err)
	}
	<-w.Done()
	w.Close()
	a.w = nil
	return outcome{Killed: e.Signal == syscall.SIGSYS.String(), Lost: err.Error()}
}

// The table without confinement: what attempts come to that are none.
func TestNone(t *testing.T) {
	for _, program := range []bool{false, true} {
		t.Run(by(program), func(t *testing.T) {
			a := newAttacker(t, sandbox.Config{})
			a.program = program
			for i, attempt := range all() {
				if !attempt.none.tried() || program && (attempt.alone || i%sample > 0) {
					continue
				}
				t.Run(attempt.name, func(t *testing.T) {
					got := a.try(t, attempt.name, newStage(t))
					if os.Geteuid() != 0 && !got.Killed && got.Lost == "" {
						return // what one's user may is not the table's
					}
					check(t, attempt.none, got)
				})
			}
		})
	}
}

func by(program bool) string {
	if program {
		return "program"
	}
	return "worker"
}

func TestContained(t *testing.T) {
	for _, program := range []bool{false, true} {
		t.Run(by(program), func(t *testing.T) {
			a := newAttacker(t, sandbox.Config{Level: sandbox.Contained})
			a.program = program
			a.all(func(at attempt) verdict { return at.contained })
		})
	}
}

func TestStrict(t *testing.T) {
	t.Run("worker", func(t *testing.T) {
		a := newAttacker(t, sandbox.Config{Level: sandbox.Strict})
		a.all(func(at attempt) verdict { return at.strict })
	})
	t.Run("program", func(t *testing.T) {
		a := newAttacker(t, sandbox.Config{Level: sandbox.Strict, Subprocesses: true, ReadOnly: programs()})
		a.program = true
		a.all(func(at attempt) verdict {
			if at.granted.tried() {
				return at.granted
			}
			return at.strict
		})
	})
}

// programs is what it takes to run a program.
func programs() []string {
	all := []string{filepath.Dir(program)}
	for _, dir := range []string{"/bin", "/usr/bin", "/lib", "/lib64", "/usr/lib"} {
		if _, err := os.Stat(dir); err == nil {
			all = append(all, dir)
		}
	}
	return all
}

// all makes all attempts for which there is a verdict.
func (a *attacker) all(of func(attempt) verdict) {
	s := newStage(a.t)
	for i, attempt := range all() {
		v := of(attempt)
		if !v.tried() || a.program && (attempt.alone || i%sample > 0) {
			continue
		}
		a.t.Run(attempt.name, func(t *testing.T) {
			if attempt.old && !hasOld() {
				t.Log("this machine has no calls of 32-bit programs: int $0x80 faults here, or is refused")
				v = reaches(unix.ENOSYS)
			}
			s.look(t)
			check(t, v, a.try(t, attempt.name, s))
			s.untouched(t)
		})
	}
}

func check(t *testing.T, want verdict, got outcome) {
	t.Helper()
	t.Logf("%v", got)
	if !want.allows(got) {
		t.Errorf("got %v, want one of %v", got, want)
	}
}
