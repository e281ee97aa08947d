package outwork_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// outcome is what becomes of an attempt to change a container.
type outcome int

const (
	never    outcome = iota // the kernel says no
	harmless                // it may go well, and nobody else sees other bytes
	byUser                  // it goes through, for who may write the file anyway
	perhaps                 // so does this, where there is such a thing
)

// attack is a way to change a container that hostile code in a worker has.
type attack struct {
	name         string
	memory, file outcome
	do           func(v victim) error
}

// victim is what the worker has of a container.
type victim struct {
	fd     int    // as it came from the manager
	path   string // of that, below /proc/self/fd
	size   int64
	own    []byte // the map that package container made
	shared []byte // a read-only map that is not private, of whole pages
}

// attacks is every path to a container's bytes that was thought of.
var attacks = []attack{
	{"write", never, never, func(v victim) error { return second(unix.Write(v.fd, evil)) }},
	{"pwrite", never, never, func(v victim) error { return second(unix.Pwrite(v.fd, evil, 0)) }},
	{"shrink", never, never, func(v victim) error { return unix.Ftruncate(v.fd, 0) }},
	{"grow", never, never, func(v victim) error { return unix.Ftruncate(v.fd, v.size+1<<20) }},
	{"punch a hole", never, never, func(v victim) error {
		return unix.Fallocate(v.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
	}},
	{"zero a range", never, never, func(v victim) error { return unix.Fallocate(v.fd, unix.FALLOC_FL_ZERO_RANGE, 0, 4096) }},
	{"collapse a range", never, never, func(v victim) error { return unix.Fallocate(v.fd, unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096) }},
	{"insert a range", never, never, func(v victim) error { return unix.Fallocate(v.fd, unix.FALLOC_FL_INSERT_RANGE, 0, 4096) }},
	{"allocate behind the end", never, never, func(v victim) error { return unix.Fallocate(v.fd, 0, v.size, 1<<20) }},
	{"splice into it", never, never, spliceInto},
	{"sendfile into it", never, never, func(v victim) error {
		return withEvil(func(from int) error { return second(unix.Sendfile(v.fd, from, new(int64), len(evil))) })
	}},
	{"copy_file_range into it", never, never, func(v victim) error {
		return withEvil(func(from int) error {
			return second(unix.CopyFileRange(from, new(int64), v.fd, new(int64), len(evil), 0))
		})
	}},
	{"splice out of it, write to the pipe", harmless, harmless, dirtyPipe},
	{"vmsplice out of it, write to the pipe", harmless, harmless, giftedPages},
	{"take seals for its own", never, never, func(v victim) error {
		return second(unix.FcntlInt(uintptr(v.fd), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE))
	}},

	{"map it writable and shared", never, never, func(v victim) error { return mapWritable(v.fd) }},
	{"mprotect a shared map", never, never, func(v victim) error { return scribbleIn(v.shared) }},
	{"mprotect the container's map", harmless, harmless, func(v victim) error { return scribbleIn(v.own) }},
	{"MADV_REMOVE", never, never, func(v victim) error { return unix.Madvise(v.shared, unix.MADV_REMOVE) }},
	{"userfaultfd", never, never, faultHandler},
	{"/proc/self/mem, a shared map", never, never, func(v victim) error { return pokeMemory(v.shared) }},
	{"/proc/self/mem, the container's map", harmless, harmless, func(v victim) error { return pokeMemory(v.own) }},
	{"process_vm_writev to a shared map", never, never, func(v victim) error { return vmWrite(v.shared) }},
	{"process_vm_writev to the container's map", never, never, func(v victim) error { return vmWrite(v.own) }},

	{"reopen, write", never, byUser, func(v victim) error {
		return reopen(v.path, unix.O_RDWR, func(fd int) error { return second(unix.Write(fd, evil)) })
	}},
	{"reopen, append", never, byUser, func(v victim) error {
		return reopen(v.path, unix.O_WRONLY|unix.O_APPEND, func(fd int) error { return second(unix.Write(fd, evil)) })
	}},
	{"reopen, truncating", never, byUser, func(v victim) error {
		return reopen(v.path, unix.O_WRONLY|unix.O_TRUNC, func(int) error { return nil })
	}},
	{"reopen, map", never, byUser, func(v victim) error { return reopen(v.path, unix.O_RDWR, mapWritable) }},
	{"reopen, punch a hole", never, byUser, func(v victim) error {
		return reopen(v.path, unix.O_RDWR, func(fd int) error {
			return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
		})
	}},
	{"reopen the map, write", never, perhaps, func(v victim) error {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(v.shared)))
		name := fmt.Sprintf("/proc/self/map_files/%x-%x", start, start+uintptr(len(v.shared)))
		return reopen(name, unix.O_RDWR, func(fd int) error { return second(unix.Pwrite(fd, evil, 0)) })
	}},
	{"truncate by name", never, byUser, func(v victim) error { return unix.Truncate(v.path, 0) }},

	{"chmod to nothing", harmless, byUser, func(v victim) error { return unix.Fchmod(v.fd, 0) }},
	{"chmod to a program", never, byUser, chmodToProgram},
	{"set an attribute", harmless, perhaps, func(v victim) error { return unix.Fsetxattr(v.fd, "user.outwork", evil, 0) }},
	{"set its times", harmless, byUser, func(v victim) error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, v.path, make([]unix.Timespec, 2), 0)
	}},
	{"execve", never, never, execute},
	{"execveat", never, never, executeAt},
	{"map it executable", harmless, harmless, func(v victim) error { // what stops this is a sandbox's filter
		return closing(unix.Mmap(v.fd, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE))
	}},
}

