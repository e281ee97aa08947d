package supervise

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Child is a process that a Supervisor started, the leader of its own group. Its
// methods may be called by any goroutine at any time.
type Child struct {
	pid    int
	number uint64 // tells its descendants from those of other leaders
	pidfd  *os.File
	hold   *hold // nil: nothing holds it
	done   chan struct{}
	exit   Exit // written before done is closed

	mu     sync.Mutex
	reaped bool // guarded by mu: pid and group may belong to strangers
}

// Pid is the process's number, which is also its group's. After Done it may
// belong to another process.
func (c *Child) Pid() int { return c.pid }

// Pidfd refers to the process, and to no other, for as long as it is open. It
// belongs to the caller, who closes it at any time; the supervisor does not need
// it.
func (c *Child) Pidfd() *os.File { return c.pidfd }

// Done is closed when the process has ended and was reaped, its group was killed,
// and Exit is known.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit is how the process ended. It is zero until Done is closed.
func (c *Child) Exit() Exit {
	select {
	case <-c.done:
		return c.exit
	default:
		return Exit{}
	}
}

// Signal sends sig to the whole group. Once the process was reaped it returns
// os.ErrProcessDone.
func (c *Child) Signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return os.ErrProcessDone
	}
	return c.signalLocked(sig)
}

// signalLocked is for an unreaped child: neither number can have been reused.
func (c *Child) signalLocked(sig syscall.Signal) error {
	err := unix.Kill(-c.pid, sig)
	if ends(sig) && c.hold.first() && defaults(c.pid, sig) {
		sig = unix.SIGKILL // the kernel spares the first of a namespace all others
	}
	if errors.Is(err, unix.ESRCH) || sig == unix.SIGKILL {
		err = unix.Kill(c.pid, sig) // it may have moved to another group
	}
	if err != nil {
		return fmt.Errorf("signal process group %d: %w", c.pid, err)
	}
	return nil
}

// ends reports whether a signal that is sent to end a process does so by default.
func ends(sig syscall.Signal) bool {
	return sig == unix.SIGTERM || sig == unix.SIGINT || sig == unix.SIGHUP || sig == unix.SIGQUIT
}

// bury kills the group of a leader that has ended, reaps the leader and says so.
func (c *Child) bury() {
	var usage syscall.Rusage
	c.mu.Lock()
	_ = c.signalLocked(unix.SIGKILL) // there may be nobody left to kill
	status := wait(c.pid, &usage)
	c.reaped = true
	c.mu.Unlock()
	c.exit = exitOf(status, usage)
	c.hold.where().usage(&c.exit)
	close(c.done)
}
