package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Enter confines this process as the policy in its environment says, tries what must be refused
// now, and returns what holds it. Without a policy that is nothing. It must be called before
// anything untrusted is read, and before the process has started anything. After an error the
// process must end.
//
// In a program built with cgo it does not return the first time, but starts the program once
// more, with the same arguments, environment and descriptor 3.
func Enter() (Report, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := fromEnvironment()
	if err != nil || p == nil {
		return Report{Level: None}, err
	}
	if p.Exec != nil {
		return Report{}, errors.New("the confinement is for a stage, which becomes another program")
	}
	h := &holder{p: p}
	if p.Held != "" {
		return h.finish()
	}
	if err := h.begin(); err != nil {
		return Report{}, err
	}
	if !p.confined() {
		err := h.limit(dataSize())
		return h.report, err
	}
	if h.c, err = noNewPrivileges(); err != nil {
		return Report{}, err
	}
	h.has("no new privileges")
	if !h.c.all {
		return Report{}, h.again()
	}
	zone()
	data := dataSize()
	if err := h.hold(nil); err != nil {
		return Report{}, err
	}
	return h.last(data)
}

// zone reads the time zone, which cannot be had later.
func zone() { _, _ = time.Now().Zone() }

// fromEnvironment takes the policy out of the environment; nil: there is none.
func fromEnvironment() (*Policy, error) {
	raw := os.Getenv(PolicyVariable)
	os.Unsetenv(PolicyVariable)
	return Decode([]byte(raw))
}

// confined reports whether there is more than limits.
func (p *Policy) confined() bool { return p.Level == Contained || p.Level == Strict }

// A holder confines this process, step by step, and takes down what holds it.
type holder struct {
	p      *Policy
	c      caller
	self   int // this program, open to be started once more; 0: it is not
	report Report
}

// lack is for what cannot be had: an error, or what the report tells.
func (h *holder) lack(what string, err error) error {
	if err == nil {
		return nil
	}
	if !h.p.AllowReduced {
		return fmt.Errorf("%s: %w", what, err)
	}
	h.report.Missing = append(h.report.Missing, fmt.Sprintf("%s: %v", what, err))
	return nil
}

func (h *holder) has(what ...string) { h.report.Active = append(h.report.Active, what...) }

// begin checks what the process that started this one has done.
func (h *holder) begin() error {
	p := h.p
	h.report.Level = p.Level
	if p.Level == "" {
		h.report.Level = None
	}
	if len(p.Given.Missing) > 0 && !p.AllowReduced {
		return errors.New(strings.Join(p.Given.Missing, "; "))
	}
	h.report.Missing = append(h.report.Missing, p.Given.Missing...)
	if !p.confined() {
		return nil
	}
	return h.namespaces()
}

// namespaces makes sure that this process has its own.
func (h *holder) namespaces() error {
	g := h.p.Given
	if len(g.Outside) != len(g.Namespaces) {
		return errors.New("the process that started this one did not say what namespaces it is in itself")
	}
	for i, kind := range g.Namespaces {
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/ns/"+kind, &st); err != nil {
			return fmt.Errorf("look at namespace %s: %w", kind, err)
		}
		if st.Ino == g.Outside[i] {
			return fmt.Errorf("namespace %s: this process is in that of the one that started it", kind)
		}
		h.has("namespace " + kind)
	}
	for _, kind := range h.p.needs() {
		if !h.separate(kind) && len(g.Missing) == 0 {
			if err := h.lack("namespace "+kind, errors.New("the process that started this one made none")); err != nil {
				return err
			}
		}
	}
	return nil
}

// needs are the namespaces without which what the level promises does not hold.
func (p *Policy) needs() []string {
	kinds := []string{"pid", "ipc"}
	if !p.Network {
		kinds = append(kinds, "net")
	}
	if p.viewed() {
		kinds = append(kinds, "mnt")
	}
	return kinds
}

// viewed reports whether the process needs a view of its own: one that may use no path has none.
func (p *Policy) viewed() bool { return p.Level == Contained || p.grants() || p.Exec != nil }

