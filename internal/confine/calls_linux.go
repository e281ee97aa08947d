//go:build amd64 || arm64

package confine

import "golang.org/x/sys/unix"

// Refusals that a library which tries something survives.
const (
	refuse  = errno | action(unix.EPERM)
	noPath  = errno | action(unix.EACCES)
	unknown = errno | action(unix.ENOSYS)
)

// basic is what every program may: memory that is not made executable, threads, time, its open
// files, its own signals. The ones with conditions are added by verdicts.
var basic = []uintptr{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64,
	unix.SYS_PREADV, unix.SYS_PWRITEV, unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_LSEEK,
	unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE, unix.SYS_FSTAT, unix.SYS_FSTATFS, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
	unix.SYS_SYNC_FILE_RANGE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_FADVISE64, unix.SYS_READAHEAD,
	unix.SYS_FLOCK, unix.SYS_SENDFILE, unix.SYS_SPLICE, unix.SYS_TEE, unix.SYS_COPY_FILE_RANGE,
	unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_EVENTFD2, unix.SYS_SIGNALFD4,
	unix.SYS_TIMERFD_CREATE, unix.SYS_TIMERFD_SETTIME, unix.SYS_TIMERFD_GETTIME,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_RECVFROM, unix.SYS_SHUTDOWN,
	unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,

	unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_MSYNC, unix.SYS_BRK,
	unix.SYS_MEMBARRIER, unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MUNLOCK, unix.SYS_MUNLOCKALL, unix.SYS_MSEAL,

	unix.SYS_FUTEX, unix.SYS_FUTEX_WAITV, unix.SYS_FUTEX_WAKE, unix.SYS_FUTEX_WAIT, unix.SYS_FUTEX_REQUEUE,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_SET_TID_ADDRESS, unix.SYS_RESTART_SYSCALL,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_GETPPID,
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETRESUID, unix.SYS_GETRESGID,
	unix.SYS_GETGROUPS, unix.SYS_GETPGID, unix.SYS_GETSID, unix.SYS_CAPGET,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER,
	unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_SCHED_RR_GET_INTERVAL, unix.SYS_GETPRIORITY,

	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY,
	unix.SYS_TIMES, unix.SYS_GETRUSAGE, unix.SYS_GETITIMER, unix.SYS_SETITIMER,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_GETTIME, unix.SYS_TIMER_GETOVERRUN, unix.SYS_TIMER_DELETE,
	unix.SYS_SYSINFO, unix.SYS_UNAME, unix.SYS_GETCPU, unix.SYS_GETRANDOM, unix.SYS_UMASK, unix.SYS_GETRLIMIT,

	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPENDING,
	unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_RT_SIGSUSPEND, unix.SYS_SIGALTSTACK,
}

// look is what opens files by their paths and asks about them. Where it is allowed, Landlock and
// the view of the file system say which.
var look = []uintptr{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_READLINKAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2,
	unix.SYS_GETDENTS64, unix.SYS_GETCWD, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_STATFS,
	unix.SYS_GETXATTR, unix.SYS_LGETXATTR, unix.SYS_FGETXATTR, unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR, unix.SYS_FLISTXATTR,
	unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH, unix.SYS_INOTIFY_RM_WATCH,
}

// change makes, moves and removes files.
var change = []uintptr{
	unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_UNLINKAT, unix.SYS_SYMLINKAT, unix.SYS_LINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2,
	unix.SYS_TRUNCATE, unix.SYS_SYNC, unix.SYS_SYNCFS,
}

// attributes change what is known about a file, not what is in it. They work on what is open for
// reading, or is only reached through /proc/self/fd, where neither a read-only mount nor
// Landlock is in the way: a worker with its user's id could so change its manager's files.
var attributes = []uintptr{
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
	unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT,
}

// processes is what programs that start others use, and the others do.
var processes = []uintptr{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL,
	unix.SYS_SETPGID, unix.SYS_SETSID, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_GET_ROBUST_LIST,
	unix.SYS_PRLIMIT64, unix.SYS_SETRLIMIT, unix.SYS_SETPRIORITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETSCHEDULER,
	unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_GETATTR, unix.SYS_IOPRIO_GET, unix.SYS_IOPRIO_SET,
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID,
	unix.SYS_SETGROUPS, unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_CAPSET,
}

