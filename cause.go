package outwork

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// Signals as Linux counts them: that is where workers run, whatever this is.
const (
	sigHup   = 1
	sigInt   = 2
	sigQuit  = 3
	sigAbort = 6
	sigUsr1  = 10
	sigUsr2  = 12
	sigXCPU  = 24
	sigSys   = 31
)

// death is what is known of how a process ended that nobody here has ended.
type death struct {
	exit   starter.Exit
	words  []byte // its last, on standard error
	limits sandbox.Limits
}

// cpu is what it used.
func (d *death) cpu() time.Duration { return d.exit.User + d.exit.System }

// cause is why.
func (d *death) cause() lost.Cause {
	exit := &d.exit
	switch {
	case exit.OutOfMemory && (exit.Signal == int(sigKill) || exit.Code > 0): // else what was killed was a child
		return lost.Memory
	case exit.Signal == sigXCPU:
		return lost.CPU
	case exit.Signal == int(sigKill) && d.limits.CPU > 0 && d.cpu() >= d.limits.CPU:
		return lost.CPU // the hard limit: Go's runtime does not heed SIGXCPU
	case exit.Signal == sigSys:
		return lost.Policy
	case exit.Signal == sigAbort || exit.Code > 0:
		return d.said()
	case exit.Signal != 0:
		return ofSignal(exit.Signal)
	}
	return lost.Exit
}

// ofSignal tells the signals that come from outside from those that a process brings upon itself.
func ofSignal(signal int) lost.Cause {
	switch signal {
	case int(sigKill), int(sigTerm), sigHup, sigInt, sigQuit, sigUsr1, sigUsr2:
		return lost.Killed
	}
	return lost.Crash
}

// Exit statuses of a Go program that crashes, and of one with the race detector, or of C++ with
// another of its kind, that gets no memory.
const (
	goCrash        = 2
	sanitizerCrash = 66
)

// inTraceback is in each goroutine's part of what a Go program says when it crashes.
const inTraceback = "\nruntime."

// outOfMemory is what runtimes say that could not get memory.
var outOfMemory = []string{
	"fatal error: runtime: out of memory",
	"fatal error: out of memory",
	"fatal error: runtime: cannot allocate memory",
	"fatal error: runtime: cannot map pages in arena address space",
	"runtime/cgo: out of memory",
	"terminate called after throwing an instance of 'std::bad_alloc'",
	"MemoryError",
}

// noThread is what a program with cgo says that could not get a thread: the memory for its stack
// was too much, or there were as many threads and processes as there may be.
const noThread = "runtime/cgo: pthread_create failed: Resource temporarily unavailable"

// threadStack is what the C library takes for a thread, where nobody has said otherwise.
const threadStack = 8 << 20

// noStack reports whether it was memory that noThread was said for, most likely: that of as many
// threads as there may be would be too much.
func noStack(l sandbox.Limits) bool {
	return l.Memory > 0 && (l.Processes <= 0 || l.Memory/threadStack < int64(l.Processes))
}

// said is the cause by the last words of a process that has aborted, or exited with a status that
// is no success.
func (d *death) said() lost.Cause {
	aborted := d.exit.Signal == sigAbort
	words := string(bytes.TrimSpace(d.words))
	at := crash(words)
	switch {
	case d.exit.Code == sanitizerCrash && strings.Contains(words, "Sanitizer failed to allocate"):
		return lost.Memory
	case noStack(d.limits) && d.exit.Code == goCrash && strings.Contains(words, noThread):
		return lost.Memory
	case at < 0 && aborted:
		return lost.Crash
	case at < 0 && d.exit.Code == goCrash && strings.Contains(words, inTraceback):
		return lost.Crash // of so many goroutines that what they died of was said too long ago
	case at < 0:
		return lost.Exit
	case startsWith(words[at:], outOfMemory) && (aborted || d.exit.Code == goCrash || d.exit.Code == 1):
		return lost.Memory
	case aborted:
		return lost.Crash
	case d.exit.Code != goCrash:
		return lost.Exit // it went on after that
	case d.limits.Memory > 0 && starvedRuntime(words[at:]):
		return lost.Memory
	case strings.HasPrefix(words[at:], "SIGSYS: "):
		return lost.Policy
	case strings.HasPrefix(words[at:], "SIGQUIT: "):
		return lost.Killed
	}
	return lost.Crash
}

// starvedRuntime reports whether Go's runtime has faulted itself, in no C code: where memory is
// limited by the process, it goes on at times after it was refused some, and falls over it.
func starvedRuntime(words string) bool {
	if !strings.HasPrefix(words, "SIGSEGV: segmentation violation\nPC=") || strings.Contains(words, "signal arrived during cgo execution") {
		return false
	}
	_, trace, _ := strings.Cut(words, "\ngoroutine ")
	_, first, _ := strings.Cut(trace, "\n")
	return strings.HasPrefix(first, "runtime.")
}

// crash is where the text of a crashing program begins, or -1.
func crash(s string) int {
	for at := 0; at >= 0; {
		if startsWith(s[at:], crashes) || startsWith(s[at:], outOfMemory) {
			return at
		}
		next := strings.IndexByte(s[at:], '\n')
		if next < 0 {
			return -1
		}
		at += next + 1
	}
	return -1
}

// crashes are how such texts begin.
var crashes = []string{
	"panic: ", "fatal error: ", "Fatal Python error: ",
	"SIGABRT: ", "SIGBUS: ", "SIGFPE: ", "SIGILL: ", "SIGQUIT: ", "SIGSEGV: ", "SIGSYS: ", "SIGTRAP: ",
}

func startsWith(s string, any []string) bool {
	for _, word := range any {
		if strings.HasPrefix(s, word) {
			return true
		}
	}
	return false
}

// why is all that is known of a worker's end, taken together. forced says that it was killed
// because its link had ended.
func (e *ending) why(limits sandbox.Limits, forced bool) error {
	switch {
	case e.by != nil:
		return e.by
	case e.lost != nil:
		return e.lost
	}
	d := death{e.exit, e.tail, limits}
	cause := d.cause()
	switch {
	case forced && cause == lost.Killed && !plainEnd(e.err):
		return e.err
	case forced && cause == lost.Killed:
		return errLetGo
	case plainEnd(e.err):
		return cause
	}
	return &twofold{cause, e.err}
}

// errLetGo is a worker that ended its link and lived on. It was killed.
var errLetGo = errors.New("it ended its link")

// plainEnd reports whether that is how a link ends when the process at its other end does.
func plainEnd(err error) bool {
	for _, plain := range []error{io.EOF, mux.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, plain) {
			return true
		}
	}
	return err == nil
}

// twofold is a cause, and why the link had ended before: this side had seen to that, or its system.
type twofold struct {
	cause lost.Cause
	link  error
}

func (t *twofold) Error() string { return t.cause.Error() + "; its link: " + t.link.Error() }

// Unwrap is both: the cause is what matters.
func (t *twofold) Unwrap() []error { return []error{t.cause, t.link} }
