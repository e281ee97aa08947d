package outwork

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/output"
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
	Worker, Host string // where; "" are the manager, called by Back, and this machine; Host alone is a service's address
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
	Cause        error  // ErrClosed, or why the link ended
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
	switch {
	case errors.Is(e.Cause, ErrClosed) && isService(e.Worker, e.Host):
		return "the connection was closed by this side"
	case errors.Is(e.Cause, ErrClosed):
		return ErrClosed.Error()
	case errors.Is(e.Cause, errOverdue):
		return e.Cause.Error()
	case e.Signal != "":
		return "signal " + e.Signal
	case e.ExitCode >= 0:
		return fmt.Sprintf("exit status %d", e.ExitCode)
	case e.Cause != nil:
		return e.Cause.Error()
	}
	return "nobody knows how"
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

// crash is where the text of a crashing Go program begins, or -1.
func crash(s string) int {
	for _, word := range []string{
		"panic: ", "fatal error: ",
		"SIGABRT: ", "SIGBUS: ", "SIGFPE: ", "SIGILL: ", "SIGQUIT: ", "SIGSEGV: ", "SIGSYS: ", "SIGTRAP: ",
	} {
		if strings.HasPrefix(s, word) {
			return 0
		}
		if at := strings.Index(s, "\n"+word); at >= 0 {
			return at + 1
		}
	}
	return -1
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

// callError is an error of the caller's side, with where it happened.
type callError struct {
	function, worker, host string
	err                    error
}

func (e *callError) Error() string {
	return fmt.Sprintf("%s on %s: %v", e.function, place(e.worker, e.host), e.err)
}

func (e *callError) Unwrap() error { return e.err }

// remote is a Failure as callers see it.
func remote(f *link.Failure, function, worker, host string) error {
	return &RemoteError{
		Worker: worker, Host: host, Function: function, Message: f.Message, Stack: f.Stack,
		Panicked: f.Code == link.CodePanicked,
		Refused:  f.Code == link.CodeUnknown || f.Code == link.CodeMismatch || f.Code == link.CodeRefused,
		errs:     f.Errs,
	}
}

// violation is the broken rule in err, or nil.
func violation(err error) *frame.Violation {
	v, _ := errors.AsType[*frame.Violation](err)
	return v
}
