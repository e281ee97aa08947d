package confine

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// caller makes system calls that change the thread that makes them: on all threads of the
// process, or on this one, locked, which is going to become another program.
type caller struct{ all bool }

// noNewPrivileges sets that executing anything gives none, and finds out which threads Go
// reaches: in a program built with cgo, this one.
func noNewPrivileges() (c caller, err error) {
	c.all = true
	if err = c.call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); isErrno(err, syscall.ENOTSUP) {
		c.all = false
		err = c.call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	return c, wrap("no new privileges", err)
}

func (c caller) call(trap uintptr, a ...uintptr) error {
	_, err := c.ask(trap, a...)
	return err
}

// ask is call for what it returns, which is the same on all threads, or Go panics.
func (c caller) ask(trap uintptr, a ...uintptr) (uintptr, error) {
	var args [6]uintptr
	copy(args[:], a)
	do := syscall.RawSyscall6
	if c.all {
		do = syscall.AllThreadsSyscall6
	}
	r, _, e := do(trap, args[0], args[1], args[2], args[3], args[4], args[5])
	if e != 0 {
		return 0, e
	}
	return r, nil
}

// isErrno reports whether err is one of numbers.
func isErrno(err error, numbers ...syscall.Errno) bool {
	for _, n := range numbers {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}
