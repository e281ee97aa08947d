package attack

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// onProcesses are attempts to reach other processes, and to start some.
var onProcesses = []attempt{
	{name: "kill the manager", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return unix.Kill(s.Manager, unix.SIGUSR1)
	}},
	{name: "is the manager there", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error { return unix.Kill(s.Manager, 0) }},
	{name: "kill the manager's group", none: well.or(unix.ESRCH), contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return unix.Kill(-s.Manager, 0)
	}},
	{name: "kill one's own group", none: well, contained: lone, strict: lone, do: func(*scene, hands) error {
		signal.Ignore(syscall.SIGUSR1)
		return unix.Kill(0, unix.SIGUSR1)
	}},
	{name: "tgkill", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return unix.Tgkill(s.Manager, s.Manager, unix.SIGUSR1)
	}},
	{name: "tkill", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return trap(unix.SYS_TKILL, uintptr(s.Manager), uintptr(unix.SIGUSR1))
	}},
	{name: "rt_sigqueueinfo", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		info := [16]int64{int64(unix.SIGUSR1), int64(-1) & 0xffffffff} // from sigqueue
		return trap(unix.SYS_RT_SIGQUEUEINFO, uintptr(s.Manager), uintptr(unix.SIGUSR1), addr(&info))
	}},
	{name: "SIGIO for the manager", none: well, contained: unseen.or(unix.EINVAL), strict: unseen.or(unix.EINVAL), do: func(s *scene, _ hands) error {
		return second(unix.FcntlInt(1, unix.F_SETOWN, s.Manager))
	}},
	{name: "SIGIO for the manager, with odd bits", none: well, contained: unseen.or(unix.EINVAL), strict: unseen.or(unix.EINVAL), do: func(s *scene, _ hands) error {
		return trap(unix.SYS_FCNTL, 1, unix.F_SETOWN|1<<32, uintptr(s.Manager))
	}},
	{name: "SIGIO for the manager, by ioctl", none: well.or(unix.ENOTTY), contained: unseen.or(unix.ENOTTY, unix.EBADF), strict: toneless.or(unix.EBADF), alone: true, do: func(s *scene, _ hands) error {
		pid := int32(s.Manager)
		return trap(unix.SYS_IOCTL, 3, 0x8901, addr(&pid)) // FIOSETOWN
	}},
	{name: "pidfd_open", none: well, contained: unseen, strict: cut, do: func(s *scene, _ hands) error {
		fd, err := unix.PidfdOpen(s.Manager, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{name: "pidfd_getfd", none: well, contained: stopped.or(unix.ESRCH, unix.EBADF), strict: killed, do: func(s *scene, _ hands) error {
		pidfd, err := unix.PidfdOpen(s.Neighbour, 0)
		if err != nil {
			pidfd = 0 // what this is for does not look at it
		}
		return second(unix.PidfdGetfd(pidfd, 0, 0))
	}},
	{name: "ptrace", none: well, contained: cut, strict: killed, do: func(s *scene, _ hands) error {
		return strike(func() error { return trap(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(s.Neighbour), 0, 0) })
	}},
	{name: "ptrace of oneself", contained: stopped, strict: killed, do: func(*scene, hands) error {
		return trap(unix.SYS_PTRACE, unix.PTRACE_TRACEME)
	}},
	{name: "process_vm_readv", none: well, contained: cut, strict: killed, do: func(s *scene, _ hands) error {
		b := make([]byte, 4)
		return second(unix.ProcessVMReadv(s.Neighbour, []unix.Iovec{{Base: &b[0], Len: 4}}, []unix.RemoteIovec{{Base: uintptr(s.Memory), Len: 4}}, 0))
	}},
	{name: "process_vm_writev", none: well, contained: cut, strict: killed, do: func(s *scene, _ hands) error {
		return second(unix.ProcessVMWritev(s.Neighbour, []unix.Iovec{{Base: &evil[0], Len: 4}}, []unix.RemoteIovec{{Base: uintptr(s.Memory), Len: 4}}, 0))
	}},
	{name: "process_madvise", none: reaches(unix.EBADF, unix.ENOSYS), contained: stopped.or(unix.EBADF), strict: stopped, do: func(*scene, hands) error {
		return trap(unix.SYS_PROCESS_MADVISE, minus(1), 0, 0, 0, 0)
	}},
	{name: "kcmp", none: well, contained: cut, strict: cut, do: func(s *scene, _ hands) error {
		return trap(unix.SYS_KCMP, uintptr(s.Manager), uintptr(s.Neighbour), 1, 0, 0)
	}},
	{name: "move another's pages", none: well, contained: cut, strict: cut, do: func(s *scene, _ hands) error {
		return trap(unix.SYS_MOVE_PAGES, uintptr(s.Neighbour), 0, 0, 0, 0, 0)
	}},
	{name: "another's limits", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return unix.Prlimit(s.Manager, unix.RLIMIT_NOFILE, nil, new(unix.Rlimit))
	}},
	{name: "another's priority", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return unix.Setpriority(unix.PRIO_PROCESS, s.Neighbour, 0)
	}},
	{name: "another's processors", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(s.Neighbour, &set); err != nil {
			return err
		}
		return unix.SchedSetaffinity(s.Neighbour, &set)
	}},
	{name: "another's processors, to look", none: well, contained: unseen, strict: unseen, do: func(s *scene, _ hands) error {
		return unix.SchedGetaffinity(s.Neighbour, new(unix.CPUSet))
	}},

	{name: "fork", none: well, contained: well, strict: refused, granted: well, do: func(*scene, hands) error { return fork(unix.SYS_CLONE, uintptr(unix.SIGCHLD)) }},
	{name: "fork as vfork", none: well, contained: well, strict: refused, granted: well, do: func(*scene, hands) error {
		return fork(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD))
	}},
	{name: "clone3", none: well, contained: well.or(unix.ENOSYS), strict: refused, granted: vain, do: func(*scene, hands) error {
		return fork(unix.SYS_CLONE3, addr(&[8]uint64{4: uint64(unix.SIGCHLD)}), 64)
	}},
	{name: "clone into a user namespace", none: well, contained: stopped, strict: stopped, do: func(*scene, hands) error {
		return fork(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD))
	}},
	{name: "clone into a mount namespace", none: well, contained: stopped, strict: stopped, do: func(*scene, hands) error {
		return fork(unix.SYS_CLONE, unix.CLONE_NEWNS|uintptr(unix.SIGCHLD))
	}},
	{name: "clone3 into a user namespace", none: well, contained: stopped, strict: stopped, do: func(*scene, hands) error {
		return fork(unix.SYS_CLONE3, addr(&[8]uint64{0: unix.CLONE_NEWUSER, 4: uint64(unix.SIGCHLD)}), 64)
	}},
	{name: "start a program", none: well, contained: well, strict: hidden, granted: well, do: func(*scene, hands) error {
		return started("/bin/true")
	}},
	{name: "execve", strict: hidden, alone: true, do: func(*scene, hands) error {
		return trap(unix.SYS_EXECVE, text("/bin/true"), addr(&[2]uintptr{text("true")}), 0)
	}},
	{name: "execveat of memory", strict: hidden.or(unix.ENOEXEC), do: func(_ *scene, h hands) error {
		err := trap(unix.SYS_EXECVEAT, uintptr(h.sealed), text(""), addr(&[2]uintptr{text("evil")}), 0, unix.AT_EMPTY_PATH)
		if errors.Is(err, unix.ENOEXEC) || err == nil {
			return errors.New("execveat looked at what it was given")
		}
		return err
	}},
}

// fork makes a process that does nothing, and waits for it.
func fork(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	pid, err := forked(number, a)
	if err != nil {
		return err
	}
	_, err = unix.Wait4(int(pid), nil, 0, nil)
	return err
}

//go:norace
//go:nosplit
func forked(number uintptr, a [6]uintptr) (uintptr, error) {
	pid, _, errno := syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return 0, errno
	}
	for pid == 0 {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return pid, nil
}

// started runs a program to its end.
func started(name string, args ...string) error {
	p, err := os.StartProcess(name, append([]string{name}, args...), &os.ProcAttr{})
	if err != nil {
		return errnoOf(err)
	}
	_, err = p.Wait()
	return err
}

// errnoOf is the errno in an error, if there is one.
func errnoOf(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