// evil is what nobody must find in a container.
var evil = []byte("evil")

func second[T any](_ T, err error) error { return err }

// closing unmaps what was mapped.
func closing(b []byte, err error) error {
	if err == nil {
		err = unix.Munmap(b)
	}
	return err
}

// withEvil calls f with a file that has it.
func withEvil(f func(fd int) error) error {
	fd, err := unix.MemfdCreate("evil", unix.MFD_CLOEXEC)
	if err != nil {
		panic(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, evil); err != nil {
		panic(err)
	}
	return f(fd)
}

func withPipe(f func(r, w int) error) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		panic(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	return f(p[0], p[1])
}

func spliceInto(v victim) error {
	return withPipe(func(r, w int) error {
		if _, err := unix.Write(w, evil); err != nil {
			panic(err)
		}
		return second(unix.Splice(r, nil, v.fd, new(int64), len(evil), 0))
	})
}

// dirtyPipe fills a pipe with pages of the container, and writes after them. On
// kernels before 5.17 that went into the pages (CVE-2022-0847).
func dirtyPipe(v victim) error {
	return withPipe(func(r, w int) error {
		fillPipe(r, w)
		if _, err := unix.Splice(v.fd, new(int64), w, nil, 1, 0); err != nil {
			return err
		}
		return second(unix.Write(w, evil))
	})
}

// fillPipe leaves an empty pipe, of whose buffers each was used.
func fillPipe(r, w int) {
	size, err := unix.FcntlInt(uintptr(w), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		panic(err)
	}
	b := make([]byte, size)
	if n, err := unix.Write(w, b); n != size || err != nil {
		panic(fmt.Sprint(n, err))
	}
	for left := size; left > 0; {
		n, err := unix.Read(r, b[:left])
		if err != nil {
			panic(err)
		}
		left -= n
	}
}

func giftedPages(v victim) error {
	return withPipe(func(_, w int) error {
		parts := []unix.Iovec{{Base: &v.shared[0], Len: 4096}}
		if _, err := unix.Vmsplice(w, parts, unix.SPLICE_F_GIFT); err != nil {
			return err
		}
		return second(unix.Write(w, evil))
	})
}

func mapWritable(fd int) error {
	b, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(b, evil)
	return unix.Munmap(b)
}

func scribbleIn(b []byte) error {
	if err := unix.Mprotect(page(b), unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return err
	}
	copy(b, evil)
	return nil
}

// page is the page that b begins in.
func page(b []byte) []byte {
	start := unsafe.Pointer(unsafe.SliceData(b))
	before := uintptr(start) % uintptr(os.Getpagesize())
	return unsafe.Slice((*byte)(unsafe.Add(start, -int(before))), os.Getpagesize())
}

func pokeMemory(b []byte) error {
	f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return second(f.WriteAt(evil, int64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))))
}

