package attack

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// x32 is the bit of the numbers of the ABI with short pointers.
const x32 = 0x40000000

func init() {
	hasOld = func() bool { return call32(getpid32, 0, 0) == int32(os.Getpid()) }
	onOld = []attempt{
		{name: "a 32-bit program's call", none: vain, contained: stopped, strict: killed, old: true, do: func(s *scene, _ hands) error {
			const kill = 37
			if r := call32(kill, uintptr(s.Manager), uintptr(unix.SIGUSR1)); r < 0 {
				return errno(r)
			}
			return nil
		}},
		{name: "a 32-bit program's call that is another's number", none: vain, contained: stopped, strict: killed, old: true, do: func(*scene, hands) error {
			if r := call32(getpid32, 0, 0); r < 0 {
				return errno(r)
			} else if int(r) != os.Getpid() {
				return unix.ENOSYS
			}
			return nil
		}},
		{name: "a call of the x32 ABI", none: reaches(unix.ENOSYS).orWell(), contained: stopped, strict: killed, do: func(*scene, hands) error {
			return trap(x32 | unix.SYS_GETPID)
		}},
		{name: "modify_ldt", none: well.or(unix.ENOSYS), contained: stopped.orWell(), strict: stopped, do: func(*scene, hands) error {
			return trap(unix.SYS_MODIFY_LDT, 0, addr(&[64]byte{}), 64)
		}},
		{name: "ioperm", none: well.or(unix.ENOSYS), contained: stopped, strict: stopped, do: inThread(unix.SYS_IOPERM, 0x80, 1, 1)},
		{name: "iopl", none: well.or(unix.ENOSYS), contained: stopped, strict: stopped, do: inThread(unix.SYS_IOPL, 3)},
		{name: "uselib", none: faulty, contained: stopped, strict: stopped, do: inThread(unix.SYS_USELIB, bad)},
		{name: "vfork", strict: refused, alone: true, do: func(*scene, hands) error { return trap(unix.SYS_VFORK) }},
		{name: "fork, by its own number", none: well, contained: well, strict: refused, granted: vain, do: func(*scene, hands) error { return fork(unix.SYS_FORK) }},
		{name: "open, the old one", none: well, contained: well, strict: hidden, do: func(s *scene, _ hands) error {
			fd, err := result(unix.SYS_OPEN, text(s.Public), unix.O_RDONLY)
			if err == nil {
				unix.Close(int(fd))
			}
			return err
		}},
		{name: "a call that no kernel has", none: reaches(unix.ENOSYS), contained: stopped, strict: stopped, do: func(*scene, hands) error { return trap(4000) }},
	}
}

const getpid32 = 20 // 64-bit programs have writev there

// call32 is old, or ENOSYS where the entry of 32-bit programs is a fault: the kernel can be
// built and started without it, and some hypervisors have none for their guests.
func call32(number, a, b uintptr) (r int32) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			r = -int32(unix.ENOSYS)
		}
	}()
	return old(number, a, b)
}

// errno is a kernel's answer as an error.
func errno(r int32) error { return unix.Errno(-r) }
