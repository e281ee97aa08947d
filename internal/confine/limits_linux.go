package confine

import (
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// share is the memory in bytes that a program which a stage becomes may have beside its limit.
const share = 16 << 20

// limit sets the resource limits that are wanted beside those of control groups, and says which.
// has is the private memory in bytes that this program has already; 0: it becomes another.
func (p *Policy) limit(has uint64) (active []string, err error) {
	l := p.Limits
	// Of one byte: with none the kernel would still pipe a core to the program that kernel.core_pattern
	// names, which runs as root outside.
	if err := setLimit(unix.RLIMIT_CORE, 1, 1); err != nil {
		return nil, err
	}
	if l.CPU > 0 {
		n := uint64((l.CPU + time.Second - 1) / time.Second)
		err = errors.Join(err, setLimit(unix.RLIMIT_CPU, n, n+1))
		active = append(active, "CPU by rlimit")
	}
	if l.Files > 0 {
		err = errors.Join(err, setLimit(unix.RLIMIT_NOFILE, uint64(l.Files), uint64(l.Files)))
		active = append(active, "files by rlimit")
	}
	if l.Processes > 0 && p.alone() && !p.grouped("pids") {
		err = errors.Join(err, setLimit(unix.RLIMIT_NPROC, uint64(l.Processes), uint64(l.Processes)))
		active = append(active, "processes by rlimit")
	}
	if l.Memory > 0 {
		if has == 0 {
			has = share
		} else {
			debug.SetMemoryLimit(l.Memory / 10 * 9) // it collects more often before it is out of memory
		}
		if !shadowed || p.Exec != nil {
			n := has + uint64(l.Memory) + p.slack()
			err = errors.Join(err, setLimit(unix.RLIMIT_DATA, n, n))
			if !p.grouped("memory") {
				active = append(active, "memory by rlimit")
			}
		}
	}
	return active, err
}

// slack is how many bytes more than its limit a program may map: Go's runtime keeps what it has
// given back mapped, which counts all the same. Where a control group counts exactly, the resource
// limit is only there to catch what goes on before it acts.
func (p *Policy) slack() uint64 {
	if p.grouped("memory") {
		return uint64(p.Limits.Memory)
	}
	return uint64(p.Limits.Memory)/4 + share
}

// alone reports whether no other process counts for the limit of its user's.
func (p *Policy) alone() bool { return p.Given.UID != 0 || slices.Contains(p.Given.Namespaces, "user") }

// grouped reports whether a control group holds the process by that controller.
func (p *Policy) grouped(controller string) bool {
	return slices.ContainsFunc(p.Given.Cgroups, func(c string) bool { return strings.HasPrefix(c, controller) })
}

// setLimit sets a limit, or leaves a lower one that there is.
func setLimit(resource int, soft, hard uint64) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(resource, &now); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: min(soft, now.Max), Max: min(hard, now.Max)}); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	return nil
}

// dataSize is how much private memory this process has, in bytes, as RLIMIT_DATA counts it, with
// its stacks.
func dataSize() uint64 {
	b, _ := os.ReadFile("/proc/self/statm") // pages: size, resident, shared, text, 0, data, 0
	if fields := strings.Fields(string(b)); len(fields) > 5 {
		if n, err := strconv.ParseUint(fields[5], 10, 64); err == nil {
			return n * uint64(os.Getpagesize())
		}
	}
	return 256 << 20 // what a Go process has at its start, generously
}

// groups tells what control groups hold, in the words of a report.
func groups(controllers []string) (active []string) {
	for _, c := range controllers {
		kind, version, _ := strings.Cut(c, " ")
		if kind == "pids" {
			kind = "processes"
		}
		active = append(active, strings.TrimSpace(kind+" by cgroup "+version))
	}
	return active
}
