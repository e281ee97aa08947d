package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Stage confines this thread as the policy in its environment says, and becomes the program that
// it names, which finds in its environment what holds it. It returns only with an error, after
// which the process must end.
func Stage() error {
	runtime.LockOSThread()
	p, err := fromEnvironment()
	if err != nil {
		return err
	}
	if p == nil || p.Exec == nil {
		return errors.New("there is no program in the confinement that this stage could become")
	}
	h := &holder{p: p}
	if err := h.begin(); err != nil {
		return err
	}
	if p.confined() {
		// All of this is for this thread alone, which the program goes on in.
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no new privileges: %w", err)
		}
		h.has("no new privileges")
		own := p.Exec.Reads
		if p.Level == Contained {
			own = nil // it may read them anyway
		}
		if err := h.hold(own); err != nil {
			return err
		}
	}
	return h.become()
}

// become sets the limits, puts the filter on this thread, tries what holds, and becomes the program.
// Room for all that it needs for that is made before.
func (h *holder) become() error {
	exec := h.p.Exec
	l, err := newLeap(exec.Path, exec.Args, environment(), len(HeldVariable)+1+maxReport)
	if err != nil {
		return err
	}
	var filter []unix.SockFilter
	if h.p.confined() {
		f := formOf(h.p)
		if !f.subprocesses {
			f.becomes = append(f.becomes, l.arguments())
		}
		filter, err = assemble(f)
		if err := h.lack("seccomp", err); err != nil {
			return err
		}
	}
	memory := h.p.Limits.Memory
	h.p.Limits.Memory = 0 // it would be this program's too, which has more
	if err := h.limit(0); err != nil {
		return err
	}
	if err := h.narrow(uint64(memory)); err != nil {
		return err
	}
	if h.p.confined() {
		if err := h.finally(filter); err != nil {
			return err
		}
	}
	if err := l.tell(HeldVariable + "=" + h.report.String()); err != nil {
		return err
	}
	return h.explain(l.make())
}

// narrow limits the memory of what it becomes, which is to be refused more before its control
// group is full, where it would be killed: an interpreter goes on with that. Beside what counts
// for this limit, there are what it is loaded from, its stacks and tables in the group.
func (h *holder) narrow(memory uint64) error {
	if memory == 0 {
		return nil
	}
	if h.p.grouped("memory") {
		memory -= memory/16 + 2<<20
	}
	h.has("memory by rlimit")
	return wrap("limit its memory", setLimit(unix.RLIMIT_DATA, memory, memory))
}

// finally puts the filter on, and tries what holds.
func (h *holder) finally(filter []unix.SockFilter) error {
	filtered := filter != nil
	if filtered {
		err := install(filter, false)
		filtered = err == nil
		if err := h.lack("seccomp", err); err != nil {
			return err
		}
	}
	if filtered {
		h.has("seccomp")
	}
	return h.verify(filtered)
}

// environment is this process's, without what was for it alone.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, HeldVariable+"=") || strings.HasPrefix(v, PolicyVariable+"=")
	})
}

// explain is why it did not become the program.
func (h *holder) explain(err error) error {
	err = &os.PathError{Op: "become", Path: h.p.Exec.Path, Err: err}
	if id := unix.Getuid(); errors.Is(err, unix.EACCES) && h.p.confined() {
		return fmt.Errorf("%w: it runs as user %d now, whom every folder that leads there must let in: name another program", err, id)
	}
	return err
}
