package outwork

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// crossing are the errors that cross as themselves.
var crossing link.Errors

// RegisterError makes errors that are target (errors.Is) cross under code, so
// that errors.Is(err, target) holds on the caller's side too. When target is a
// struct of exported fields, or a pointer to one, any error of its type crosses
// with its fields, for errors.As. Both processes must register the same. Those
// of io and io/fs, context's and errno are registered. Call it from
// package-level variables (its result is there for them, and empty) or init; it
// panics when code is taken, naming both places.
func RegisterError(code string, target error) struct{} {
	_, file, line, _ := runtime.Caller(1)
	if err := crossing.Register(code, target, fmt.Sprintf("%s:%d", file, line)); err != nil {
		panic("outwork: " + err.Error())
	}
	return struct{}{}
}

// ErrClosed is matched by what fails because its manager, worker or connection
// was closed by this side.
var ErrClosed = errors.New("closed by its manager")

// RemoteError is a function's own answer: it returned an error or panicked, or
// could not be run as it was called. The worker is fine.
type RemoteError struct {
	Worker, Host string // where; "" are the manager, called by call.Back, and this machine; Host alone is a service's address
	Function     string
	Message      string // the text of the function's error, as it is
	Stack        string // of a panic; of a script, its traceback
	Panicked     bool
	Refused      bool // it did not run: no such function, or other types

	errs []error
}

// Error is fit for a terminal: control sequences in the message are escaped,
// but for colours and the like.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s on %s: %s", e.Function, place(e.Worker, e.Host), output.Sanitize([]byte(e.Message)))
}

// Unwrap lets errors.Is and errors.As find the registered errors that the
// function's error was.
func (e *RemoteError) Unwrap() []error { return e.errs }

// LostError is a worker that is gone: it exited, was killed, or its link broke.
// Or it is a connection to a service that has ended.
type LostError struct {
	Worker, Host string // Host alone is a service's address
	Function     string // of the call that was under way; "" otherwise
	ExitCode     int    // -1 when a signal ended it, or nobody knows
	Signal       string // its name, "" when it exited
	Stderr       []byte // the last of what it wrote there, at most 64 KiB
	MayHaveRun   bool   // the call had been sent: it may have had effects
	Cause        error  // ErrClosed, a lost.Cause, or why the link ended; errors.Is finds it

	// What the process used, where that is known; otherwise 0.
	PeakMemory int64         // bytes: the most that it had at once, of its control group or else resident
	CPU        time.Duration // with that of the processes it waited for

	limits sandbox.Limits // that it had
}

// Error names the worker, how it ended and its last words.
func (e *LostError) Error() string {
	var b strings.Builder
	if e.Function != "" {
		fmt.Fprintf(&b, "%s: ", e.Function)
	}
	fmt.Fprintf(&b, "%s is lost: %s", place(e.Worker, e.Host), e.how())
	if e.Function != "" && !e.MayHaveRun {
		b.WriteString("; the call was not sent")
	}
	if words := lastWords(e.Stderr); words != "" {
		b.WriteString("; its last words: " + words)
	}
	return b.String()
}

func (e *LostError) how() string {
	cause, classed := errors.AsType[lost.Cause](e.Cause)
	switch {
	case errors.Is(e.Cause, ErrClosed) && isService(e.Worker, e.Host):
		return "the connection was closed by this side"
	case errors.Is(e.Cause, ErrClosed):
		return ErrClosed.Error()
	case classed && cause != lost.Host: // of which it tells more
		text := e.why(cause)
		if both, ok := errors.AsType[*twofold](e.Cause); ok {
			text += "; its link: " + both.link.Error()
		}
		return text
	case e.Cause != nil:
		return e.Cause.Error()
	}
	return e.exit()
}

// exit is how the process ended, by itself.
func (e *LostError) exit() string {
	switch {
	case e.Signal != "":
		return "signal " + e.Signal
	case e.ExitCode >= 0:
		return fmt.Sprintf("exit status %d", e.ExitCode)
	}
	return "nobody knows how"
}

