package attack

import (
	"os"

	"golang.org/x/sys/unix"
)

// onMemory are attempts to execute what was made up, and to change what is shared.
var onMemory = []attempt{
	{name: "mmap, executable", none: well, contained: well, strict: refused, do: func(*scene, hands) error {
		return mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, nothing)
	}},
	{name: "mmap, executable, with odd bits", none: well, contained: well, strict: refused.or(unix.EINVAL), do: func(*scene, hands) error {
		return mapped(1<<32|unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, nothing)
	}},
	{name: "mprotect, executable", none: well, contained: well, strict: refused, do: func(*scene, hands) error {
		return mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, protect(unix.SYS_MPROTECT, unix.PROT_READ|unix.PROT_EXEC))
	}},
	{name: "mprotect, executable alone", none: well, contained: well, strict: refused, do: func(*scene, hands) error {
		return mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, protect(unix.SYS_MPROTECT, unix.PROT_EXEC))
	}},
	{name: "pkey_mprotect, executable", none: well, contained: vain, strict: refused, do: func(*scene, hands) error {
		return mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, protect(unix.SYS_PKEY_MPROTECT, unix.PROT_READ|unix.PROT_EXEC, minus(1)))
	}},
	{name: "map a container executable", none: well, contained: well, strict: refused, granted: vain, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE, h.sealed, nothing)
	}},
	{name: "map a shared file executable", none: well, contained: vain, strict: refused, granted: vain, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE, h.file, nothing)
	}},
	{name: "make a container's map executable", none: well, contained: vain, strict: refused, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ, unix.MAP_PRIVATE, h.sealed, protect(unix.SYS_MPROTECT, unix.PROT_READ|unix.PROT_EXEC))
	}},
	{name: "memory that runs", none: well, contained: vain, strict: refused.or(unix.EINVAL), do: func(*scene, hands) error {
		fd, err := unix.MemfdCreate("evil", unix.MFD_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Ftruncate(fd, int64(os.Getpagesize())); err != nil {
			return err
		}
		return mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE, fd, nothing)
	}},
	{name: "shared memory that runs", none: well, contained: vain, strict: refused, do: func(*scene, hands) error {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o700)
		if err != nil {
			return err
		}
		at, err := result(unix.SYS_SHMAT, uintptr(id), 0, 0o100000)
		_ = trap(unix.SYS_SHMCTL, uintptr(id), unix.IPC_RMID, 0)
		if err == nil {
			err = trap(unix.SYS_SHMDT, at)
		}
		return err
	}},
	{name: "secret memory", none: well.or(unix.ENOSYS), contained: vain, strict: refused, do: func(*scene, hands) error {
		fd, err := result(unix.SYS_MEMFD_SECRET, 0)
		if err == nil {
			unix.Close(int(fd))
		}
		return err
	}},
	{name: "lock memory", none: well, contained: vain.or(unix.ENOMEM), strict: vain.or(unix.ENOMEM), do: func(*scene, hands) error {
		return mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1, func(at uintptr) error { return trap(unix.SYS_MLOCK, at, 4096) })
	}},

	{name: "write to a container", none: refused.or(unix.EBADF), contained: refused.or(unix.EBADF), strict: refused.or(unix.EBADF), do: func(_ *scene, h hands) error {
		return second(unix.Pwrite(h.sealed, evil, 0))
	}},
	{name: "write to a shared file", none: refused.or(unix.EBADF), contained: refused.or(unix.EBADF), strict: refused.or(unix.EBADF), do: func(_ *scene, h hands) error {
		return second(unix.Pwrite(h.file, evil, 0))
	}},
	{name: "map a container writable", none: refused, contained: refused, strict: refused, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, h.sealed, nothing)
	}},
	{name: "map a shared file writable", none: refused, contained: refused, strict: refused, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, h.file, nothing)
	}},
	{name: "make a container's shared map writable", none: refused, contained: refused, strict: refused, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ, unix.MAP_SHARED, h.sealed, protect(unix.SYS_MPROTECT, unix.PROT_READ|unix.PROT_WRITE))
	}},
	{name: "truncate a container", none: refused.or(unix.EINVAL), contained: refused.or(unix.EINVAL), strict: refused.or(unix.EINVAL), do: func(_ *scene, h hands) error {
		return unix.Ftruncate(h.sealed, 0)
	}},
	{name: "truncate a shared file", none: reaches(unix.EINVAL), contained: refused.or(unix.EINVAL), strict: refused.or(unix.EINVAL), do: func(_ *scene, h hands) error {
		return unix.Ftruncate(h.file, 0)
	}},
	{name: "a hole in a container", none: refused.or(unix.EBADF), contained: refused.or(unix.EBADF), strict: refused.or(unix.EBADF), do: func(_ *scene, h hands) error {
		return unix.Fallocate(h.sealed, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
	}},
	{name: "reopen a container to write", none: refused, contained: fixed, strict: hidden, do: func(_ *scene, h hands) error {
		fd, err := unix.Open(own(h.sealed), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return second(unix.Pwrite(fd, evil, 0))
	}},
	{name: "chmod a container", none: well, contained: refused, strict: refused, do: func(_ *scene, h hands) error { return unix.Fchmod(h.sealed, 0) }},
	{name: "seal a container", none: refused, contained: refused, strict: refused, do: func(_ *scene, h hands) error {
		return second(unix.FcntlInt(uintptr(h.sealed), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE))
	}},
}

// nothing is done with a map.
func nothing(uintptr) error { return nil }

// mapped maps a page, does f with it, and gives it back.
func mapped(prot, flags uintptr, fd int, f func(at uintptr) error) error {
	at, err := result(unix.SYS_MMAP, 0, 4096, prot, flags, uintptr(fd), 0)
	if err != nil {
		return err
	}
	defer trap(unix.SYS_MUNMAP, at, 4096)
	return f(at)
}

// protect changes what may be done with a map.
func protect(number, prot uintptr, more ...uintptr) func(at uintptr) error {
	return func(at uintptr) error { return trap(number, append([]uintptr{at, 4096, prot}, more...)...) }
}
