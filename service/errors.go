package service

import "github.com/outwork-go/outwork/internal/service/fault"

// The errors that a client gets besides those of the functions themselves, for
// errors.As. Their texts are one sentence, fit for a terminal. A function may
// return them too, for what it finds out only when it runs.
type (
	// DeniedError is a call that the policy does not allow: the function was not
	// entered. Its fields are Function, UID (the caller's), Rule (which line
	// decided), Missing (what would have helped) and Text (the whole sentence). It
	// matches fs.ErrPermission.
	DeniedError = fault.Denied

	// BusyError is a call that was not begun, because the daemon or the caller has
	// too many under way, or the daemon stops: Text says which. It may be tried
	// again. (A client that cannot even connect, because there may be no more
	// connections, gets an error that matches syscall.EAGAIN from client.Dial.)
	BusyError = fault.Busy

	// InvalidError is an argument that does not fit the function's description:
	// Field is its name on the wire, Problem the end of a sentence about it. The
	// function was not entered.
	InvalidError = fault.Invalid

	// InternalError is a function that panicked, or a daemon that could not record
	// the call. The daemon's log tells more, under the Request.
	InternalError = fault.Internal
)
