// Package supervise starts processes and supervises them: it runs in a starter
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
// A process with a [confine.Policy] it starts in namespaces and control groups of
// its own, and with the policy in its environment, where it also stands what was
// made; the process does the rest (package confine). It has no terminal, and is
// the first of its pid namespace: all in that die with it, and of SIGTERM, SIGINT,
// SIGHUP and SIGQUIT it is killed when it does not catch them, for the kernel would
// drop them. Started by root, it is to take an id that nobody else has; by another
// user, it is that user in a user namespace. Where the kernel refuses a namespace,
// the start fails and says which, why, and what to do, or with Policy.AllowReduced
// goes without. Where no control groups can be made, that is no error: the limits
// that the process sets itself are left. Groups are gone when Close returns; those
// that a killed supervisor left, and what is in them, the next one ends that makes
// some at that place.
//
// What it does not do: capture output, speak any protocol, or restart anything. A
// process without a policy that leaves the group and wipes its environment is found
// only by Close, one that forks and exits faster than it can be looked up by
// nobody, and if the supervising process itself is killed, the kernel takes the
// leaders alone, with the pid namespaces of those that have one.
package supervise

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/confine"
)

// ErrClosed is returned by Start once Close was called.
var ErrClosed = errors.New("the supervisor is closed")

// Spec says what to start.
type Spec struct {
	Path string   // the executable, absolute; "/proc/self/exe" is this program
	Args []string // argv, beginning with the program's name; empty means Path alone
	Env  []string // the whole environment, to which OUTWORK_ID is added
	Dir  string   // the working directory; empty means the supervisor's

	// Session makes the process the leader of a session of its own, which has no terminal,
	// besides that of a group.
	Session bool

	// Confine is what is to hold the process, or nil: its namespaces and control groups are
	// made here, and the process finds the rest in its environment (confine.Enter).
	Confine *confine.Policy

	// Files become the child's descriptors 0, 1, 2 and so on; nil stands for
	// /dev/null, and so do 0, 1 and 2 when there are fewer. The child gets no
	// other descriptors. They stay the caller's, to be closed after Start.
	Files []*os.File
}

// Exit is how a process ended and what it used. A starter tells it to its manager as it is.
type Exit struct {
	Code   int // the exit status, or -1 if a signal ended it
	Signal int // the signal that ended it, or 0

	// User and System are CPU time, with that of the children it waited for.
	User, System time.Duration

	// MaxRSS is the largest resident set in bytes of it or of a child that it
	// waited for. The kernel counts the supervisor's own at the time of
	// starting, so it is never below that.
	MaxRSS int64

	// PeakMemory is the most memory in bytes that its control group had, with what the kernel
	// keeps for it; 0 where it had none.
	PeakMemory int64

	// OutOfMemory tells that the kernel killed something in it for its control group's limit.
	OutOfMemory bool
}

// String is "exit status 3" or "signal: killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "signal: " + syscall.Signal(e.Signal).String()
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
