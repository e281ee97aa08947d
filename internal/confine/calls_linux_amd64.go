package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// Calls that arm64 does not have, each for the group that has its name in calls_linux.go.
var (
	oldBasic = []uintptr{
		unix.SYS_POLL, unix.SYS_PIPE, unix.SYS_SELECT, unix.SYS_DUP2, unix.SYS_PAUSE, unix.SYS_ALARM,
		unix.SYS_GETPGRP, unix.SYS_TIME, unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_WAIT, unix.SYS_SIGNALFD, unix.SYS_EVENTFD,
	}
	oldLook = []uintptr{
		unix.SYS_OPEN, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS, unix.SYS_GETDENTS, unix.SYS_READLINK,
		unix.SYS_CREAT, unix.SYS_INOTIFY_INIT,
	}
	oldChange = []uintptr{
		unix.SYS_RENAME, unix.SYS_MKDIR, unix.SYS_RMDIR, unix.SYS_LINK, unix.SYS_UNLINK, unix.SYS_SYMLINK, unix.SYS_MKNOD,
	}
	oldAttributes = []uintptr{
		unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT,
	}
	oldFork    = []uintptr{unix.SYS_FORK, unix.SYS_VFORK}
	oldHostile = []uintptr{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_CREATE_MODULE, unix.SYS_QUERY_MODULE}
	oldRefused = []uintptr{unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS}
)

// ofArchitecture adds what only this architecture has: where a thread's variables are, which
// the C library asks for.
func ofArchitecture(c calls) {
	const setFS, getFS = 0x1002, 0x1003
	c.only(refuse, unix.SYS_ARCH_PRCTL, isOneOf(0, setFS, getFS)...)
}

// opens are the calls that open files, and the argument that their flags are.
var opens = map[uintptr]int{unix.SYS_OPEN: 1, unix.SYS_OPENAT: 2}
