package confine

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// form is what a filter is made for.
type form struct {
	contained    bool // else strict
	interpreter  bool // it runs code that it reads, and maps its libraries
	loads        bool // pages of files may be executed: libraries, other programs
	paths        bool // there are files that it may open
	writes       bool // and some that it may change
	stranger     bool // it owns no file of anybody's
	truncates    bool // Landlock does not keep it from emptying files
	uncounted    bool // its memory is limited, and only what is private counts
	network      bool
	subprocesses bool
	devices      []string
	pid          uint32      // its own number, as it sees it
	becomes      [][3]uint64 // the addresses of the arguments of the only execve that is let through
}

// formOf is the form for a policy, of a process that stays this one.
func formOf(p *Policy) form {
	f := form{
		contained: p.Level == Contained, network: p.Network, subprocesses: p.Subprocesses || p.Level == Contained,
		interpreter: p.Exec != nil, devices: p.Devices, stranger: p.Given.UID != 0, pid: uint32(unix.Getpid()),
		writes: len(p.ReadWrite) > 0, uncounted: p.Limits.Memory > 0 && !p.grouped("memory"),
	}
	version, _ := landlockVersion() // 0: there is none
	f.truncates = version < 3
	f.paths = f.contained || p.grants() || f.interpreter
	f.loads = f.contained || f.interpreter || f.subprocesses
	return f
}

// assemble is f as the kernel takes it.
func assemble(f form) ([]unix.SockFilter, error) {
	if auditArch == 0 {
		return nil, fmt.Errorf("this version has no table of the system calls of %s", runtime.GOARCH)
	}
	prog := filterOf(f)
	filter := make([]unix.SockFilter, len(prog))
	for i, n := range prog {
		filter[i] = unix.SockFilter{Code: n.op, Jt: n.jt, Jf: n.jf, K: n.k}
	}
	return filter, nil
}

// install puts a filter on all threads of this process, or on this one alone. After it only what
// it allows works.
func install(filter []unix.SockFilter, all bool) error {
	flags := uintptr(0)
	if all {
		flags = unix.SECCOMP_FILTER_FLAG_TSYNC
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, e := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	if e != 0 {
		return e
	}
	if thread != 0 {
		return fmt.Errorf("thread %d has a filter of its own", thread)
	}
	return nil
}

func filterOf(f form) []instruction {
	c, unknown := verdicts(f)
	return program(auditArch, c, unknown)
}
