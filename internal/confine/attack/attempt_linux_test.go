package attack

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is something that hostile code does, and what is to become of it at each level.
type attempt struct {
	name                    string
	none, contained, strict verdict // none is what root finds
	do                      func(s *scene, h hands) error

	// granted is with Strict for a program, if the worker was granted to start it; zero: strict.
	// What runs can be mapped executable then, and there is a root to it all, of what was granted.
	granted verdict
	// old is that it takes the entry of 32-bit programs: see hasOld.
	old bool
	// alone is for the worker's own process: a program of its is not in its place.
	alone bool
}

// hands are the descriptors that who tries has.
type hands struct {
	sealed   int // of a container of sealed memory
	file     int // of a container that is scene.Public
	terminal int
}

// all are all attempts.
func all() []attempt {
	return slices.Concat(onFiles, onNetwork, onProcesses, onIdentity, onKernel, onMemory, onOld)
}

// onOld are those that only some processors have.
var onOld []attempt

// hasOld reports whether this machine takes calls of 32-bit programs from 64-bit ones. Where
// it does not, there is nothing for a filter to kill.
var hasOld func() bool

// at is verdict for root, and another for an ordinary user.
func byUser(root, user verdict) verdict {
	if os.Geteuid() == 0 {
		return root
	}
	return user
}

// kept is what the kernel is told the addresses of.
var kept struct {
	sync.Mutex
	all []any
}

// addr is p's address, as an argument of trap.
func addr[T any](p *T) uintptr {
	kept.Lock()
	defer kept.Unlock()
	kept.all = append(kept.all, p)
	return uintptr(unsafe.Pointer(p))
}

// text is a C string's address.
func text(s string) uintptr {
	b := append([]byte(s), 0)
	return addr(&b[0])
}

// trap is a system call as the kernel has it.
func trap(number uintptr, args ...uintptr) error { return second(result(number, args...)) }

func result(number uintptr, args ...uintptr) (uintptr, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := syscall.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return 0, errno
	}
	return r, nil
}

func second[T any](_ T, err error) error { return err }

// opened opens, and closes again.
func opened(name string, flags int) error {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// minus is -n, as an argument.
func minus(n int) uintptr { return ^uintptr(n - 1) }

// cwd is AT_FDCWD.
var cwd = minus(100)

// strike does it in a thread that ends with it, as some cannot be undone.
func strike(do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the first thread does not end, and goes on holding whom it traces
			result <- strike(do)
			runtime.UnlockOSThread()
			return
		}
		result <- do()
	}()
	return <-result
}

// pointer is p as any.
func pointer[T any](p *T) unsafe.Pointer {
	addr(p)
	return unsafe.Pointer(p)
}