// more is what else a contained program may: memory that is executed, the memory and messages
// that processes of its own namespace share, holding itself more tightly.
var more = []uintptr{
	unix.SYS_PKEY_ALLOC, unix.SYS_PKEY_FREE, unix.SYS_PKEY_MPROTECT, unix.SYS_MLOCKALL, unix.SYS_VMSPLICE, unix.SYS_MEMFD_CREATE, unix.SYS_REMAP_FILE_PAGES,
	unix.SYS_GET_MEMPOLICY, unix.SYS_SET_MEMPOLICY, unix.SYS_MBIND,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMDT, unix.SYS_SHMCTL, unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL,
	unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK, unix.SYS_MQ_TIMEDSEND, unix.SYS_MQ_TIMEDRECEIVE, unix.SYS_MQ_NOTIFY, unix.SYS_MQ_GETSETATTR,
	unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF, unix.SYS_SECCOMP,
	unix.SYS_SENDTO, unix.SYS_SENDMMSG, unix.SYS_RECVMMSG, unix.SYS_SETSOCKOPT,
}

// network is what sockets are made and connected with, beside socket itself.
var network = []uintptr{
	unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
	unix.SYS_SENDTO, unix.SYS_SENDMMSG, unix.SYS_RECVMMSG,
}

// refused is what nobody may, and libraries may try.
var refused = []uintptr{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY,
	unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME, unix.SYS_CHROOT, unix.SYS_SYSLOG, unix.SYS_VHANGUP,
	unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK, unix.SYS_KCMP,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_MEMFD_SECRET, unix.SYS_NAME_TO_HANDLE_AT,
	unix.SYS_PERSONALITY, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_NFSSERVCTL, unix.SYS_SET_MEMPOLICY_HOME_NODE,
}

// hostile is what no harmless program tries in such a place: the process is killed.
var hostile = []uintptr{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
	unix.SYS_FSPICK, unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_MOUNT_SETATTR, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_OPEN_BY_HANDLE_AT,
}

// verdicts are the answers to each call of a process that is held in such a form, and the one to
// calls that this version does not know.
func verdicts(f form) (calls, action) {
	c := make(calls, callNumbers)
	c.always(refuse, refused...)
	c.always(refuse, oldRefused...)
	for _, group := range [][]uintptr{change, oldChange, attributes, oldAttributes, processes, oldFork, more, network} {
		c.always(refuse, group...)
	}
	c.always(noPath, look...)
	c.always(noPath, oldLook...)
	c.always(kill, hostile...)
	c.always(kill, oldHostile...)
	c.always(allow, basic...)
	c.always(allow, oldBasic...)
	memory(c, f)
	descriptors(c, f)
	files(c, f)
	tasks(c, f)
	sockets(c, f)
	ofArchitecture(c)
	return c, unknown
}

// memory: an anonymous page is executable only where code is made at run time; a page of a file
// also where the program is loaded by another, or loads others. Where no control group counts it,
// there is no anonymous memory that is shared: RLIMIT_DATA would not.
func memory(c calls, f form) {
	if f.contained {
		c.always(allow, unix.SYS_MMAP, unix.SYS_MPROTECT)
		c.always(allow, more...)
		return
	}
	notExec := masked(2, unix.PROT_EXEC, 0)
	bad := uint32(unix.MAP_HUGETLB) // no limit counts huge pages that an administrator has set aside
	maps := [][]cond{{notExec, masked(3, bad, 0)}}
	if f.uncounted {
		const mapType = 0xf       // MAP_TYPE
		bad |= unix.MAP_GROWSDOWN // it counts as stack, and so for no limit
		maps = [][]cond{{notExec, masked(3, unix.MAP_ANONYMOUS|bad, 0)}, {notExec, masked(3, mapType|bad, unix.MAP_PRIVATE)}}
	}
	if f.loads {
		maps = append(maps, []cond{masked(2, unix.PROT_WRITE, 0), masked(3, unix.MAP_ANONYMOUS|bad, 0)})
	}
	c.only(refuse, unix.SYS_MMAP, maps...)
	c.only(refuse, unix.SYS_MPROTECT, []cond{notExec})
	if !f.interpreter { // it may map files as programs: it must not have any that it can write
		c.only(refuse, unix.SYS_MEMFD_CREATE, []cond{masked(1, unix.MFD_NOEXEC_SEAL|unix.MFD_HUGETLB, unix.MFD_NOEXEC_SEAL)})
	}
}