func vmWrite(b []byte) error {
	local := []unix.Iovec{{Base: &evil[0], Len: uint64(len(evil))}}
	remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(unsafe.SliceData(b))), Len: len(evil)}}
	return second(unix.ProcessVMWritev(os.Getpid(), local, remote, 0))
}

// faultHandler asks to decide itself what is in pages of a shared map.
func faultHandler(v victim) error {
	const (
		api      = 0xc018aa3f // UFFDIO_API
		register = 0xc020aa00 // UFFDIO_REGISTER
		missing  = 1
		minor    = 4
	)
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(fd))
	hello := [3]uint64{0xaa}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, api, uintptr(unsafe.Pointer(&hello))); errno != 0 {
		return errno
	}
	ask := [4]uint64{uint64(uintptr(unsafe.Pointer(unsafe.SliceData(v.shared)))), 4096, missing, 0}
	if _, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, register, uintptr(unsafe.Pointer(&ask))); errno == 0 {
		return nil
	}
	ask[2] = minor
	if _, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, register, uintptr(unsafe.Pointer(&ask))); errno == 0 {
		return nil
	}
	return errno
}

func reopen(path string, flags int, f func(fd int) error) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// unsealable is an error where memory cannot be sealed against being executed, which
// it can from Linux 6.3 on: then that is not tried.
func unsealable(v victim) error {
	seals, err := unix.FcntlInt(uintptr(v.fd), unix.F_GET_SEALS, 0)
	if err == nil && seals&unix.F_SEAL_EXEC == 0 {
		return unix.ENOSYS
	}
	return nil
}

func chmodToProgram(v victim) error {
	if err := unsealable(v); err != nil {
		return err
	}
	return unix.Fchmod(v.fd, 0o755)
}

func execute(v victim) error {
	if err := unsealable(v); err != nil {
		return err
	}
	p, err := os.StartProcess(v.path, []string{"evil"}, &os.ProcAttr{})
	if err == nil {
		p.Wait()
	}
	return err
}

func executeAt(v victim) error {
	if err := unsealable(v); err != nil {
		return err
	}
	empty, args := []byte{0}, []*byte{&[]byte("evil\x00")[0], nil}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(v.fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&args[0])), 0, unix.AT_EMPTY_PATH, 0)
	return errno
}

type attackArgs struct {
	Container string
	Attack    int
	Nobody    bool // by a user who may not write the file
}

// attacked is what became of an attack: the kernel's refusal, or nothing.
type attacked struct{ Refusal string }

var attackShared = outwork.Func("test.attack", func(ctx context.Context, a attackArgs) (r attacked, err error) {
	c, err := outwork.Shared(ctx, a.Container)
	if err != nil {
		return r, err
	}
	defer c.Close()
	h, err := container.Pass(c) // asks the manager for the descriptor once more
	if err != nil {
		return r, err
	}
	defer h.File.Close()
	pages := (int(c.Size()) + os.Getpagesize() - 1) / os.Getpagesize() * os.Getpagesize()
	shared, err := unix.Mmap(int(h.File.Fd()), 0, pages, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return r, err
	}
	defer unix.Munmap(shared)
	v := victim{fd: int(h.File.Fd()), path: fmt.Sprintf("/proc/self/fd/%d", h.File.Fd()), size: c.Size(), shared: shared}
	return r, c.View(func(b []byte) error {
		v.own = b
		if refusal := strike(attacks[a.Attack].do, v, a.Nobody); refusal != nil {
			r.Refusal = refusal.Error()
		}
		return nil
	})
})

// strike does it in a thread that ends with it, as nobody may not come back.
func strike(do func(victim) error, v victim, nobody bool) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if nobody {
			becomeNobody()
		}
		result <- do(v)
	}()
	return <-result
}

// becomeNobody has this thread use files as a user without rights.
func becomeNobody() {
	const nobody = 65534
	syscall.RawSyscall(syscall.SYS_SETFSGID, nobody, 0, 0)
	syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
}
