package supervise

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// maxPolicy bounds in bytes a policy as it stands in an environment: the kernel takes no longer
// variable than 128 KiB.
const maxPolicy = 120 << 10

// hold is what a process is held by from outside.
type hold struct {
	policy confine.Policy // a copy, with what is given
	kinds  []namespace    // of its own
	group  *group         // of control groups; nil: none
}

// hold sees to what the process is to be held by, but for its namespaces: they come with it. It
// is nil where nothing is asked for. What it has taken, release gives back.
func (s *Supervisor) hold(asked *confine.Policy) (*hold, error) {
	if !asked.Active() {
		return nil, nil
	}
	if err := asked.Check(); err != nil {
		return nil, err
	}
	h := &hold{policy: *asked}
	h.policy.Given, h.policy.Held, h.policy.Data = confine.Given{}, "", 0 // whoever asks gives nothing
	if h.confined() {
		if privileged() {
			h.policy.Given.UID = s.takeID()
		} else if rootOfMachine() {
			h.policy.Given.Missing = append(h.policy.Given.Missing, "its user id: root lacks a capability here to give it another, and so it would read what root may: "+
				"leave this service CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP and CAP_KILL, or run it as another user")
		}
		h.kinds = wanted(&h.policy)
	}
	h.group = s.groups.take(h.needs())
	h.policy.Given.Cgroups = h.group.names()
	return h, nil
}

// confined is false of a process that is held by limits alone.
func (h *hold) confined() bool {
	return h != nil && h.policy.Level != "" && h.policy.Level != confine.None
}

// first reports whether the process is the first of its own pid namespace.
func (h *hold) first() bool { return h.has("pid") }

// has reports whether the process has its own namespace of that kind.
func (h *hold) has(name string) bool {
	return h != nil && slices.ContainsFunc(h.kinds, func(k namespace) bool { return k.name == name })
}

// needs is what its control groups have to limit. Processes need none where the kernel counts
// them for an id that is its own, as the user or in a user namespace (setrlimit, RLIMIT_NPROC).
func (h *hold) needs() confine.Limits {
	l := confine.Limits{Memory: h.policy.Limits.Memory, Processes: h.policy.Limits.Processes}
	if h.policy.Given.UID != 0 || h.has("user") {
		l.Processes = 0
	}
	return l
}

// release gives back what was taken for a process that has ended, or did not start.
func (s *Supervisor) release(h *hold) {
	if h == nil {
		return
	}
	s.leaveID(h.policy.Given.UID)
	s.groups.give(h.group)
}

// spec is what is started for a process that is held: with a stage, that.
func (h *hold) spec(spec Spec) Spec {
	if h == nil || h.policy.Exec == nil {
		return spec
	}
	exec := *h.policy.Exec
	if exec.Path == "" {
		exec.Path, exec.Args = spec.Path, spec.Args
	}
	h.policy.Exec = &exec
	spec.Path, spec.Args = "/proc/self/exe", exec.Args // ps tells what it is about to become
	if len(spec.Args) == 0 {
		spec.Args = []string{exec.Path}
	}
	return spec
}

// variables are what the process finds in its environment. They come first: of two of a name
// the first counts.
func (h *hold) variables() ([]string, error) {
	if h == nil {
		return nil, nil
	}
	g := &h.policy.Given
	g.Namespaces, g.Outside = nil, nil
	for _, k := range h.kinds {
		outside, err := k.outside()
		if err != nil {
			return nil, err
		}
		g.Namespaces, g.Outside = append(g.Namespaces, k.name), append(g.Outside, outside)
	}
	policy := string(h.policy.Encode())
	if len(policy) > maxPolicy {
		return nil, fmt.Errorf("the confinement, with its grants, takes %d bytes, more than %d", len(policy), maxPolicy)
	}
	vars := []string{confine.PolicyVariable + "=" + policy}
	if h.policy.Exec != nil {
		vars = append(vars, confine.RoleVariable+"="+confine.RoleStage)
	}
	return vars, nil
}

// attributes are those of a process that is started.
func (h *hold) attributes(spec Spec, pidfd *int) *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{Setpgid: !spec.Session, Setsid: spec.Session, Pdeathsig: syscall.SIGKILL, PidFD: pidfd}
	if h == nil {
		return sys
	}
	if h.confined() {
		sys.Setpgid, sys.Setsid = false, true // it has no terminal to type into
	}
	unshare(sys, h.kinds)
	h.group.into(sys)
	return sys
}

// reduce finds what it is that the kernel refuses, when a start has failed with err. Where the
// process can do without, it returns nil, and the start can be tried again.
func (s *Supervisor) reduce(h *hold, err error) error {
	if h == nil || scarce(err) {
		return err
	}
	if g := h.group; g.started() && probe(nil, g) != nil && probe(nil, nil) == nil {
		s.groups.give(g) // a filter knows no clone3, most likely
		h.group, h.policy.Given.Cgroups = nil, nil
		return nil
	}
	if len(h.kinds) == 0 || probe(h.kinds, nil) == nil {
		return err
	}
	left, missing := granted(h.kinds)
	if len(missing) == 0 {
		return err // whatever it was has passed
	}
	if !h.policy.AllowReduced {
		return fmt.Errorf("confine the process: %w (Sandbox.AllowReduced would do without)", errors.New(strings.Join(missing, "; ")))
	}
	h.kinds = left
	h.policy.Given.Missing = append(h.policy.Given.Missing, missing...)
	return nil
}

// scarce reports whether a start failed for want of what is there at other times.
func scarce(err error) bool {
	return slices.ContainsFunc([]error{unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE}, func(e error) bool { return errors.Is(err, e) })
}

// where is the group that holds the process, or nil.
func (h *hold) where() *group {
	if h == nil {
		return nil
	}
	return h.group
}
