package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// onFiles are attempts to read and to change what is in the file system.
var onFiles = []attempt{
	{name: "open", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Public, unix.O_RDONLY)
	}},
	{name: "open, by its number", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return trap(unix.SYS_OPENAT, cwd, text(s.Public), unix.O_RDONLY)
	}},
	{name: "openat2", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return second(unix.Openat2(unix.AT_FDCWD, s.Public, &unix.OpenHow{}))
	}},
	{name: "open what its owner alone may read", none: well, contained: byUser(hidden, well), strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Secret, unix.O_RDONLY)
	}},
	{name: "open a path alone", none: well, contained: vain, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Secret, unix.O_PATH)
	}},
	{name: "open from the root of a descriptor", none: well, contained: well, strict: hidden.or(unix.ENOTDIR), do: func(_ *scene, h hands) error {
		return trap(unix.SYS_OPENAT, uintptr(h.file), text("/"), unix.O_RDONLY)
	}},
	{name: "stat", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Stat(s.Public, new(unix.Stat_t))
	}},
	{name: "stat of what is not there", none: reaches(unix.ENOENT), contained: hidden, strict: hidden, do: func(*scene, hands) error {
		return unix.Stat("/nothing/here", new(unix.Stat_t))
	}},
	{name: "lstat", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Lstat(s.Public, new(unix.Stat_t))
	}},
	{name: "statx", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Statx(unix.AT_FDCWD, s.Public, 0, unix.STATX_ALL, new(unix.Statx_t))
	}},
	{name: "statfs", none: well, contained: well, strict: hidden, granted: vain, do: func(*scene, hands) error {
		return unix.Statfs("/", new(unix.Statfs_t))
	}},
	{name: "access", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Faccessat(unix.AT_FDCWD, s.Public, unix.R_OK, 0)
	}},
	{name: "faccessat2", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return trap(unix.SYS_FACCESSAT2, cwd, text(s.Public), unix.R_OK, unix.AT_SYMLINK_NOFOLLOW)
	}},
	{name: "readlink", none: well, contained: vain.or(unix.ENOENT), strict: hidden, do: func(*scene, hands) error {
		return second(unix.Readlink("/proc/self/exe", make([]byte, 100)))
	}},
	{name: "getcwd", none: well, contained: vain, strict: vain.or(unix.ENOENT), do: func(*scene, hands) error {
		return second(unix.Getcwd(make([]byte, 4096)))
	}},
	{name: "chdir", none: well, contained: well, strict: hidden, granted: vain, do: func(*scene, hands) error { return strike(func() error { return unix.Chdir(".") }) }},
	{name: "read a folder", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error { return list(s.Folder) }},
	{name: "getxattr", none: reaches(unix.ENODATA), contained: vain.or(unix.ENODATA), strict: hidden, do: func(s *scene, _ hands) error {
		return second(unix.Getxattr(s.Public, "user.none", make([]byte, 10)))
	}},
	{name: "inotify", none: well, contained: vain, strict: hidden, do: func(s *scene, _ hands) error {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return second(unix.InotifyAddWatch(fd, s.Folder, unix.IN_ALL_EVENTS))
	}},
	{name: "fanotify", none: well.or(unix.ENOSYS), contained: stopped, strict: stopped, do: func(*scene, hands) error {
		fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{name: "open by a handle", none: well, contained: gone.or(unix.ESTALE, unix.EOPNOTSUPP), strict: gone, do: byHandle},

	{name: "open to write", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Public, unix.O_WRONLY)
	}},
	{name: "open to read and write", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Public, unix.O_RDWR)
	}},
	{name: "open, truncating", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Public, unix.O_RDONLY|unix.O_TRUNC)
	}},
	{name: "create", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.in("new"), unix.O_CREAT|unix.O_WRONLY)
	}},
	{name: "create a file without a name", none: well.or(unix.EOPNOTSUPP), contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Folder, unix.O_TMPFILE|unix.O_RDWR)
	}},
	{name: "truncate", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error { return unix.Truncate(s.Public, 1) }},
	{name: "mkdir", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error { return unix.Mkdir(s.in("dir"), 0o700) }},
	{name: "mknod of a pipe", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Mknod(s.in("pipe"), unix.S_IFIFO|0o600, 0)
	}},
	{name: "mknod of a disk", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Mknod(s.in("disk"), unix.S_IFBLK|0o600, int(unix.Mkdev(1, 0)))
	}},
	{name: "unlink", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error { return unix.Unlink(s.Public) }},
	{name: "rmdir", none: reaches(unix.ENOTEMPTY), contained: fixed, strict: hidden, do: func(s *scene, _ hands) error { return unix.Rmdir(s.Folder) }},
	{name: "rename", none: well, contained: fixed.or(unix.EXDEV), strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Rename(s.Public, s.in("renamed"))
	}},
	{name: "exchange", none: well, contained: fixed.or(unix.EXDEV), strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Renameat2(unix.AT_FDCWD, s.Public, unix.AT_FDCWD, s.Secret, unix.RENAME_EXCHANGE)
	}},
	{name: "link", none: well, contained: fixed.or(unix.EXDEV), strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Link(s.Public, s.in("link"))
	}},
	{name: "symlink", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Symlink("/", s.in("symlink"))
	}},
	{name: "chmod", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error { return unix.Chmod(s.Public, 0o777) }},
	{name: "fchmodat2", none: well.or(unix.ENOSYS), contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return trap(452, cwd, text(s.Public), 0o777, 0)
	}},
	{name: "chown", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Chown(s.Public, os.Getuid(), os.Getgid())
	}},
	{name: "lchown", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Lchown(s.Public, os.Getuid(), os.Getgid())
	}},
	{name: "utimensat", none: well, contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, s.Public, make([]unix.Timespec, 2), 0)
	}},
	{name: "setxattr", none: well.or(unix.EOPNOTSUPP), contained: fixed.or(unix.EOPNOTSUPP), strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Setxattr(s.Public, "user.evil", evil, 0)
	}},
	{name: "lsetxattr", none: well.or(unix.EOPNOTSUPP), contained: fixed.or(unix.EOPNOTSUPP), strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Lsetxattr(s.Public, "user.evil", evil, 0)
	}},
	{name: "removexattr", none: reaches(unix.ENODATA, unix.EOPNOTSUPP), contained: fixed.or(unix.EOPNOTSUPP), strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Removexattr(s.Public, "user.evil")
	}},

	{name: "fchmod a shared file", none: well, contained: fixed, strict: fixed, do: func(_ *scene, h hands) error { return unix.Fchmod(h.file, 0o777) }},
	{name: "fchown a shared file", none: well, contained: fixed, strict: fixed, do: func(_ *scene, h hands) error {
		return unix.Fchown(h.file, os.Getuid(), os.Getgid())
	}},
	{name: "fsetxattr on a shared file", none: well.or(unix.EOPNOTSUPP), contained: fixed.or(unix.EOPNOTSUPP), strict: fixed, do: func(_ *scene, h hands) error {
		return unix.Fsetxattr(h.file, "user.evil", evil, 0)
	}},
	{name: "set a shared file's times", none: well, contained: fixed, strict: fixed, do: func(_ *scene, h hands) error {
		return trap(unix.SYS_UTIMENSAT, uintptr(h.file), 0, addr(&[2]unix.Timespec{}), 0)
	}},
	{name: "reopen a shared file to write", none: well, contained: fixed, strict: hidden, do: func(_ *scene, h hands) error {
		return opened(own(h.file), unix.O_RDWR)
	}},
	{name: "reopen a shared file to truncate", none: well, contained: fixed, strict: hidden, do: func(_ *scene, h hands) error {
		return opened(own(h.file), unix.O_RDONLY|unix.O_TRUNC)
	}},
	{name: "chmod a shared file by its descriptor's name", none: well, contained: fixed, strict: hidden, do: func(_ *scene, h hands) error {
		return unix.Chmod(own(h.file), 0o777)
	}},
	{name: "link a shared file", none: well, contained: fixed.or(unix.EXDEV), strict: hidden, do: func(s *scene, h hands) error {
		return unix.Linkat(unix.AT_FDCWD, own(h.file), unix.AT_FDCWD, s.in("link"), unix.AT_SYMLINK_FOLLOW)
	}},
	{name: "a lease on a shared file", none: well.or(unix.EAGAIN), contained: vain.or(unix.EAGAIN), strict: refused.or(unix.EINVAL), do: func(_ *scene, h hands) error {
		err := second(unix.FcntlInt(uintptr(h.file), unix.F_SETLEASE, unix.F_RDLCK))
		_, _ = unix.FcntlInt(uintptr(h.file), unix.F_SETLEASE, unix.F_UNLCK)
		return err
	}},
	{name: "a shared file's flags", none: well.or(unix.ENOTTY, unix.EOPNOTSUPP), contained: toneless, strict: toneless, do: func(_ *scene, h hands) error {
		return setFlags(h.file)
	}},
	{name: "a file's flags", none: well.or(unix.ENOTTY, unix.EOPNOTSUPP), contained: toneless.or(unix.ENOENT), strict: hidden, do: func(s *scene, _ hands) error {
		fd, err := unix.Open(s.Public, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return setFlags(fd)
	}},
	{name: "make a shared file read-only for ever", none: vain.or(unix.EOPNOTSUPP, unix.ENOTTY, unix.ETXTBSY, unix.EINVAL), contained: toneless, strict: toneless, do: func(_ *scene, h hands) error {
		const enableVerity = 0x40806685 // FS_IOC_ENABLE_VERITY
		return trap(unix.SYS_IOCTL, uintptr(h.file), enableVerity, addr(&[16]uint64{1 | 1<<32, 4096}))
	}},

	{name: "/proc of the manager", none: well, contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(proc(s.Manager, "environ"), unix.O_RDONLY)
	}},
	{name: "the manager's descriptors", none: well, contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return list(proc(s.Manager, "fd"))
	}},
	{name: "the neighbour's memory, by /proc", none: well, contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(proc(s.Neighbour, "mem"), unix.O_RDONLY)
	}},
	{name: "the neighbour's root, by /proc", none: well, contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return list(proc(s.Neighbour, "root"))
	}},
	{name: "its own memory, by /proc", none: well, contained: vain.or(unix.ENOENT), strict: hidden, do: func(*scene, hands) error {
		return opened("/proc/self/mem", unix.O_RDWR)
	}},
	{name: "map ids", none: well, contained: fixed, strict: hidden, do: func(*scene, hands) error { return opened("/proc/self/uid_map", unix.O_WRONLY) }},
	{name: "a kernel parameter", none: well, contained: fixed, strict: hidden, do: func(*scene, hands) error {
		return opened("/proc/sys/kernel/core_pattern", unix.O_WRONLY)
	}},
	{name: "sysrq", none: well.or(unix.ENOENT), contained: fixed, strict: hidden, do: func(*scene, hands) error {
		return opened("/proc/sysrq-trigger", unix.O_WRONLY)
	}},
	{name: "/sys", none: well, contained: hidden, strict: hidden, do: func(*scene, hands) error { return list("/sys/kernel") }},
	{name: "control groups", none: well, contained: hidden, strict: hidden, do: func(*scene, hands) error {
		groups, err := filepath.Glob("/sys/fs/cgroup/*")
		if err != nil || len(groups) == 0 {
			return unix.ENOENT
		}
		return opened(groups[0], unix.O_RDONLY)
	}},
	{name: "/dev/kmsg", none: well.or(unix.EPERM), contained: hidden, strict: hidden, do: func(*scene, hands) error { return opened("/dev/kmsg", unix.O_WRONLY) }},
	{name: "/dev/tty", none: well.or(unix.ENXIO), contained: hidden.or(unix.ENXIO), strict: hidden, do: func(*scene, hands) error {
		return opened("/dev/tty", unix.O_RDWR)
	}},
	{name: "a device's file elsewhere", none: well, contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Device, unix.O_RDONLY)
	}},
	{name: "what is typed into another's terminal", none: well, contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.Terminal, unix.O_RDONLY|unix.O_NOCTTY)
	}},
	{name: "a new terminal", none: well, contained: hidden, strict: hidden, do: func(*scene, hands) error {
		return opened("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
	}},
}

// in is a name in the folder.
func (s *scene) in(name string) string { return filepath.Join(s.Folder, name) }

// own is a descriptor of one's own, as a file.
func own(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

func proc(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// list reads a folder.
func list(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return second(unix.Getdents(fd, make([]byte, 4096)))
}

// byHandle is how a container of the first years was left, "shocker".
func byHandle(s *scene, h hands) error {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, s.Secret, 0)
	if err != nil {
		return err
	}
	fd, err := unix.OpenByHandleAt(h.file, handle, unix.O_RDONLY)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// setFlags sets flags of a file, as its owner may: no dump, no access times.
func setFlags(fd int) error {
	const get, set = 0x80086601, 0x40086602 // FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
	flags := new(int32)
	_ = trap(unix.SYS_IOCTL, uintptr(fd), get, addr(flags))
	*flags ^= 0xc0
	return trap(unix.SYS_IOCTL, uintptr(fd), set, addr(flags))
}
