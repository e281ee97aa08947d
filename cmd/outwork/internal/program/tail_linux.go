package program

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tail is the read end of a pipe that a command writes to. Processes that left its
// group may hold it open for ever; so when the command has ended, what is in it then is
// the last that is read.
type tail struct {
	f     *os.File
	ended bool
	left  int // of what was in the pipe when it ended
}

// end says that the command has ended. It may be called during Read.
func (t *tail) end() { t.f.SetReadDeadline(time.Unix(1, 0)) }

// Close gives the pipe up.
func (t *tail) Close() error { return t.f.Close() }

// Read reads what there is.
func (t *tail) Read(p []byte) (int, error) {
	if !t.ended {
		n, err := t.f.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		t.ended, t.left = true, pending(t.f)
		t.f.SetReadDeadline(time.Time{})
	}
	if t.left <= 0 {
		return 0, io.EOF
	}
	n, err := t.f.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, err
}

// pending is how many bytes can be read at once.
func pending(f *os.File) (n int) {
	c, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	c.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n
}
