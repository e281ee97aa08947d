// Package host starts processes and supervises them: it runs in a starter
// (one small process a manager) and in an agent, behind a link that it knows
// nothing of.
//
// A [Supervisor] owns its whole process as far as children go: it is the child
// subreaper, reaps whatever ends, and nothing else there may start processes,
// wait for them, or ignore SIGCHLD. Each child is the leader of a process group
// of its own and is killed by the kernel when the supervising process dies, or the
// thread that started it (see [Supervisor.Start]).
//
// It promises, in this order: when a leader ends, its group is killed while the
// leader is still a zombie (so that the group's number cannot have passed to a
// stranger), the leader is reaped, its Done is closed; what the leader left
// outside its group is reparented to the supervisor, found by its environment
// (OUTWORK_ID) and killed soon after. [Supervisor.Close] returns when no child of
// any kind is left. No process is ever signalled by a number that may have been
// reused.
//
// What it does not do: capture output, speak any protocol, restart anything, or
// confine. A process that leaves the group and wipes its environment is found
// only by Close, one that forks and exits faster than it can be looked up by
// nobody (that takes a pid namespace), and if the supervising process itself is
// killed, the kernel takes the leaders alone.
package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrClosed is returned by Start once Close was called.
var ErrClosed = errors.New("the supervisor is closed")

// Spec says what to start.
type Spec struct {
	Path string   // the executable, absolute; "/proc/self/exe" is this program
	Args []string // argv, beginning with the program's name; empty means Path alone
	Env  []string // the whole environment, to which OUTWORK_ID is added
	Dir  string   // the working directory; empty means the supervisor's

	// Files become the child's descriptors 0, 1, 2 and so on; nil stands for
	// /dev/null, and so do 0, 1 and 2 when there are fewer. The child gets no
	// other descriptors. They stay the caller's, to be closed after Start.
	Files []*os.File
}

// Exit is how a process ended and what it used.
type Exit struct {
	Code   int            // the exit status, or -1 if a signal ended it
	Signal syscall.Signal // the signal that ended it, or 0

	// User and System are CPU time, with that of the children it waited for.
	User, System time.Duration

	// MaxRSS is the largest resident set in bytes of it or of a child that it
	// waited for. The kernel counts the supervisor's own at the time of
	// starting, so it is never below that.
	MaxRSS int64
}

// String is "exit status 3" or "signal: killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "signal: " + e.Signal.String()
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
