// Package listen is a daemon's listening socket: one of its own ([Own]), or one
// that systemd made ([Activated]). What it accepts comes with who connected, by
// the kernel's word, and within limits.
//
// # A socket of its own
//
// The socket's directory must be there, and nobody but root and the daemon's own
// user may be able to put something else in the socket's place: the directory and
// all above it belong to one of them, and are writable by nobody else unless
// sticky. Otherwise Own refuses, and says what to do. So whatever is checked there
// stays as it is until it is used, but for what root does.
//
// Beside the socket lies a lock file, its path and ".lock", that names the
// process. The daemon holds a lock (flock) on it for life. With the lock in hand,
// Own looks at what lies at the path:
//
//	nothing                                    the socket is put there
//	a stale socket of this user: nobody        it is replaced
//	  listens on it (ECONNREFUSED)
//	a socket that answers, also when busy      refused
//	any other socket                           refused
//	a file, symlink, directory, FIFO, device   refused
//
// Who holds the lock already is named by an [InUseError]. What is refused is left
// as it is. The new socket is bound at the path with ".new", is given its group
// and its mode, listens, and only then is renamed: whoever sees it may connect at
// once, and nobody could before who may not then. An old socket is exchanged for it
// in one step, looked at again, and removed. Close removes the socket, unless
// something else lies there by then, and the lock file.
//
// # A socket of systemd's
//
// It must be the only one passed, a unix stream socket that listens at a path.
// Mode and group are systemd's affair, and Close leaves it where it is. Who asks
// by SO_PEERCRED whom the service runs as is told who made it listen: root, or who
// runs the user's systemd.
//
// # Limits
//
// Of the connections at once, some are kept for root: what others hold can never
// keep root out. Nobody else may have more than a share. Who comes when there is no
// room is closed at once, before anything is read or looked up, and told to
// [Config].Notice.
//
// When the process has no file descriptor left, which clients that pass many can
// bring about, root gets in; others wait until descriptors are free. Eight are held
// in reserve for that. By one of them whoever comes next is accepted: others are
// closed at once, and have to come again; root is given the rest of the reserve for
// its connection. The reserve is filled again when there are enough, and until then
// nobody but root is let in. Once it is used up, root too waits in the kernel's
// queue, until a connection ends or a descriptor is free. With OwnUserOnly there is
// no reserve, and all wait in the queue.
package listen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Limits.
const (
	MaxPath = 107 - len(newSuffix) // bytes of a socket's path; the kernel takes 107
	backlog = 1024                 // connections that wait to be accepted

	lockSuffix = ".lock"
	newSuffix  = ".new"
)

// Config says where to listen and whom to accept.
type Config struct {
	// Of Own alone: an absolute path, permission bits, and the group that the
	// socket is given, by name or number; "" leaves it the daemon's.
	Path  string
	Mode  os.FileMode
	Group string

	// Connections is how many there may be at once, of all users. It is lowered
	// when the process may not have so many file descriptors open. An eighth of
	// it is for root alone, unless OwnUserOnly.
	Connections int

	// PerUser is how many of one user there may be at once; root is not held to
	// it.
	PerUser int

	// OwnUserOnly refuses everybody but the user of this process, root too.
	OwnUserOnly bool

	// Notice is told of those who are refused, and of shortages: at most once in
	// NoticeEvery for each user and reason, with a count. It is called by Accept
	// and Close, and must be quick. It may be nil.
	Notice func(Notice)
}

// InUseError is a socket that another daemon serves.
type InUseError struct {
	Path string
	PID  int // of the daemon, by its own word; 0: not known
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("listen on %s: another daemon serves it already, and holds %s%s", e.Path, e.Path, lockSuffix)
	}
	return fmt.Sprintf("listen on %s: another daemon serves it already: process %d, which holds %s%s", e.Path, e.PID, e.Path, lockSuffix)
}

// ErrClosed is what Accept fails with once the Listener is closed.
var ErrClosed = errors.New("the listening socket is closed")

// checkPath refuses a path that cannot be a socket's.
func checkPath(path string) error {
	switch {
	case !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" || strings.ContainsRune(path, 0):
		return fmt.Errorf("listen on %q: a socket's path must be absolute, without \"..\" and the like", path)
	case len(path) > MaxPath:
		return fmt.Errorf("listen on %s: the path has %d bytes, and a socket's may have %d: choose a shorter one", path, len(path), MaxPath)
	}
	return nil
}

// check refuses a Config that cannot work.
func (c *Config) check() error {
	if c.Connections < 1 || c.PerUser < 1 {
		return fmt.Errorf("listen: at most %d connections, %d of one user: there must be at least one", c.Connections, c.PerUser)
	}
	return nil
}
