package terminal

import (
	"fmt"
	"os"
)

// Options are those of a loan. The zero value is ready.
type Options struct {
	// Clipboard is how many bytes of base64 the borrower may put into the terminal's
	// clipboard at once; 0: it may not.
	Clipboard int

	// Stop stops this process at a Ctrl-Z, and returns when that goes on; nil: Stop of
	// this package.
	Stop func()
}

// Signaled is that a loan ended because of a signal that would have ended this process.
type Signaled struct{ Signal os.Signal }

func (e *Signaled) Error() string {
	return fmt.Sprintf("interrupted by a signal (%v)", e.Signal)
}