// descriptors: what can be done to an open file beside reading and writing. Signals that a file
// sends go to whoever is named, so no file is told to.
func descriptors(c calls, f form) {
	c.only(refuse, unix.SYS_FCNTL, isOneOf(1,
		unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_GET_SEALS, unix.F_ADD_SEALS,
		unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW,
		unix.F_GETPIPE_SZ, unix.F_SETPIPE_SZ, unix.F_GETOWN)...)
	if f.contained || len(f.devices) > 0 {
		c.set(&verdict{rules: requests(f), els: errno | action(unix.ENOTTY)}, unix.SYS_IOCTL)
		return
	}
	harmless := []uint32{fionread, fionbio, fioclex, fionclex, unix.TCGETS, unix.TIOCGWINSZ, unix.BLKGETSIZE64}
	c.only(errno|action(unix.ENOTTY), unix.SYS_IOCTL, isOneOf(1, harmless...)...)
}

// requests are the verdicts on what can be asked of an open file by ioctl where that is not next
// to nothing: of terminals, of sockets, of what is known about files. What changes a file there
// it may open to read alone, as a file's flags, which its owner may set and neither Landlock nor a
// read-only mount looks at, is none of it. Of a device that was granted it may ask anything:
// Landlock lets it do so with those alone.
func requests(f form) (rules []rule) {
	for _, bad := range []uint32{unix.TIOCSTI, unix.TIOCCONS, unix.TIOCSETD, tioclinux, fioasync, fiosetown, siocspgrp} {
		rules = append(rules, rule{[]cond{is(1, bad)}, refuse})
	}
	if len(f.devices) > 0 {
		for _, kind := range []uint32{'f', 'v', 'X', 'r', 0x94, 0xf5, 0xff, 0xb7} { // of files: all systems', xfs, fat, btrfs, f2fs; pidfds, namespaces
			rules = append(rules, rule{[]cond{masked(1, 0xff00, kind<<8)}, refuse})
		}
		return append(rules, rule{nil, allow})
	}
	for _, kind := range []uint32{'T', 0x89} { // terminals, sockets
		rules = append(rules, rule{[]cond{masked(1, 0xff00, kind<<8)}, allow})
	}
	for _, one := range []uint32{unix.FS_IOC_GETFLAGS, fiemap, unix.BLKGETSIZE64, figetbsz} {
		rules = append(rules, rule{[]cond{is(1, one)}, allow})
	}
	return rules
}

const (
	fiemap    = 0xc020660b
	figetbsz  = 2
	fionread  = 0x541b
	tioclinux = 0x541c
	fionbio   = 0x5421
	fionclex  = 0x5450
	fioclex   = 0x5451
	fioasync  = 0x5452
	fiosetown = 0x8901
	siocspgrp = 0x8902
)

// files: paths, where the view and Landlock hold what is behind them.
func files(c calls, f form) {
	if f.paths {
		c.always(allow, look...)
		c.always(allow, oldLook...)
	}
	if f.paths && f.truncates {
		keepWhole(c)
	}
	if f.writes {
		c.always(allow, change...)
		c.always(allow, oldChange...)
	}
	if f.writes && f.truncates && !f.stranger {
		c.always(refuse, unix.SYS_TRUNCATE)
	}
	if f.writes && f.stranger { // what is not its own it cannot change
		c.always(allow, attributes...)
		c.always(allow, oldAttributes...)
	}
}

// keepWhole refuses to empty a file by opening it to be read, where Landlock (before version 3) looks
// at reading and writing alone: through /proc/self/fd that would be a file which was lent.
func keepWhole(c calls) {
	for n, flags := range opens {
		v := &verdict{els: allow}
		for _, mode := range []uint32{unix.O_RDONLY, unix.O_ACCMODE} { // the latter asks for neither
			v.rules = append(v.rules, rule{[]cond{masked(flags, unix.O_TRUNC|unix.O_ACCMODE, unix.O_TRUNC|mode)}, refuse})
		}
		c.set(v, n)
	}
	c.always(unknown, unix.SYS_OPENAT2) // its flags are where no filter looks
}

// threads are the flags of clone that make a thread, without which there is none, and those that
// it may have.
const (
	threads = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	settled = unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_CHILD_SETTID | 0x400000 // CLONE_DETACHED: nothing

	// apart would give it more than it has: namespaces; a child that is its parent's.
	apart = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
		unix.CLONE_NEWNET | unix.CLONE_PARENT
)

