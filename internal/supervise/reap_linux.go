package supervise

import (
	"errors"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfo is the start of the kernel's siginfo_t as waitid fills it in; x/sys
// leaves these fields unnamed.
type siginfo struct {
	_     [3]int32
	child struct {
		_   [0]uintptr // the union is aligned like a pointer
		pid int32
	}
}

// peek returns a child that has ended, without reaping it: 0 if none has, ECHILD
// if there are no children at all.
func peek() (int, error) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != nil {
		return 0, err
	}
	return int((*siginfo)(unsafe.Pointer(&info)).child.pid), nil
}

// wait reaps a child that is known to have ended, and so does not block.
func wait(pid int, usage *syscall.Rusage) syscall.WaitStatus {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, usage)
		if !errors.Is(err, syscall.EINTR) {
			return status
		}
	}
}

// reap buries every child that has ended, and reports whether any child is left.
// One SIGCHLD may stand for many deaths, so it goes on until the kernel knows of
// no more.
func (s *Supervisor) reap() (left bool) {
	s.birth.Lock()
	defer s.birth.Unlock()
	for {
		pid, err := peek()
		if err != nil {
			return false
		}
		if pid == 0 {
			return true
		}
		if c := s.leader(pid); c != nil {
			c.bury()
			s.forget(c)
			s.release(c.hold)
		} else {
			wait(pid, nil)
			s.strayed() // its children, if any, are this process's now
		}
	}
}

func exitOf(status syscall.WaitStatus, usage syscall.Rusage) Exit {
	e := Exit{
		Code:   status.ExitStatus(),
		User:   time.Duration(usage.Utime.Nano()),
		System: time.Duration(usage.Stime.Nano()),
		MaxRSS: int64(usage.Maxrss) << 10,
	}
	if status.Signaled() {
		e.Signal = int(status.Signal())
	}
	return e
}
