package supervise

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// namespace is a kind of namespace.
type namespace struct {
	name string // as in /proc/self/ns
	flag uintptr
}

// namespaces are those that a confined process has of its own, the one that the others need first.
var namespaces = [...]namespace{
	{"user", unix.CLONE_NEWUSER},
	{"pid", unix.CLONE_NEWPID},
	{"mnt", unix.CLONE_NEWNS},
	{"net", unix.CLONE_NEWNET},
	{"ipc", unix.CLONE_NEWIPC},
	{"uts", unix.CLONE_NEWUTS},
	{"cgroup", unix.CLONE_NEWCGROUP},
}

// wanted are the namespaces for a policy. A process that has an id of its own needs no user
// namespace: in none, it has no way to be root anywhere.
func wanted(p *confine.Policy) (kinds []namespace) {
	for _, k := range namespaces {
		if k.flag == unix.CLONE_NEWUSER && p.Given.UID != 0 || k.flag == unix.CLONE_NEWNET && p.Network {
			continue
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// outside is the number of this process's own.
func (k namespace) outside() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/"+k.name, &st); err != nil {
		return 0, fmt.Errorf("look at this process's %s namespace: %w", k.name, err)
	}
	return st.Ino, nil
}

// userCaps are what a process keeps in its user namespace when it is executed under an id that is
// not root's there: enough to mount, and to give all up.
var userCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}

// unshare puts the process into namespaces of its own. In a user namespace it is who it was.
func unshare(sys *syscall.SysProcAttr, kinds []namespace) {
	for _, k := range kinds {
		sys.Cloneflags |= k.flag
	}
	if sys.Cloneflags&unix.CLONE_NEWUSER == 0 {
		return
	}
	uid, gid := os.Geteuid(), os.Getegid()
	sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	sys.AmbientCaps = userCaps
}

// notThere cannot be executed, which the kernel finds out when the namespaces are made.
const notThere = os.DevNull + "/x"

// probe is why a process in those namespaces and groups cannot be started, or nil. It is for a
// caller that holds birth.
func probe(kinds []namespace, g *group) error {
	sys := &syscall.SysProcAttr{}
	unshare(sys, kinds)
	bare := &syscall.SysProcAttr{Cloneflags: sys.Cloneflags}
	g.into(bare)
	g.into(sys)
	if err := tryClone(bare); err != nil {
		return err
	}
	return tryClone(sys) // the ids may be refused as well
}

func tryClone(sys *syscall.SysProcAttr) error {
	_, err := syscall.ForkExec(notThere, []string{notThere}, &syscall.ProcAttr{Sys: sys})
	if errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}

// granted are those of kinds that can be had, and a sentence for each that cannot.
func granted(kinds []namespace) (left []namespace, missing []string) {
	var base []namespace // without which no other
	for _, k := range kinds {
		err := probe(append(base[:len(base):len(base)], k), nil)
		if err == nil {
			left = append(left, k)
			if k.flag == unix.CLONE_NEWUSER {
				base = left
			}
			continue
		}
		missing = append(missing, k.refusal(err))
		if k.flag == unix.CLONE_NEWUSER {
			return nil, missing
		}
	}
	return left, missing
}

// refusal says that the kernel refuses a namespace, why, and what to do.
func (k namespace) refusal(err error) string {
	what := "no " + k.name + " namespace"
	if k.flag == unix.CLONE_NEWUSER {
		what += ", and without it none of another kind"
	}
	return fmt.Sprintf("%s: %v: %s", what, err, k.advice("/proc/sys/", err))
}

// advice is what can be done where the kernel, whose settings are below sysctl, refuses.
func (k namespace) advice(sysctl string, err error) string {
	set := func(name, value string) bool {
		b, err := os.ReadFile(sysctl + strings.ReplaceAll(name, ".", "/"))
		return err == nil && strings.TrimSpace(string(b)) == value
	}
	most := "user.max_" + k.name + "_namespaces"
	user := k.flag == unix.CLONE_NEWUSER
	switch {
	case set(most, "0"):
		return most + " is 0: raise it with sysctl"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return "there are as many as " + most + " allows, or they lie too deep in each other: raise it with sysctl"
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return "this kernel was built without"
	case user && set("kernel.unprivileged_userns_clone", "0"):
		return "kernel.unprivileged_userns_clone is 0: set it to 1 with sysctl, or start this as root"
	case user && set("kernel.apparmor_restrict_unprivileged_userns", "1"):
		return "AppArmor forbids it to programs without a profile: give this program one with \"userns,\", " +
			"or set kernel.apparmor_restrict_unprivileged_userns to 0 with sysctl, or start this as root"
	}
	return "a container's or service's own confinement forbids it, most likely: start this outside of it, or have it allow clone with namespaces"
}
