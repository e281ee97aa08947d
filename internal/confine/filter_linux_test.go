//go:build amd64 || arm64

package confine

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// seen is what a filter sees of a call.
type seen struct {
	number uintptr
	arch   uint32
	args   [6]uint64
}

// verdictOf runs a program in the machine of package bpf, whose words are big endian.
func verdictOf(t *testing.T, vm *bpf.VM, s seen) action {
	t.Helper()
	b := binary.BigEndian.AppendUint32(nil, uint32(s.number))
	b = binary.BigEndian.AppendUint32(b, s.arch)
	b = append(b, make([]byte, 8)...) // where it was called
	for _, a := range s.args {
		b = binary.BigEndian.AppendUint32(b, uint32(a))
		b = binary.BigEndian.AppendUint32(b, uint32(a>>32))
	}
	n, err := vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return action(uint32(n))
}

// machine is the filter for a form, ready to run.
func machine(t *testing.T, f form) *bpf.VM {
	t.Helper()
	prog := filterOf(f)
	if len(prog) > 4096 {
		t.Fatalf("a filter of %d instructions: the kernel takes 4096", len(prog))
	}
	var raw []bpf.RawInstruction
	for _, n := range prog {
		raw = append(raw, bpf.RawInstruction{Op: n.op, Jt: n.jt, Jf: n.jf, K: n.k})
	}
	decoded, all := bpf.Disassemble(raw)
	if !all {
		t.Fatal("it has instructions that nobody knows")
	}
	vm, err := bpf.NewVM(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func forms() map[string]form {
	return map[string]form{
		"strict":                {pid: 1},
		"strict, files":         {pid: 1, paths: true},
		"strict, writes":        {pid: 1, paths: true, writes: true},
		"strict, own id":        {pid: 1, paths: true, writes: true, stranger: true},
		"strict, network":       {pid: 1, network: true},
		"strict, subprocesses":  {pid: 1, paths: true, loads: true, subprocesses: true},
		"strict, devices":       {pid: 1, paths: true, devices: []string{"/dev/null"}},
		"strict, interpreter":   {pid: 1, paths: true, loads: true, interpreter: true, becomes: [][3]uint64{{0x123456789000, 0x1122_0000_0000, 7}}},
		"contained":             {pid: 1, contained: true, paths: true, loads: true, subprocesses: true},
		"contained, network":    {pid: 1, contained: true, paths: true, loads: true, subprocesses: true, network: true},
		"contained, writes":     {pid: 1, contained: true, paths: true, loads: true, subprocesses: true, writes: true},
		"contained, own id":     {pid: 1, contained: true, paths: true, loads: true, subprocesses: true, writes: true, stranger: true},
		"strict, uncounted":     {pid: 1, uncounted: true},
		"contained, truncates":  {pid: 1, contained: true, paths: true, loads: true, subprocesses: true, writes: true, truncates: true},
		"contained, devices":    {pid: 1, contained: true, paths: true, loads: true, subprocesses: true, devices: []string{"/dev/null"}},
		"contained, everything": {pid: 1, contained: true, paths: true, loads: true, subprocesses: true, writes: true, stranger: true, network: true, devices: []string{"/dev/null"}},
	}
}

// expected is what a verdict says, read without the program.
func expected(v *verdict, unknown action, args [6]uint64) action {
	if v == nil {
		return unknown
	}
rules:
	for _, r := range v.rules {
		for _, c := range r.when {
			if uint32(args[c.arg])&c.mask != c.want || c.long && uint32(args[c.arg]>>32) != c.wide {
				continue rules
			}
		}
		return r.then
	}
	return v.els
}

// interesting are arguments that some rule asks for, and neighbours.
func interesting(v *verdict) (all [][6]uint64) {
	all = append(all, [6]uint64{}, [6]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)})
	if v == nil {
		return all
	}
	for _, r := range v.rules {
		var hit [6]uint64
		for _, c := range r.when {
			hit[c.arg] |= uint64(c.want) | uint64(c.wide)<<32
		}
		all = append(all, hit)
		for _, c := range r.when {
			for bit := range 64 {
				near := hit
				near[c.arg] ^= 1 << bit
				all = append(all, near)
			}
		}
	}
	return all
}

// Every call, in every form, with the arguments that its rules look at: the program says what
// the table says.
func TestFilter(t *testing.T) {
	for name, f := range forms() {
		t.Run(name, func(t *testing.T) {
			vm := machine(t, f)
			c, unknown := verdicts(f)
			for n, v := range c {
				for _, args := range interesting(v) {
					if got, want := verdictOf(t, vm, seen{uintptr(n), auditArch, args}), expected(v, unknown, args); got != want {
						t.Errorf("call %d with %x: %#x, not %#x", n, args, got, want)
					}
				}
			}
		})
	}
}

