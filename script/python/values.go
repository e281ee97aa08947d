package python

import (
	"fmt"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/codec"
)

// Tuple is a Python tuple.
type Tuple = codec.Tuple

// Set is a Python set or frozenset. Its elements are in no order.
type Set = codec.Set

// Keywords are the keyword arguments of a call: the last of its arguments.
type Keywords = codec.Keywords

// Exception is a Python exception, as a value or in an error (errors.As). All of it
// is text.
type Exception = codec.Exception

// Exit is in the error of a script that ended by sys.exit.
type Exit struct{ Status int }

// Error tells the status.
func (e *Exit) Error() string { return fmt.Sprintf("exit status %d", e.Status) }

var (
	_ = outwork.RegisterError("python.Exception", (*Exception)(nil))
	_ = outwork.RegisterError("python.Exit", (*Exit)(nil))
)
