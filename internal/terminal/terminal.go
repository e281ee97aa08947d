// Package terminal lends the terminal of this process to somebody who is not trusted with
// it: the keys go there as bytes, and what comes back is held to an allow-list of
// sequences (a [Filter]). The terminal is as it was before when that is over ([Loan.Close]),
// whatever ended it: the borrower's own end, its crash, a context, a signal that would end
// this process, a Ctrl-Z in the middle.
//
// What nothing here can help against is SIGKILL, and a panic in another goroutine: they
// leave the terminal as it is. The shell's reset puts it right.
package terminal

import "errors"

// ErrNoTerminal is that what was to be lent is not a terminal.
var ErrNoTerminal = errors.New("not a terminal")

// ErrOver is that the terminal is not lent any more.
var ErrOver = errors.New("the terminal was taken back")

// Size is that of a terminal, in cells. A terminal that does not tell has 80x24.
type Size struct{ Columns, Rows int }