func (h *holder) separate(kind string) bool { return slices.Contains(h.p.Given.Namespaces, kind) }

// hold does all but limits and the filter: view, Landlock, ids. No new privileges has been set. own are the
// files that the program which the process becomes needs.
func (h *holder) hold(own []string) error {
	p := h.p
	grants := p.granted(own)
	if p.viewed() && h.separate("mnt") {
		if err := h.look(grants); err != nil {
			return err
		}
	}
	if err := h.landlock(grants); err != nil {
		return err
	}
	if err := h.drop(); err != nil {
		return err
	}
	// It was cleared with the id. One thread that dies takes all along.
	return wrap("die with who started this", unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0))
}

// look gives the process its view.
func (h *holder) look(grants []grant) error {
	if err := private(); isErrno(err, unix.EPERM, unix.EACCES) {
		// AppArmor lets anybody make a user namespace, and do nothing in it.
		return h.lack("a view of its own", fmt.Errorf("%w: AppArmor or a container forbids mounts, it seems (kernel.apparmor_restrict_unprivileged_userns): "+
			"give this program a profile that says userns, or start it as root", err))
	} else if err != nil {
		return err
	}
	if h.p.Level == Strict {
		h.has("files by their grants")
		return nothing(grants)
	}
	h.has("files read-only")
	return everything(grants, h.separate("pid"))
}

func (h *holder) landlock(grants []grant) error {
	version, err := landlockVersion()
	if err != nil {
		return h.lack("Landlock", err)
	}
	var rules []landRule
	if h.p.Level == Contained {
		rules = append(rules, landRule{path: "/", access: landRead | landExecute})
	}
	for _, g := range grants {
		if _, err := os.Stat(g.path); g.optional && err != nil {
			continue
		}
		rules = append(rules, landRule{path: g.path, access: g.access})
	}
	if h.self != 0 {
		rules = append(rules, landRule{path: "this program", access: landRead | landExecute, open: h.self})
	}
	if err := h.c.landlock(version, h.p.Network, rules); err != nil {
		return err
	}
	h.has(fmt.Sprintf("landlock %d", version))
	return nil
}

// drop gives up the ids and all capabilities.
func (h *holder) drop() error {
	id := h.p.Given.UID
	if id == 0 && os.Geteuid() == 0 && !h.separate("user") {
		if err := h.lack("its user id", errors.New("it stays root: the process that started this one gave it no other")); err != nil {
			return err
		}
	}
	if err := h.c.become(id, h.self != 0); err != nil {
		return err
	}
	if id != 0 {
		h.has(fmt.Sprintf("user id %d", id))
	}
	h.has("no capabilities")
	return nil
}

// limit sets the limits, for a program that has so much memory already.
func (h *holder) limit(data uint64) error {
	active, err := h.p.limit(data)
	if err != nil {
		return fmt.Errorf("limit what it uses: %w", err)
	}
	h.has(groups(h.p.Given.Cgroups)...)
	h.has(active...)
	if h.p.Limits.Processes > 0 && !h.p.alone() && !h.p.grouped("pids") {
		return h.lack("the limit of processes", errors.New("no control group can be made here, and without a sandbox its user's other processes would count"))
	}
	return nil
}

// last sets the limits, puts the filter on, and tries what holds.
func (h *holder) last(data uint64) (Report, error) {
	if err := h.limit(data); err != nil {
		return Report{}, err
	}
	// What it starts does not look into its memory.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return Report{}, fmt.Errorf("keep others from looking into it: %w", err)
	}
	f := formOf(h.p)
	filter, err := assemble(f)
	if err == nil {
		err = install(filter, true)
	}
	filtered := err == nil
	if err := h.lack("seccomp", err); err != nil {
		return Report{}, err
	}
	if filtered {
		h.has("seccomp")
	}
	err = h.verify(filtered)
	reaps.Store(h.separate("pid") && (h.p.Level == Contained || h.p.Subprocesses))
	return h.report, err
}