// why is the cause with what is known of it.
func (e *LostError) why(c lost.Cause) string {
	l := &e.limits
	switch c {
	case lost.Exit:
		return e.exit()
	case lost.Killed:
		return e.exit() + e.used("")
	case lost.Crash:
		return c.Error() + ": " + e.exit()
	case lost.Memory:
		return c.Error() + e.used(limit(l.Memory, sizeText))
	case lost.CPU:
		return c.Error() + e.used(limit(l.CPU, time.Duration.String))
	case lost.Time:
		return c.Error() + e.used(limit(l.WallTime, time.Duration.String))
	case lost.Output:
		return c.Error() + e.used(limit(l.Output, sizeText))
	case lost.Overdue:
		if l.Grace > 0 {
			return fmt.Sprintf("killed: a call did not return within %v of being cancelled", l.Grace)
		}
	}
	return c.Error()
}

// used is what the process used, in brackets behind its limit.
func (e *LostError) used(limit string) string {
	var parts []string
	if limit != "" {
		parts = append(parts, limit)
	}
	if e.PeakMemory > 0 {
		parts = append(parts, "peak "+sizeText(e.PeakMemory))
	}
	if e.CPU > 0 {
		parts = append(parts, fmt.Sprintf("%.1f s of CPU", e.CPU.Seconds()))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// limit is a limit in a text, if there is one.
func limit[T int64 | time.Duration](n T, text func(T) string) string {
	if n <= 0 {
		return ""
	}
	return "limit " + text(n)
}

// sizeText is a size for people.
func sizeText(n int64) string {
	const unit = 1 << 10
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	size, prefixes := float64(n)/unit, "KMGTPE"
	for size >= unit {
		size, prefixes = size/unit, prefixes[1:]
	}
	text := fmt.Sprintf("%.1f", size)
	return strings.TrimSuffix(text, ".0") + " " + prefixes[:1] + "iB"
}

// Unwrap is the cause.
func (e *LostError) Unwrap() error { return e.Cause }

// lastWords is what matters most of what a worker wrote at last, fit for an
// error message: the beginning of a crash's text, or else the end.
func lastWords(b []byte) string {
	const most = 400 // bytes
	s := strings.TrimSpace(string(output.Sanitize(b)))
	if at := crash(s); at >= 0 {
		s = s[at:]
		if len(s) > most {
			s = strings.ToValidUTF8(s[:most], "") + " …"
		}
	} else if len(s) > most {
		s = "… " + strings.ToValidUTF8(s[len(s)-most:], "")
	}
	return strings.ReplaceAll(s, "\n", "\n\t")
}

// ProtocolError is a worker that broke the protocol. It was killed. Or it is a
// service that did; the connection to it was closed.
type ProtocolError struct {
	Worker, Host string // Host alone is a service's address
	Function     string // of the call that was under way; "" otherwise
	Rule         string // its name in PROTOCOL.md
	Detail       string
}

// Error names the worker or service, and the rule.
func (e *ProtocolError) Error() string {
	what := ""
	if e.Function != "" {
		what = e.Function + ": "
	}
	end := "was killed"
	if isService(e.Worker, e.Host) {
		end = "was left"
	}
	return fmt.Sprintf("%s%s broke the protocol and %s: rule %s: %s", what, place(e.Worker, e.Host), end, e.Rule, output.Sanitize([]byte(e.Detail)))
}

// Unwrap is [lost.Protocol].
func (e *ProtocolError) Unwrap() error { return lost.Protocol }

// place is a worker or service in an error's text.
func place(worker, host string) string {
	switch {
	case isService(worker, host):
		return "the service at " + host
	case worker == "":
		return "the caller" // which was called back
	case host != "":
		return fmt.Sprintf("worker %q at %s", worker, host)
	}
	return fmt.Sprintf("worker %q", worker)
}

// isService reports whether the place of an error is a service.
func isService(worker, host string) bool { return worker == "" && host != "" }

// violation is the broken rule in err, or nil.
func violation(err error) *frame.Violation {
	v, _ := errors.AsType[*frame.Violation](err)
	return v
}
