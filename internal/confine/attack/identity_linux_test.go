package attack

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// onIdentity are attempts to be somebody else, and to have rights.
var onIdentity = []attempt{
	{name: "setuid", none: well, contained: unowned, strict: unowned, do: inThread(unix.SYS_SETUID, 0)},
	{name: "setresuid", none: well, contained: unowned, strict: unowned, do: inThread(unix.SYS_SETRESUID, 0, 0, 0)},
	{name: "setgid", none: well, contained: unowned, strict: unowned, do: inThread(unix.SYS_SETGID, 0)},
	{name: "setresgid", none: well, contained: unowned, strict: unowned, do: inThread(unix.SYS_SETRESGID, 0, 0, 0)},
	{name: "setgroups", none: well, contained: unowned, strict: unowned, do: func(*scene, hands) error {
		return strike(func() error { return trap(unix.SYS_SETGROUPS, 1, addr(new(uint32))) })
	}},
	{name: "setfsuid", none: well, contained: unowned, strict: unowned, do: func(*scene, hands) error {
		return strike(func() error {
			if _, err := result(unix.SYS_SETFSUID, 0); err != nil {
				return err
			}
			now, err := result(unix.SYS_SETFSUID, minus(1))
			if err == nil && now != 0 {
				err = unix.EPERM // it does not say so itself
			}
			return err
		})
	}},
	{name: "capset", none: well, contained: unowned, strict: unowned, do: func(*scene, hands) error {
		return strike(func() error {
			head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			data := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN}}
			return trap(unix.SYS_CAPSET, addr(&head), addr(&data))
		})
	}},
	{name: "ambient capabilities", none: well.or(unix.EPERM), contained: unowned, strict: unowned, do: inThread(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_ADMIN, 0, 0)},
	{name: "secure bits", none: well, contained: unowned, strict: unowned, do: inThread(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, 0x2f)},
	{name: "new privileges again", none: reaches(unix.EINVAL), contained: unowned, strict: unowned, do: inThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)},
	{name: "be dumped", none: well, contained: lone, strict: lone, do: func(*scene, hands) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{name: "set one's memory's bounds", none: reaches(unix.EINVAL, unix.EPERM), contained: unowned, strict: unowned, do: inThread(unix.SYS_PRCTL, unix.PR_SET_MM, unix.PR_SET_MM_START_BRK, 0, 0, 0)},
	{name: "a filter of one's own in front", none: well, contained: unsocketed, strict: unsocketed, do: ownFilter},
	{name: "raise a limit", none: well, contained: refused, strict: refused, do: func(*scene, hands) error {
		var l unix.Rlimit
		if err := unix.Prlimit(0, unix.RLIMIT_CORE, nil, &l); err != nil {
			return err
		}
		if os.Getuid() == 0 || l.Max <= 1 {
			return unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}, nil)
		}
		return unix.EPERM
	}},
	{name: "raise one's priority", none: well, contained: refused, strict: refused, do: func(*scene, hands) error {
		return strike(func() error { return trap(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, minus(20)) })
	}},
	{name: "run in real time", none: well, contained: refused, strict: refused, do: func(*scene, hands) error {
		return strike(func() error {
			priority := int32(1)
			return trap(unix.SYS_SCHED_SETSCHEDULER, 0, 1, addr(&priority)) // SCHED_FIFO
		})
	}},
	{name: "read and write in real time", none: well, contained: refused, strict: refused, do: inThread(unix.SYS_IOPRIO_SET, 1, 0, 1<<13)},
	{name: "a set-user-ID program", none: well, contained: refused, strict: hidden, do: func(s *scene, _ hands) error { return asRoot(s.SetUserID) }},
}

// inThread is a system call in a thread that ends with it.
func inThread(number uintptr, args ...uintptr) func(*scene, hands) error {
	return func(*scene, hands) error { return strike(func() error { return trap(number, args...) }) }
}

// ownFilter has a filter that lets all through, and looks whether that is so now.
func ownFilter(*scene, hands) error {
	return strike(func() error {
		allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000}
		filter := unix.SockFprog{Len: 1, Filter: &allow}
		if err := trap(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
		if err := trap(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, addr(&filter)); err != nil {
			return err
		}
		return open(unix.AF_NETLINK, unix.SOCK_RAW)(nil, hands{})
	})
}

// asRoot starts a program, which tells whether root runs it.
func asRoot(name string) error {
	p, err := os.StartProcess(name, []string{hostileName}, &os.ProcAttr{})
	if err != nil {
		return errnoOf(err)
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || status.ExitStatus() != 0 {
		return unix.EPERM
	}
	return nil
}
