package confine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A leap is an execve that is about to be made. Its three arguments are pointers to places that
// were chosen at random, so that a filter can let this call through and no other: what the
// process becomes inherits the filter, and would have to find the same three addresses, each of
// at least 35 bits that are random, to call it again.
type leap struct {
	path, argv, envp uint64
	told             []byte // of the last variable of the environment, which is not known yet
}

// newLeap puts a program, its arguments and its environment where its execve takes them from,
// with room for a variable of so many bytes more.
func newLeap(path string, args, env []string, room int) (l leap, err error) {
	if slices.ContainsFunc(slices.Concat([]string{path}, args, env), func(s string) bool { return strings.Contains(s, "\x00") }) {
		return l, errors.New("become " + path + ": there is a NUL in its arguments or environment")
	}
	l.path, _, err = place([]string{path}, false)
	if err == nil {
		l.argv, _, err = place(args, true)
	}
	if err == nil {
		l.envp, l.told, err = place(append(slices.Clip(env), strings.Repeat("\x00", room)), true)
	}
	if err != nil {
		return l, &os.PathError{Op: "make room to become", Path: path, Err: err}
	}
	return l, nil
}

// tell fills the room in the environment with a variable. No memory is needed for it.
func (l leap) tell(variable string) error {
	if len(variable) > len(l.told) {
		return fmt.Errorf("%d bytes on what holds it are too many", len(variable))
	}
	copy(l.told, variable)
	return nil
}

// arguments are what a filter lets through.
func (l leap) arguments() [3]uint64 { return [3]uint64{l.path, l.argv, l.envp} }

// make becomes the program, on this thread, and ends the others. It returns only an error.
func (l leap) make() error {
	_, _, e := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(l.path), uintptr(l.argv), uintptr(l.envp))
	return e
}

// place copies strings to memory at a random address, which is never given back; before them, if
// it is a vector, the addresses of all. last is where the last one is.
func place(all []string, vector bool) (at uint64, last []byte, err error) {
	head, size := 0, 0
	if vector {
		head = 8 * (len(all) + 1)
	}
	for _, s := range all {
		size += len(s) + 1
	}
	// Its beginning is at random within a page too.
	memory, err := somewhere(head + size + os.Getpagesize())
	if err != nil {
		return 0, nil, err
	}
	memory = memory[random()%uint64(os.Getpagesize())&^7:]
	at = address(memory)
	end := head
	for i, s := range all {
		if vector {
			binary.NativeEndian.PutUint64(memory[8*i:], at+uint64(end))
		}
		last = memory[end : end+len(s)]
		end += copy(last, s) + 1
	}
	return at, last, nil
}

// widths are how many bits of an address are a process's, on this and on smaller machines.
var widths = []int{47, 38}

// somewhere is memory at an address chosen at random.
func somewhere(size int) ([]byte, error) {
	err := error(unix.ENOMEM)
	for _, bits := range widths {
		for range 32 {
			var p unsafe.Pointer
			at := random() >> (64 - bits) &^ uint64(os.Getpagesize()-1)
			p, err = unix.MmapPtr(-1, 0, pointer(at), uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
			if err != nil {
				continue
			}
			memory := unsafe.Slice((*byte)(p), size)
			if address(memory) == at {
				return memory, nil
			}
			unix.MunmapPtr(p, uintptr(size)) // by a kernel that takes the address as a wish
		}
	}
	return nil, err
}

// pointer is an address that is none of Go's.
func pointer(at uint64) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

func address(memory []byte) uint64 {
	defer runtime.KeepAlive(memory)
	return uint64(uintptr(unsafe.Pointer(&memory[0])))
}

func random() uint64 {
	var b [8]byte
	for n := 0; n < len(b); {
		m, err := unix.Getrandom(b[n:], 0)
		if err != nil && err != unix.EINTR {
			panic(err) // every kernel that has seccomp's filters has this
		}
		n += max(m, 0)
	}
	return binary.NativeEndian.Uint64(b[:])
}
