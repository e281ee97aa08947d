package attack

import "golang.org/x/sys/unix"

// admin is what a process without capabilities is refused, or killed for. That the kernel
// would look at the arguments shows that the attempt was one.
func admin(name string, number uintptr, args ...uintptr) attempt {
	return attempt{name: name, none: faulty.orWell(), contained: stopped, strict: stopped, do: func(*scene, hands) error {
		return strike(func() error { return trap(number, args...) })
	}}
}

// hostileCall is what nothing harmless does: who does it is killed where nothing else is to be expected of it.
func hostileCall(name string, none verdict, number uintptr, args ...uintptr) attempt {
	return attempt{name: name, none: none, contained: stopped, strict: killed, do: func(*scene, hands) error {
		return strike(func() error { return trap(number, args...) })
	}}
}

// own namespace's things: none of them is another's.
func ipc(name string, number uintptr, args ...uintptr) attempt {
	return attempt{name: name, none: well, contained: vain, strict: refused, do: func(*scene, hands) error {
		id, err := result(number, args...)
		if err == nil {
			drop := map[uintptr]uintptr{unix.SYS_SHMGET: unix.SYS_SHMCTL, unix.SYS_MSGGET: unix.SYS_MSGCTL, unix.SYS_SEMGET: unix.SYS_SEMCTL}[number]
			if number == unix.SYS_SEMGET {
				return trap(drop, id, 0, unix.IPC_RMID)
			}
			return trap(drop, id, unix.IPC_RMID, 0)
		}
		return err
	}}
}

// Numbers that package unix has not everywhere.
const (
	bad         = 1                     // an address where nothing is
	mapCreate   = 0                     // BPF_MAP_CREATE
	userOnly    = 1                     // UFFD_USER_MODE_ONLY
	softClock   = 0                     // PERF_COUNT_SW_CPU_CLOCK
	noRights    = unix.SYS_MEMFD_SECRET // a system call that few know
	restartWith = 0x1234567             // LINUX_REBOOT_CMD_RESTART
)

