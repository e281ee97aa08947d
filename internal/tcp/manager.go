package tcp

import (
	"cmp"
	"io"
	"time"

	"github.com/outwork-go/outwork/internal/resume"
)

// How long a host may be cut off before it is lost, when nothing was said and at most.
const (
	DefaultRedial = 2 * time.Minute
	MaxRedial     = time.Hour
)

// Redial is what d, which somebody has asked for, comes to.
func Redial(d time.Duration) time.Duration {
	return min(cmp.Or(max(d, 0), DefaultRedial), MaxRedial)
}

const (
	// Closes is what a manager says to its hosts when it closes.
	Closes = "the manager closes"
	// Farewell is how long a host is waited for that is told of the end.
	Farewell = time.Second
	// Joined begins the URL of a host that has joined.
	Joined = "join://"
)

// Manager is what a listener knows of the manager that hosts join.
type Manager interface {
	// Open calls open, and has what it returns closed when the manager closes. One that
	// has closed opens nothing.
	Open(open func(Listening) (io.Closer, error)) error
	// Closed is told of what was opened, and closed before the manager was.
	Closed(l io.Closer)
	// Adopt makes a host of one that has joined. It is called while what was opened is not
	// closed yet.
	Adopt(name string, stream *resume.Conn) (Host, error)
	// Go runs f, which the manager's Close waits for. It is called as Adopt is.
	Go(f func())
}

// Host is one that has joined a manager.
type Host interface {
	// Arrived returns when the host has greeted, or with why it does not.
	Arrived() error
	// Parted returns when nothing is left of the host: what its link ended with, and why
	// it was lost.
	Parted() (end, why error)
}
