package host

import (
	"strings"

	"github.com/outwork-go/outwork/internal/legible"
)

// Error is a host that was not reached: at which stage, why, and the last lines that it
// printed.
type Error struct {
	Stage Stage
	Hop   string   // its URL
	Err   error    // why; a context's error if that ended it
	Lines []string // the last lines that the other side printed, made safe for a terminal
	Facts *Facts   // what is known of the host, if the shell there has said anything
	Code  int      // exit status of the hop's command; -1 if it has none, or was ended by a signal
}

// Error is one sentence.
func (e *Error) Error() string {
	s := e.Hop + ": " + e.Stage.String() + ": " + e.Err.Error()
	if last := e.last(); last != "" && !strings.Contains(s, strings.TrimSuffix(last, ".")) && !strings.Contains(last, e.Err.Error()) {
		s += "; the last that was printed: " + legible.Cut(last, maxLast)
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// last is the last of Lines; "" if there are none.
func (e *Error) last() string {
	if len(e.Lines) == 0 {
		return ""
	}
	return e.Lines[len(e.Lines)-1]
}

// maxLast is how many characters of the last line an error has.
const maxLast = 300