// onKernel are attempts at what only root may do, and at parts of the kernel in which most
// of the ways out were found.
var onKernel = []attempt{
	hostileCall("io_uring", well.or(unix.ENOSYS, unix.EPERM), unix.SYS_IO_URING_SETUP, 1, addr(&[30]uint32{})),
	hostileCall("userfaultfd", well.or(unix.ENOSYS), unix.SYS_USERFAULTFD, userOnly),
	hostileCall("bpf", well.or(unix.ENOSYS), unix.SYS_BPF, mapCreate, addr(&[16]uint32{2, 4, 4, 1}), 64),
	hostileCall("perf_event_open", well.or(unix.ENOSYS, unix.ENOENT), unix.SYS_PERF_EVENT_OPEN, addr(&unix.PerfEventAttr{Type: 1, Size: 112, Config: softClock}), 0, minus(1), minus(1), 0),
	hostileCall("add_key", well.or(unix.ENOSYS), unix.SYS_ADD_KEY, text("user"), text("evil"), addr(&[4]byte{1}), 4, minus(1)),
	hostileCall("request_key", reaches(unix.ENOKEY, unix.ENOSYS, unix.ENOENT), unix.SYS_REQUEST_KEY, text("user"), text("evil"), 0, minus(1)),
	hostileCall("keyctl", well.or(unix.ENOSYS), unix.SYS_KEYCTL, 0, minus(1), 1),

	unshare("a user namespace", reaches(unix.EINVAL), unix.CLONE_NEWUSER), // a process of several threads never may
	unshare("a mount namespace", well, unix.CLONE_NEWNS),
	unshare("a network namespace", well, unix.CLONE_NEWNET),
	unshare("a pid namespace", well, unix.CLONE_NEWPID),
	unshare("an IPC namespace", well, unix.CLONE_NEWIPC),
	unshare("a host name's namespace", well, unix.CLONE_NEWUTS),
	unshare("a control group namespace", well, unix.CLONE_NEWCGROUP),
	unshare("a time namespace", well.or(unix.EINVAL), unix.CLONE_NEWTIME),
	hostileCall("setns", reaches(unix.EINVAL), unix.SYS_SETNS, 0, unix.CLONE_NEWNET),

	hostileCall("mount", faulty.or(unix.ENOENT), unix.SYS_MOUNT, text("tmpfs"), text("/nothing/here"), text("tmpfs"), 0, 0),
	hostileCall("remount", reaches(unix.EINVAL, unix.ENOENT), unix.SYS_MOUNT, 0, text("/nothing/here"), 0, unix.MS_REMOUNT|unix.MS_BIND, 0),
	hostileCall("umount", reaches(unix.EINVAL, unix.ENOENT), unix.SYS_UMOUNT2, text("/nothing/here"), unix.MNT_DETACH),
	hostileCall("pivot_root", reaches(unix.EINVAL, unix.ENOENT), unix.SYS_PIVOT_ROOT, text("/nothing/here"), text("/nothing/here")),
	hostileCall("open_tree", well.or(unix.ENOENT), unix.SYS_OPEN_TREE, cwd, text("/"), 1),
	hostileCall("move_mount", faulty.or(unix.EBADF, unix.ENOENT), unix.SYS_MOVE_MOUNT, minus(1), text("/nothing/here"), cwd, text("/nothing/here"), 0),
	hostileCall("fsopen", well, unix.SYS_FSOPEN, text("tmpfs"), 0),
	hostileCall("fspick", faulty.or(unix.ENOENT), unix.SYS_FSPICK, cwd, text("/nothing/here"), 0),
	hostileCall("fsconfig", faulty.or(unix.EBADF), unix.SYS_FSCONFIG, minus(1), 0, 0, 0, 0),
	hostileCall("mount_setattr", faulty.or(unix.ENOENT), unix.SYS_MOUNT_SETATTR, cwd, text("/nothing/here"), 0, addr(&[4]uint64{1}), 32),
	{name: "chroot", none: reaches(unix.ENOENT), contained: stopped, strict: gone, do: func(*scene, hands) error { return unix.Chroot("/nothing/here") }},

	hostileCall("kexec_load", faulty, unix.SYS_KEXEC_LOAD, 0, 100, bad, 0xffff0000),
	hostileCall("init_module", faulty.or(unix.ENOEXEC), unix.SYS_INIT_MODULE, bad, 100, bad),
	hostileCall("finit_module", faulty.or(unix.EBADF), unix.SYS_FINIT_MODULE, minus(1), text(""), 0),
	hostileCall("delete_module", faulty.or(unix.ENOENT), unix.SYS_DELETE_MODULE, text("nothing-here"), unix.O_NONBLOCK),
	hostileCall("reboot", faulty, unix.SYS_REBOOT, 1, 2, restartWith, 0), // with a magic that is wrong
	hostileCall("swapon", faulty, unix.SYS_SWAPON, bad, 0),
	hostileCall("swapoff", faulty, unix.SYS_SWAPOFF, bad),
	admin("sethostname", unix.SYS_SETHOSTNAME, bad, 4),
	admin("setdomainname", unix.SYS_SETDOMAINNAME, bad, 4),
	admin("settimeofday", unix.SYS_SETTIMEOFDAY, bad, 0),
	admin("clock_settime", unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, bad),
	admin("adjtimex", unix.SYS_ADJTIMEX, addr(&unix.Timex{Modes: 0x4000})), // a tick of 0, which no clock takes
	admin("acct", unix.SYS_ACCT, bad),
	admin("quotactl", unix.SYS_QUOTACTL, 0x80000100, bad, 0, 0),
	admin("syslog", unix.SYS_SYSLOG, 3, bad, 10),
	{name: "the log of the kernel", none: well, contained: stopped, strict: stopped, do: func(*scene, hands) error {
		return second(unix.Klogctl(3, make([]byte, 100)))
	}},
	{name: "vhangup", contained: stopped, strict: stopped, do: func(*scene, hands) error { return trap(unix.SYS_VHANGUP) }},
	{name: "personality", none: well, contained: lone, strict: stopped, do: inThread(unix.SYS_PERSONALITY, 0x0040000)}, // no random addresses
	{name: "a personality that executes what it reads", none: well, contained: lone, strict: stopped, do: inThread(unix.SYS_PERSONALITY, 0x0400000)},

	ipc("shared memory", unix.SYS_SHMGET, unix.IPC_PRIVATE, 4096, 0o600),
	ipc("a message queue", unix.SYS_MSGGET, unix.IPC_PRIVATE, 0o600),
	ipc("semaphores", unix.SYS_SEMGET, unix.IPC_PRIVATE, 1, 0o600),
	{name: "all shared memory", none: well, contained: vain, strict: refused, do: func(*scene, hands) error {
		return trap(unix.SYS_SHMCTL, 0, 14, addr(&[64]uint64{})) // SHM_INFO
	}},
	{name: "a queue of messages of POSIX", none: well.or(unix.ENOSYS), contained: vain, strict: stopped, do: func(*scene, hands) error {
		fd, err := result(unix.SYS_MQ_OPEN, text("outwork-evil"), unix.O_CREAT|unix.O_RDWR, 0o600, 0)
		if err == nil {
			unix.Close(int(fd))
			err = trap(unix.SYS_MQ_UNLINK, text("outwork-evil"))
		}
		return err
	}},

	{name: "type into a terminal", none: well, contained: refused.or(unix.EIO), strict: toneless, do: func(_ *scene, h hands) error {
		return trap(unix.SYS_IOCTL, uintptr(h.terminal), unix.TIOCSTI, addr(&[1]byte{'x'}))
	}},
	{name: "type into a terminal, with odd bits", none: well, contained: refused.or(unix.EIO), strict: toneless, do: func(_ *scene, h hands) error {
		return trap(unix.SYS_IOCTL, uintptr(h.terminal), unix.TIOCSTI|1<<32, addr(&[1]byte{'x'}))
	}},
	{name: "take over a terminal", none: vain, contained: vain, strict: toneless, do: func(_ *scene, h hands) error { // it is nobody's
		return trap(unix.SYS_IOCTL, uintptr(h.terminal), unix.TIOCSCTTY, 1)
	}},
	{name: "a terminal's line discipline", none: well, contained: vain.or(unix.EINVAL), strict: toneless, do: func(_ *scene, h hands) error {
		return trap(unix.SYS_IOCTL, uintptr(h.terminal), unix.TIOCSETD, addr(new(int32)))
	}},
}

func unshare(name string, none verdict, flag uintptr) attempt {
	return hostileCall("unshare "+name, none, unix.SYS_UNSHARE, flag)
}