// tasks: threads and processes. clone3 takes its flags where a filter cannot look: who tries it
// goes on with clone.
func tasks(c calls, f form) {
	c.always(unknown, unix.SYS_CLONE3)
	controls := isOneOf(0, unix.PR_SET_VMA, unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_GET_NO_NEW_PRIVS, unix.PR_GET_SECCOMP,
		unix.PR_GET_DUMPABLE, unix.PR_CAPBSET_READ, unix.PR_GET_PDEATHSIG, unix.PR_GET_TIMERSLACK, unix.PR_GET_SECUREBITS)
	if !f.subprocesses {
		c.only(refuse, unix.SYS_CLONE, []cond{masked(0, ^uint32(settled), threads)})
		c.only(refuse, unix.SYS_KILL, []cond{is(0, f.pid)})
		c.only(refuse, unix.SYS_TGKILL, []cond{is(0, f.pid)})
		c.only(refuse, unix.SYS_PRLIMIT64, []cond{is(0, 0), exactly(2, 0)}, []cond{is(0, f.pid), exactly(2, 0)})
		c.only(refuse, unix.SYS_PRCTL, controls...)
		for _, e := range f.becomes {
			c.only(refuse, unix.SYS_EXECVE, []cond{exactly(0, e[0]), exactly(1, e[1]), exactly(2, e[2])})
		}
		return
	}
	c.always(allow, processes...)
	c.always(allow, oldFork...)
	c.only(refuse, unix.SYS_CLONE, []cond{masked(0, apart, 0)})
	if f.contained {
		c.only(refuse, unix.SYS_PERSONALITY, isOneOf(0, 0, ^uint32(0))...)
		v := &verdict{els: allow}
		// The leader dies with who supervises it, and nobody may look into it.
		v.rules = append(v.rules,
			rule{[]cond{is(0, unix.PR_SET_PDEATHSIG), is(1, uint32(unix.SIGKILL))}, allow},
			rule{[]cond{is(0, unix.PR_SET_PDEATHSIG)}, refuse},
			rule{[]cond{is(0, unix.PR_SET_MM)}, refuse},
			rule{[]cond{is(0, unix.PR_SET_PTRACER)}, refuse})
		c[unix.SYS_PRCTL] = v
		return
	}
	controls = append(controls, []cond{is(0, unix.PR_SET_PDEATHSIG), is(1, uint32(unix.SIGKILL))})
	c.only(refuse, unix.SYS_PRCTL, controls...)
}

// sockets: of the internet alone. A pair is connected, and cannot be connected again nor send
// elsewhere, but for datagrams: a path or an abstract name would be reached from it.
func sockets(c calls, f form) {
	if f.subprocesses || f.interpreter { // asyncio wakes itself by one
		var pairs [][]cond
		for _, kind := range []uint32{unix.SOCK_STREAM, unix.SOCK_SEQPACKET} {
			pairs = append(pairs, []cond{is(0, unix.AF_UNIX), masked(1, 0xff, kind)})
		}
		c.only(refuse, unix.SYS_SOCKETPAIR, pairs...)
	}
	if f.contained {
		c.set(options(), unix.SYS_SETSOCKOPT)
	}
	if !f.network {
		c.only(refuse, unix.SYS_SENDTO, []cond{exactly(4, 0)}) // as send does
		return
	}
	c.always(allow, network...)
	c.set(options(), unix.SYS_SETSOCKOPT)
	var internet [][]cond // TCP and UDP alone: others are a driver each, which the kernel would load
	for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
		for _, kind := range [][2]uint32{{unix.SOCK_STREAM, unix.IPPROTO_TCP}, {unix.SOCK_DGRAM, unix.IPPROTO_UDP}} {
			for _, protocol := range []uint32{0, kind[1]} {
				internet = append(internet, []cond{is(0, family), masked(1, 0xff, kind[0]), is(2, protocol)})
			}
		}
	}
	c.only(errno|action(unix.EAFNOSUPPORT), unix.SYS_SOCKET, internet...)
}

// options of sockets are all but programs, which would run in the kernel.
func options() *verdict {
	v := &verdict{els: allow}
	for _, option := range []uint32{unix.SO_ATTACH_FILTER, unix.SO_ATTACH_BPF, unix.SO_ATTACH_REUSEPORT_CBPF, unix.SO_ATTACH_REUSEPORT_EBPF} {
		v.rules = append(v.rules, rule{[]cond{is(1, unix.SOL_SOCKET), is(2, option)}, refuse})
	}
	return v
}