// What is not of this architecture is killed, whatever its number.
func TestForeign(t *testing.T) {
	for name, f := range forms() {
		vm := machine(t, f)
		for _, s := range []seen{
			{number: unix.SYS_READ, arch: unix.AUDIT_ARCH_I386},
			{number: unix.SYS_READ, arch: unix.AUDIT_ARCH_ARM},
			{number: unix.SYS_READ, arch: auditArch ^ 1},
			{number: unix.SYS_READ | foreign, arch: auditArch}, // x32
			{number: 520 | foreign, arch: auditArch},           // its execve
			{number: ^uintptr(0), arch: auditArch},
		} {
			if got := verdictOf(t, vm, s); got != kill {
				t.Errorf("%s: call %#x of architecture %#x: %#x", name, s.number, s.arch, got)
			}
		}
		for _, n := range []uintptr{callNumbers - 1, callNumbers, foreign - 1} {
			if got := verdictOf(t, vm, seen{number: n, arch: auditArch}); got != unknown {
				t.Errorf("%s: unknown call %d: %#x", name, n, got)
			}
		}
	}
}

// What the levels promise, call by call.
func TestVerdicts(t *testing.T) {
	const (
		pid    = 1
		thread = 0x50f00
		forks  = uint64(unix.SIGCHLD)
	)
	a := func(args ...uint64) (all [6]uint64) { copy(all[:], args); return all }
	type row struct {
		call              string
		number            uintptr
		args              [6]uint64
		strict, contained action
	}
	for _, r := range []row{
		{"read", unix.SYS_READ, a(), allow, allow},
		{"clone of a Go thread", unix.SYS_CLONE, a(thread), allow, allow},
		{"clone of a C thread", unix.SYS_CLONE, a(0x3d0f00), allow, allow},
		{"clone of a process", unix.SYS_CLONE, a(forks), refuse, allow},
		{"clone of a process that shares memory", unix.SYS_CLONE, a(forks | unix.CLONE_VM | unix.CLONE_VFORK), refuse, allow},
		{"clone into a user namespace", unix.SYS_CLONE, a(forks | unix.CLONE_NEWUSER), refuse, refuse},
		{"clone of a thread in a namespace", unix.SYS_CLONE, a(thread | unix.CLONE_NEWUTS), refuse, refuse},
		{"clone of a sibling", unix.SYS_CLONE, a(forks | unix.CLONE_PARENT), refuse, refuse},
		{"clone3", unix.SYS_CLONE3, a(), unknown, unknown},
		{"execve", unix.SYS_EXECVE, a(1, 2, 3), refuse, allow},
		{"execveat", unix.SYS_EXECVEAT, a(), refuse, allow},
		{"openat", unix.SYS_OPENAT, a(), noPath, allow},
		{"newfstatat", unix.SYS_NEWFSTATAT, a(), noPath, allow},
		{"fchmod", unix.SYS_FCHMOD, a(), refuse, refuse},
		{"fchmodat", unix.SYS_FCHMODAT, a(), refuse, refuse},
		{"utimensat", unix.SYS_UTIMENSAT, a(), refuse, refuse},
		{"fsetxattr", unix.SYS_FSETXATTR, a(), refuse, refuse},
		{"unlinkat", unix.SYS_UNLINKAT, a(), refuse, refuse},
		{"mmap", unix.SYS_MMAP, a(0, 1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS), allow, allow},
		{"mmap to execute", unix.SYS_MMAP, a(0, 1, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANONYMOUS), refuse, allow},
		{"mmap of a file to execute", unix.SYS_MMAP, a(0, 1, unix.PROT_EXEC, unix.MAP_PRIVATE), refuse, allow},
		{"mprotect to execute", unix.SYS_MPROTECT, a(0, 1, unix.PROT_EXEC), refuse, allow},
		{"mprotect", unix.SYS_MPROTECT, a(0, 1, unix.PROT_READ), allow, allow},
		{"pkey_mprotect", unix.SYS_PKEY_MPROTECT, a(0, 1, unix.PROT_READ), refuse, allow},
		{"memfd_create", unix.SYS_MEMFD_CREATE, a(0, 0), refuse, allow},
		{"memfd_create, not to be executed", unix.SYS_MEMFD_CREATE, a(0, unix.MFD_NOEXEC_SEAL|unix.MFD_CLOEXEC), allow, allow},
		{"socket of the internet", unix.SYS_SOCKET, a(unix.AF_INET, unix.SOCK_STREAM), refuse, refuse},
		{"socket", unix.SYS_SOCKET, a(unix.AF_UNIX, unix.SOCK_STREAM), refuse, refuse},
		{"socket with high bits", unix.SYS_SOCKET, a(unix.AF_UNIX|1<<32, unix.SOCK_STREAM), refuse, refuse},
		{"socketpair", unix.SYS_SOCKETPAIR, a(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC), refuse, allow},
		{"socketpair of datagrams", unix.SYS_SOCKETPAIR, a(unix.AF_UNIX, unix.SOCK_DGRAM), refuse, refuse},
		{"connect", unix.SYS_CONNECT, a(), refuse, refuse},
		{"send", unix.SYS_SENDTO, a(), allow, allow},
		{"sendto", unix.SYS_SENDTO, a(0, 0, 0, 0, 1<<40), refuse, refuse},
		{"kill of itself", unix.SYS_KILL, a(pid), allow, allow},
		{"kill", unix.SYS_KILL, a(2), refuse, allow},
		{"kill of all", unix.SYS_KILL, a(^uint64(0)), refuse, allow},
		{"tgkill of itself", unix.SYS_TGKILL, a(pid, 7), allow, allow},
		{"tgkill", unix.SYS_TGKILL, a(2, 7), refuse, allow},
		{"tkill", unix.SYS_TKILL, a(pid), refuse, allow},
		{"prlimit64 that reads", unix.SYS_PRLIMIT64, a(0, 7, 0), allow, allow},
		{"prlimit64 that writes", unix.SYS_PRLIMIT64, a(0, 7, 1<<40), refuse, allow},
		{"prlimit64 of another", unix.SYS_PRLIMIT64, a(2, 7, 0), refuse, allow},
		{"fcntl F_GETFL", unix.SYS_FCNTL, a(3, unix.F_GETFL), allow, allow},
		{"fcntl F_GET_SEALS", unix.SYS_FCNTL, a(3, unix.F_GET_SEALS), allow, allow},
		{"fcntl F_SETOWN", unix.SYS_FCNTL, a(3, unix.F_SETOWN), refuse, refuse},
		{"fcntl F_SETSIG", unix.SYS_FCNTL, a(3, unix.F_SETSIG), refuse, refuse},
		{"ioctl TIOCSTI", unix.SYS_IOCTL, a(0, unix.TIOCSTI), errno | action(unix.ENOTTY), refuse},
		{"ioctl TIOCSTI with high bits", unix.SYS_IOCTL, a(0, unix.TIOCSTI|1<<32), errno | action(unix.ENOTTY), refuse},
		{"ioctl TCGETS", unix.SYS_IOCTL, a(0, unix.TCGETS), allow, allow},
		{"prctl PR_SET_VMA", unix.SYS_PRCTL, a(unix.PR_SET_VMA), allow, allow},
		{"prctl PR_SET_PDEATHSIG to none", unix.SYS_PRCTL, a(unix.PR_SET_PDEATHSIG, 0), refuse, refuse},
		{"prctl PR_SET_PDEATHSIG", unix.SYS_PRCTL, a(unix.PR_SET_PDEATHSIG, 9), refuse, allow},
		{"prctl PR_SET_SECCOMP", unix.SYS_PRCTL, a(unix.PR_SET_SECCOMP), refuse, allow},
		{"setsockopt", unix.SYS_SETSOCKOPT, a(3, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER), refuse, refuse},
		{"ptrace", unix.SYS_PTRACE, a(), kill, kill},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, a(), kill, kill},
		{"bpf", unix.SYS_BPF, a(), kill, kill},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, a(), kill, kill},
		{"unshare", unix.SYS_UNSHARE, a(), kill, kill},
		{"mount", unix.SYS_MOUNT, a(), kill, kill},
		{"chroot", unix.SYS_CHROOT, a(), refuse, refuse},
		{"personality", unix.SYS_PERSONALITY, a(0x400000), refuse, refuse},
		{"sethostname", unix.SYS_SETHOSTNAME, a(), refuse, refuse},
	} {
		for level, want := range map[string]action{"strict": r.strict, "contained": r.contained} {
			if got := verdictOf(t, machine(t, forms()[level]), seen{r.number, auditArch, r.args}); got != want {
				t.Errorf("%s: %s: %#x, not %#x", level, r.call, got, want)
			}
		}
	}
}

