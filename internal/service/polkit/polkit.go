// Package polkit asks polkit, over the system bus, whether a process may do
// something. It needs Linux.
//
// Who is asked about is known by what the kernel said when they connected: the
// uid and the start time of the process go along with its number, and a pidfd
// where polkit takes one, and before and after polkit was asked the process must
// be the same still. Whatever is not a clear yes, is none.
package polkit

import (
	"errors"
	"fmt"
	"time"
)

// Bounds of what is asked at once, of all users and of one. A bus lets one
// connection wait for 128 answers.
const (
	MaxQuestions        = 64
	MaxQuestionsPerUser = 4
)

// Bounds of the details that go with a question, in bytes. What is longer is cut,
// and details beyond the last are left out.
const (
	MaxDetails     = 16 // their number
	MaxDetailName  = 64
	MaxDetailValue = 1 << 10
)

const (
	// AskTime is how long polkit may take when Config does not say: a person may
	// have to find a password.
	AskTime = 2 * time.Minute

	// busTime is how long the bus may take to let us in, and to take a message.
	busTime = 5 * time.Second
)

// Config says how polkit is reached. The zero value is the polkit of the system.
type Config struct {
	// Address is the bus, as "unix:path=/run/dbus/system_bus_socket". If it is ""
	// that is DBUS_SYSTEM_BUS_ADDRESS, which a program with the rights of another
	// user ignores, or that of the system. The bus must belong to root or to the
	// user of this process.
	Address string

	// AskTime is how long polkit may take for one question; 0 is AskTime.
	AskTime time.Duration
}

var (
	// ErrBusy is the error of a question beyond MaxQuestions or MaxQuestionsPerUser.
	ErrBusy = errors.New("too many questions wait for polkit already: try again when they are answered")

	// ErrGone is the error of a question about a process that ended, or that is not
	// known for sure.
	ErrGone = errors.New("polkit is asked only about a process that is known and still there")

	// ErrClosed is the error of a question to an Authority that was closed.
	ErrClosed = errors.New("polkit is not asked any more: the service is stopping")
)

// NotAvailableError tells that there is no polkit to ask.
type NotAvailableError struct {
	Reason string // what is not there, and what to do
	Err    error  // may be nil
}

func (e *NotAvailableError) Error() string { return "polkit is not available: " + e.Reason }

func (e *NotAvailableError) Unwrap() error { return e.Err }

func notAvailable(err error, format string, args ...any) error {
	return &NotAvailableError{fmt.Sprintf(format, args...), err}
}
