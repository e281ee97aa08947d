package confine

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// An attempt is something that must fail now.
type attempt struct {
	what string
	try  func() error // nil: it succeeded
}

// verify tries what must not work. What does is an error, unless it is known to be missing:
// then the report tells it.
func (h *holder) verify(filtered bool) error {
	if err := h.attributes(filtered); err != nil {
		return err
	}
	for _, a := range h.attempts(filtered) {
		if a.try() != nil {
			continue
		}
		if len(h.report.Missing) == 0 {
			return fmt.Errorf("it is not held: it can %s", a.what)
		}
		h.report.Missing = append(h.report.Missing, "it can "+a.what)
	}
	return nil
}

// attributes reads from the kernel what this process has become.
func (h *holder) attributes(filtered bool) error {
	// What was done to all threads was done to this one too.
	if n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || n != 1 {
		return errors.Join(errors.New("it is not held: it may gain privileges"), err)
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); filtered && (err != nil || n != unix.SECCOMP_MODE_FILTER) {
		return errors.Join(errors.New("it is not held: it has no filter"), err)
	}
	if has, err := capabilities(); err != nil || has != [2]unix.CapUserData{} {
		return errors.Join(fmt.Errorf("it is not held: it has the capabilities %v", has), err)
	}
	if id := h.p.Given.UID; id != 0 {
		if r, e, s := unix.Getresuid(); r != id || e != id || s != id {
			return fmt.Errorf("it is not held: it is user %d, %d, %d, not %d", r, e, s, id)
		}
	}
	if h.separate("pid") && unix.Getpid() != 1 {
		return fmt.Errorf("it is not held: it has the number %d in its pid namespace, not 1", unix.Getpid())
	}
	return nil
}

// attempts are what this policy forbids, as far as it can be tried without harm.
func (h *holder) attempts(filtered bool) []attempt {
	p := h.p
	all := []attempt{{"make a unix socket", socket(unix.AF_UNIX, unix.SOCK_DGRAM)}, {"make a packet socket", socket(unix.AF_PACKET, unix.SOCK_RAW)}}
	if !p.Network {
		all = append(all, attempt{"make a network socket", socket(unix.AF_INET, unix.SOCK_STREAM)})
	}
	if unix.Getuid() != 0 {
		all = append(all, attempt{"become root", func() error { return number(syscall.RawSyscall(unix.SYS_SETRESUID, 0, 0, 0)) }})
	}
	if !slices.Contains(p.ReadWrite, "/") {
		all = append(all, attempt{"write files", open("/outwork-sandbox", unix.O_WRONLY|unix.O_CREAT)})
	}
	if p.Level == Contained {
		return all
	}
	if !p.viewed() {
		all = append(all, attempt{"look at files", stat("/")})
	}
	if !slices.Contains(slices.Concat(p.ReadOnly, p.ReadWrite), "/") {
		all = append(all, attempt{"read folders", open("/", unix.O_RDONLY|unix.O_DIRECTORY)})
	}
	if !filtered {
		return all
	}
	all = append(all, attempt{"execute memory", executable})
	if !p.Subprocesses {
		all = append(all, attempt{"start processes", fork}, attempt{"signal others", func() error {
			return number(syscall.RawSyscall(unix.SYS_KILL, ^uintptr(0), 0, 0))
		}})
	}
	return all
}

func number(_, _ uintptr, e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func socket(family, kind int) func() error {
	return func() error {
		fd, err := unix.Socket(family, kind, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

func open(path string, flags int) func() error {
	return func() error {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			unix.Close(fd)
		}
		if err == nil && flags&unix.O_CREAT != 0 {
			unix.Unlink(path)
		}
		return err
	}
}

func stat(path string) func() error {
	return func() error {
		var st unix.Stat_t
		return unix.Stat(path, &st)
	}
}

func executable() error {
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err == nil {
		unix.Munmap(b)
	}
	return err
}

// fork makes a child that ends at once, if it can: nothing else is safe after it.
func fork() error {
	pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if e != 0 {
		return e
	}
	if pid == 0 {
		for {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	unix.Wait4(int(pid), nil, 0, nil)
	return nil
}