// What a grant changes.
func TestGrantedVerdicts(t *testing.T) {
	a := func(args ...uint64) (all [6]uint64) { copy(all[:], args); return all }
	none := errno | action(unix.EAFNOSUPPORT)
	for _, r := range []struct {
		form   string
		number uintptr
		args   [6]uint64
		want   action
	}{
		{"strict, files", unix.SYS_OPENAT, a(), allow},
		{"strict, files", unix.SYS_MKDIRAT, a(), refuse},
		{"strict, writes", unix.SYS_MKDIRAT, a(), allow},
		{"strict, writes", unix.SYS_FCHMOD, a(), refuse},
		{"strict, own id", unix.SYS_FCHMOD, a(), allow},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK), allow},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_INET, unix.SOCK_RAW), none},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_UNIX, unix.SOCK_STREAM), none},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_NETLINK, unix.SOCK_RAW), none},
		{"strict, network", unix.SYS_CONNECT, a(), allow},
		{"strict, network", unix.SYS_SETSOCKOPT, a(3, unix.SOL_SOCKET, unix.SO_ATTACH_BPF), refuse},
		{"strict, network", unix.SYS_SETSOCKOPT, a(3, unix.IPPROTO_TCP, 1), allow},
		{"strict, subprocesses", unix.SYS_CLONE, a(uint64(unix.SIGCHLD)), allow},
		{"strict, subprocesses", unix.SYS_MMAP, a(0, 1, unix.PROT_EXEC, unix.MAP_PRIVATE), allow},
		{"strict, subprocesses", unix.SYS_MMAP, a(0, 1, unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS), refuse},
		{"strict, devices", unix.SYS_IOCTL, a(3, 0x6401), allow},
		{"strict, devices", unix.SYS_IOCTL, a(3, unix.TIOCSTI), refuse},
		{"strict, interpreter", unix.SYS_EXECVE, a(0x123456789000, 0x1122_0000_0000, 7), allow},
		{"strict, interpreter", unix.SYS_EXECVE, a(0x123456789000, 0x1122_0000_0000, 8), refuse},
		{"strict, interpreter", unix.SYS_EXECVE, a(0x123456789000, 0x1123_0000_0000, 7), refuse},
		{"strict, interpreter", unix.SYS_EXECVE, a(0x123456789001, 0x1122_0000_0000, 7), refuse},
		{"strict, interpreter", unix.SYS_EXECVEAT, a(0x123456789000, 0x1122_0000_0000, 7), refuse},
		{"strict, interpreter", unix.SYS_MEMFD_CREATE, a(0, unix.MFD_NOEXEC_SEAL), refuse},
		{"strict, interpreter", unix.SYS_MMAP, a(0, 1, unix.PROT_EXEC|unix.PROT_READ, unix.MAP_PRIVATE), allow},
		{"strict, interpreter", unix.SYS_MMAP, a(0, 1, unix.PROT_EXEC|unix.PROT_WRITE, unix.MAP_PRIVATE), refuse},
		{"strict, uncounted", unix.SYS_MMAP, a(0, 1, unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS), allow},
		{"strict, uncounted", unix.SYS_MMAP, a(0, 1, unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS), refuse},
		{"strict, uncounted", unix.SYS_MMAP, a(0, 1, unix.PROT_READ, unix.MAP_SHARED), allow},
		{"strict", unix.SYS_MMAP, a(0, 1, unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS), allow},
		{"strict, uncounted", unix.SYS_MMAP, a(0, 1, unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN), refuse},
		{"strict", unix.SYS_MMAP, a(0, 1, unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_HUGETLB), refuse},
		{"strict", unix.SYS_MEMFD_CREATE, a(0, unix.MFD_NOEXEC_SEAL|unix.MFD_HUGETLB), refuse},
		{"contained, truncates", unix.SYS_OPENAT, a(3, 0, unix.O_RDONLY|unix.O_TRUNC), refuse},
		{"contained, truncates", unix.SYS_OPENAT, a(3, 0, 3|unix.O_TRUNC), refuse},
		{"contained, truncates", unix.SYS_OPENAT, a(3, 0, unix.O_WRONLY|unix.O_TRUNC), allow},
		{"contained, truncates", unix.SYS_OPENAT, a(3, 0, unix.O_RDONLY|unix.O_CLOEXEC), allow},
		{"contained, truncates", unix.SYS_OPENAT2, a(3, 0, 0), unknown},
		{"contained, truncates", unix.SYS_TRUNCATE, a(0, 0), refuse},
		{"contained", unix.SYS_OPENAT, a(3, 0, unix.O_RDONLY|unix.O_TRUNC), allow},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP), allow},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP), none},
		{"strict, network", unix.SYS_SOCKET, a(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP), none},
		{"contained, devices", unix.SYS_IOCTL, a(3, 0x6401), allow},
		{"contained, devices", unix.SYS_IOCTL, a(3, unix.FS_IOC_SETFLAGS), refuse},
		{"contained", unix.SYS_IOCTL, a(3, unix.FS_IOC_SETFLAGS), errno | action(unix.ENOTTY)},
		{"contained, network", unix.SYS_SOCKET, a(unix.AF_INET, unix.SOCK_STREAM), allow},
		{"contained, network", unix.SYS_SOCKET, a(unix.AF_UNIX, unix.SOCK_DGRAM), none},
	} {
		if got := verdictOf(t, machine(t, forms()[r.form]), seen{r.number, auditArch, r.args}); got != r.want {
			t.Errorf("%s: call %d%x: %#x, not %#x", r.form, r.number, r.args, got, r.want)
		}
	}
}
